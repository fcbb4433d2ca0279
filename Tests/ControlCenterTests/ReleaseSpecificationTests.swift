import Cryptography
import Database
import FoundationEssentials
import HTTPService
import TestSupport
import Testing
import WireFormats

@testable import ControlCenter

/// What CI does according to the specification, done by the real curl, word for word.
@Suite(.timeLimit(.minutes(5))) struct ReleaseSpecificationTests {
  /// Spec §5.1, stage 'Upload to GCC'.
  private static let uploads = #"""
    # Upload Helm chart
    curl -X POST https://gcc.wrktalk.com/api/internal/artifacts \
      -H "Authorization: Bearer ${GCC_CI_TOKEN}" \
      -F "file=@wrktalk-${VERSION}.tgz" \
      -F "type=helm" \
      -F "version=${VERSION}"

    # Upload Compose bundle
    curl -X POST https://gcc.wrktalk.com/api/internal/artifacts \
      -H "Authorization: Bearer ${GCC_CI_TOKEN}" \
      -F "file=@wrktalk-${VERSION}-compose.tar.gz" \
      -F "type=compose" \
      -F "version=${VERSION}"
    """#

  /// Spec §5.1, stage 'Create Release in GCC'.
  private static let release = #"""
    curl -X POST https://gcc.wrktalk.com/api/internal/releases \
      -H "Authorization: Bearer ${GCC_CI_TOKEN}" \
      -H "Content-Type: application/json" \
      -d '{
        "version": "${VERSION}",
        "imageTags": {
          "backend": "${BACKEND_TAG}",
          "media": "${MEDIA_TAG}",
          "controlTower": "${CT_TAG}",
          "agent": "${AGENT_TAG}"
        },
        "isForced": false,
        "isMigrationRequired": false,
        "releaseNotes": "...",
        "newNonEssentialEnvs": [
          { "key": "NEW_FEATURE", "value": "false" }
        ]
      }'
    """#

  private static let variables = [
    "VERSION": "2.3.0", "BACKEND_TAG": "sha-abc123", "MEDIA_TAG": "sha-def456", "CT_TAG": "sha-ghi789",
    "AGENT_TAG": "sha-jkl012", "GCC_CI_TOKEN": "ci",
  ]

  /// A server that curl takes for gcc.wrktalk.com, and a folder with what CI has built.
  private func withServer(_ body: @Sendable (ArtifactFixture, TemporaryFolder) async throws -> Void) async throws {
    let certificate = try await TestCertificate.make(for: ["DNS:gcc.wrktalk.com"])
    let credentials = try TLSCredentials(
      certificateFile: certificate.certificateFile, keyFile: certificate.keyFile, logger: ArtifactFixture.logger)
    let fixture = try await ArtifactFixture()
    try await ControlCenterTestServer.run(
      service: fixture.service, credentials: credentials, addRoutes: fixture.addRoutes
    ) { server in
      let folder = try TemporaryFolder()
      try folder.write(
        """
        silent
        show-error
        connect-to = "gcc.wrktalk.com:443:127.0.0.1:\(server.port)"
        cacert = "\(certificate.certificateFile)"
        write-out = "\\n"
        """, to: ".curlrc")
      try Data(TestArchive.chart("2.3.0")).write(to: URL(filePath: folder.file("wrktalk-2.3.0.tgz")))
      try Data(TestArchive.bundle()).write(to: URL(filePath: folder.file("wrktalk-2.3.0-compose.tar.gz")))
      try await body(fixture, folder)
    }
    await fixture.close()
  }

  private func run(_ script: String, in folder: TemporaryFolder) async throws -> [JSONValue] {
    let program = try await RunningProgram.start(
      "/bin/sh", arguments: ["-c", script],
      environment: Self.variables.merging(["CURL_HOME": folder.path, "HOME": folder.path]) { $1 },
      workingDirectory: folder.path)
    #expect(await program.termination() == .exited(code: 0), "\(program.output)")
    return program.output.filter { !$0.isEmpty }.map { (try? JSONValue(parsing: Array($0.utf8))) ?? .string($0) }
  }

  @Test func theSpecificationsCommandsMakeARelease() async throws {
    try await withServer { fixture, folder in
      let uploaded = try await run(Self.uploads, in: folder)
      #expect(
        uploaded.map { $0["bucketPath"]?.string } == [
          "charts/helm/wrktalk-2.3.0.tgz", "charts/compose/wrktalk-2.3.0-compose.tar.gz",
        ])
      #expect(uploaded.allSatisfy { $0["sha256"]?.string?.count == 64 && $0["sizeBytes"]?.integer != nil })
      // As it stands the command sends the variables' names, since a shell expands nothing in single quotes.
      let verbatim = try await run(Self.release, in: folder)
      #expect(verbatim.first?["error"]?.string?.contains("a shell expands no variable in single quotes") == true)
      // With the values in their places it is what the specification means.
      let filled = Self.variables.reduce(Self.release) { text, variable in
        variable.key == "GCC_CI_TOKEN" ? text : text.replacing("${\(variable.key)}", with: variable.value)
      }
      let released = try await run(filled, in: folder)
      #expect(released.first?["version"] == "2.3.0" && released.first?["status"] == "draft", "\(released)")
      let row = try await fixture.rows(
        "SELECT \"backendImageTag\", \"agentImageTag\", \"newNonEssentialEnvs\" FROM gcc_release")
      #expect(row.first?[0] == .text("sha-abc123") && row.first?[1] == .text("sha-jkl012"))
      #expect(row.first?[2] == .text(#"[{"key":"NEW_FEATURE","value":"false"}]"#))
      try await fixture.expectAgreement()
      // All of it again, as a job that is started anew does.
      #expect(try await run(Self.uploads, in: folder) == uploaded)
      #expect(try await run(filled, in: folder) == released)
    }
  }

  /// The scripts of the pipeline's stages that speak to the control center.
  private func stages(_ names: [String]) throws -> [String] {
    let file = try String(contentsOfFile: "\(Testbed.repository)/manifests/Jenkinsfile", encoding: .utf8)
    return try names.map { name in
      let stage = try #require(file.firstRange(of: "stage('\(name)')"))
      let start = try #require(file[stage.upperBound...].firstRange(of: "sh '''"))
      let end = try #require(file[start.upperBound...].firstRange(of: "'''"))
      // Groovy takes two backslashes for one.
      return String(file[start.upperBound..<end.lowerBound]).replacing("\\\\", with: "\\")
    }
  }

  @Test func theJenkinsfileMakesAndPublishesARelease() async throws {
    try await withServer { fixture, folder in
      let scripts = try stages(["Upload to GCC", "Create Release in GCC", "Publish Release"])
      // As the stage writes it before its script runs.
      try folder.write(
        ControlCenterTestServer.release("2.3.0") { $0["releaseNotes"] = "Bug fixes \"quoted\" and ünïcode" }.text,
        to: "release.json")
      for script in scripts {
        let program = try await RunningProgram.start(
          "/bin/sh", arguments: ["-c", script],
          environment: Self.variables.merging([
            "CURL_HOME": folder.path, "HOME": folder.path, "GCC_URL": "https://gcc.wrktalk.com",
          ]) { $1 }, workingDirectory: folder.path)
        #expect(await program.termination() == .exited(code: 0), "\(program.output)")
        #expect(!program.output.joined().contains("Bearer"), "the token is never shown")
      }
      let row = try await fixture.rows("SELECT status, \"releaseNotes\", \"composeArtifactSha256\" FROM gcc_release")
      #expect(row.first?[0] == .text("published"))
      #expect(row.first?[1] == .text("Bug fixes \"quoted\" and ünïcode"))
      #expect(row.first?[2].text?.count == 64)
    }
  }

  @Test func theJenkinsfileFailsWhereTheServerRefuses() async throws {
    try await withServer { fixture, folder in
      try Data(TestArchive.chart("9.9.9")).write(to: URL(filePath: folder.file("wrktalk-2.3.0.tgz")))
      let program = try await RunningProgram.start(
        "/bin/sh", arguments: ["-c", try stages(["Upload to GCC"])[0]],
        environment: Self.variables.merging([
          "CURL_HOME": folder.path, "HOME": folder.path, "GCC_URL": "https://gcc.wrktalk.com",
        ]) { $1 }, workingDirectory: folder.path)
      #expect(await program.termination() != .exited(code: 0))
      #expect(program.output.contains { $0.contains("the version \\\"9.9.9\\\"") }, "\(program.output)")
    }
  }
}
