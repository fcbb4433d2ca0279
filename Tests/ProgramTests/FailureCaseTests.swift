import DeploymentKinds
import FoundationEssentials
import ResourceClient
import ResourceModel
import TestSupport
import Testing
import WireFormats

/// What goes wrong in the field, with the real programs: each failure is said in the right place, and nothing is lost.
@Suite(.needs(.docker), .needs(.images), .usesEngine, .timeLimit(.minutes(60)))
struct FailureCaseTests {
  /// Waits until the record is stalled and returns the reason and message of `Ready`.
  private func stalledReason(_ environment: CustomerEnvironment) async throws -> (reason: String, message: String) {
    let deployment = try await environment.wait(for: "Stalled") {
      $0.status?.conditions?.isTrue(DeploymentCondition.stalled) == true
    }
    let stalled = try #require(deployment.status?.conditions?[DeploymentCondition.stalled])
    #expect(deployment.status?.conditions?[DeploymentCondition.ready]?.status == .isFalse)
    return (stalled.reason, stalled.message)
  }

  @Test func aMissingArtifactNamesTheBucketAndTheKey() async throws {
    try await CustomerEnvironment.use { environment in
      try await environment.startAgent()
      let artifact = DesiredDeploymentSpec.Artifact(
        path: "artifacts/compose/none.tar.gz", sha256: String(repeating: "a", count: 64))
      try await environment.apply(environment.spec(version: "1.0.0", artifact: artifact, tag: "v1"))
      let (_, message) = try await stalledReason(environment)
      #expect(message.contains("artifacts/compose/none.tar.gz"))
      #expect(try await environment.containers().isEmpty)
    }
  }

  /// Archives that must not be unpacked, made with the tar of the machine.
  enum HostileArchive: String, CaseIterable, Sendable {
    case truncated = "head -c 200 good.tar.gz > bad.tar.gz"
    case symbolicLink = "ln -s /etc/passwd wrktalk/link && tar -czf bad.tar.gz wrktalk"
    case hardLink = "ln wrktalk/docker-compose.yaml wrktalk/again && tar -czf bad.tar.gz wrktalk"
    case pathOutside = "tar -czPf bad.tar.gz --transform 's,^wrktalk,../outside,' wrktalk"
    case absolutePath = "tar -czPf bad.tar.gz --transform 's,^wrktalk,/tmp/outside,' wrktalk"
    case device = "mknod wrktalk/null c 1 3 2>/dev/null || mkfifo wrktalk/null; tar -czf bad.tar.gz wrktalk"
    case tenGigabytesOfZeros = "truncate -s 10G wrktalk/zeros && tar -cf - wrktalk | gzip -1 > bad.tar.gz"
  }

  @Test(arguments: HostileArchive.allCases)
  func aHostileArchiveIsRefusedAndLeavesNothing(_ archive: HostileArchive) async throws {
    try await CustomerEnvironment.use { environment in
      try await environment.startAgent()
      _ = try await environment.publish(version: "1.0.0", composeFile: twoServices)
      let folder = environment.folder.file("bundle-1.0.0")
      try await CustomerEnvironment.command(
        "sh", "-c", "cd \(folder) && tar -czf good.tar.gz wrktalk && \(archive.rawValue)")
      let path = "artifacts/compose/bad.tar.gz"
      try await CustomerEnvironment.command("mv", "\(folder)/bad.tar.gz", environment.folder.file("bucket/\(path)"))
      let artifact = DesiredDeploymentSpec.Artifact(
        path: path, sha256: try await environment.sha256(of: environment.folder.file("bucket/\(path)")))
      try await environment.apply(environment.spec(version: "1.0.0", artifact: artifact, tag: "v1"))
      let (reason, message) = try await stalledReason(environment)
      #expect(!reason.isEmpty && !message.isEmpty)
      #expect(try await environment.containers().isEmpty)
      #expect(!FileManager.default.fileExists(atPath: "/tmp/outside"))
    }
  }

  @Test func anImageThatDoesNotExistIsNamedAndTheLastGoodVersionStays() async throws {
    try await CustomerEnvironment.use { environment in
      try await environment.startAgent()
      let artifact = try await environment.publish(version: "1.0.0", composeFile: twoServices)
      try await environment.apply(environment.spec(version: "1.0.0", artifact: artifact, tag: "v1"))
      try await environment.waitUntilReady()
      let before = try await environment.containerID(of: "backend")
      try await environment.apply(environment.spec(version: "1.1.0", artifact: artifact, tag: "missing"))
      let (_, message) = try await stalledReason(environment)
      #expect(message.contains("missing"))
      #expect(try await environment.containerID(of: "backend") == before)
    }
  }

  @Test func aPortInUseIsNamed() async throws {
    try await CustomerEnvironment.use { environment in
      try await environment.startAgent()
      let file = twoServices.replacing(
        "    depends_on:", with: "    ports: [\"127.0.0.1:\(environment.port):8080\"]\n    depends_on:")
      let artifact = try await environment.publish(version: "1.0.0", composeFile: file)
      try await environment.apply(environment.spec(version: "1.0.0", artifact: artifact, tag: "v1"))
      let (reason, message) = try await stalledReason(environment)
      #expect(reason == "PortInUse")
      #expect(message.contains(String(environment.port)))
    }
  }

  @Test func anEngineThatIsDownIsRetriedAndFoundAgain() async throws {
    try await CustomerEnvironment.use { environment in
      let artifact = try await environment.publish(version: "1.0.0", composeFile: twoServices)
      try await environment.apply(environment.spec(version: "1.0.0", artifact: artifact, tag: "v1"))
      let agent = try await environment.startAgent(["DOCKER_HOST": "unix://\(environment.folder.file("none.sock"))"])
      let waiting = try await environment.wait(for: "the engine to be missed") {
        $0.status?.progress?.message.contains("none.sock") == true
      }
      #expect(waiting.status?.conditions?[DeploymentCondition.ready]?.status != .isTrue)
      await agent.stop()
      try await environment.startAgent()
      // A deployment that used up its tries while the engine was away is asked for once more.
      _ = try await environment.client.mergePatch(
        DesiredDeploymentKind.definition.names, CustomerEnvironment.key,
        ["metadata": ["annotations": [DesiredDeploymentKind.retryAnnotation: "2026-01-01T00:00:00Z"]]])
      try await environment.waitUntilReady()
    }
  }

  @Test func aWrongTokenIsSaidAtOnce() async throws {
    try await CustomerEnvironment.use { environment in
      let token = try environment.folder.write("wrong-token\n", to: "wrong.token")
      let agent = try await environment.startAgent(["WRKTALK_AGENT_TOKEN_FILE": token])
      let line = try await agent.line(containing: "401")
      #expect(!line.contains("wrong-token"))
    }
  }

  @Test func settingsNeverShowUpAnywhere() async throws {
    try await CustomerEnvironment.use { environment in
      let secret = "hunter2-\(environment.project)"
      try environment.setSettings(["REGISTRY": try Testbed.location(of: .images), "JWT_SECRET": secret])
      let file = twoServices.replacing(
        "    depends_on:",
        with:
          "    command: [\"/bin/sh\", \"-c\", \"echo $$JWT >&2; exit 3\"]\n    environment: {JWT: \"${JWT_SECRET}\"}\n    depends_on:"
      )
      let artifact = try await environment.publish(version: "1.0.0", composeFile: file)
      let agent = try await environment.startAgent(["WRKTALK_AGENT_LOG_LEVEL": "DEBUG"])
      try await environment.apply(environment.spec(version: "1.0.0", artifact: artifact, tag: "v1"))
      let (_, message) = try await stalledReason(environment)
      #expect(!message.contains(secret))
      #expect(!agent.output.contains { $0.contains(secret) })
      let record = try JSONValue(encoding: try await environment.deployment())
      #expect(!record.text.contains(secret))
      await environment.stopPrograms()
      let left = try await CustomerEnvironment.command(
        "sh", "-c", "grep -rl \(secret) \(environment.folder.file("agent")) || true")
      #expect(left.isEmpty)
    }
  }

  @Test func aFullDiskIsSaidAndNothingIsHalfDone() async throws {
    try await CustomerEnvironment.use { environment in
      let small = environment.folder.file("small")
      try FileManager.default.createDirectory(atPath: small, withIntermediateDirectories: true)
      try await CustomerEnvironment.command("mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", small)
      let filler = String(repeating: "# filler filler filler filler filler filler\n", count: 2000)
      let artifact = try await environment.publish(version: "1.0.0", composeFile: twoServices + filler)
      try await environment.startAgent(["WRKTALK_AGENT_COMPOSE_WORKING_DIR": "\(small)/agent"])
      try await environment.apply(environment.spec(version: "1.0.0", artifact: artifact, tag: "v1"))
      try await environment.wait(for: "the full disk to be said") {
        $0.status?.conditions?[DeploymentCondition.ready]?.reason == "DiskFull"
      }
      #expect(try await environment.containers().isEmpty)
      await environment.stopPrograms()
      try await CustomerEnvironment.command("umount", small)
    }
  }
}
