import DeploymentKinds
import DeploymentPlanning
import FoundationEssentials
import TestSupport
import Testing

@testable import Agent

#if canImport(Glibc)
  import Glibc
#endif

extension ComposeOnARealEngine {
  /// What a bundle brings, what containers write beside it, and what they see of both.
  @Suite(.needs(.docker), .needs(.images)) struct ComposeFilesTests {
    /// A service that stays up, whatever it finds.
    private static func service(_ mounts: String, _ more: String = "") -> String {
      """
      services:
        app:
          image: ${REGISTRY}/backend:v1
          command: ["/bin/busybox", "sleep", "1000"]
          stop_grace_period: 0s
          volumes: [\(mounts)]
      \(more)
      """
    }

    private func write(_ text: String, to path: String) throws {
      try Data(text.utf8).write(to: URL(filePath: path))
    }

    @Test(arguments: ComposeEdition.offered.sharedOut(0))
    func dataOfRelativeMountsOutlivesUpgradeRollbackAndUninstalling(edition: ComposeEdition) async throws {
      try await ComposeStack.with(edition) { stack in
        let compose = Self.service(#""./volumes/db:/db", "./conf:/conf:ro", "./conf/one:/one:ro""#)
        func release(_ version: String) throws -> PreparedRelease {
          try stack.release(version, compose: compose, files: ["conf/one": version, "README": version])
        }
        try await stack.converge(try release("1.0.1"))
        _ = try await stack.exec("app", "/bin/busybox", "cp", "/conf/one", "/db/customers")
        for (version, isSame) in [("1.0.2", false), ("1.0.1", false), ("1.0.1", true)] {
          let before = try await stack.containers()
          try await stack.converge(try release(version))
          #expect(try await stack.exec("app", "/bin/busybox", "cat", "/db/customers") == "1.0.1")
          #expect(try await stack.exec("app", "/bin/busybox", "cat", "/conf/one", "/one") == version + version)
          #expect(try await (stack.containers() == before) == isSame, "recreated only where a mounted file has changed")
        }
        try await stack.runtime.uninstall(stack.target()) { _ in }
        #expect(
          FileManager.default.contents(atPath: "\(stack.projectFolder)/volumes/db/customers") == Data("1.0.1".utf8))
        #expect(!FileManager.default.fileExists(atPath: "\(stack.projectFolder)/conf"))
      }
    }

    @Test(arguments: ComposeEdition.offered.sharedOut(1))
    func filesThatWereChangedOrLostAreDriftAndPutRightInTheContainer(edition: ComposeEdition) async throws {
      try await ComposeStack.with(edition) { stack in
        let release = try stack.release(
          compose: Self.service(#""./conf:/conf:ro", "./conf/c:/etc/single:ro", "./data:/data""#),
          files: ["conf/a": "a", "conf/c": "c"])
        let first = try await stack.converge(release)
        #expect(try await stack.files.isEmpty)
        _ = try await stack.exec("app", "/bin/busybox", "touch", "/data/kept")
        // As after a reboot that emptied the folder: the engine makes folders where it misses files.
        try FileManager.default.removeItem(atPath: "\(stack.projectFolder)/conf")
        try FileManager.default.createDirectory(
          atPath: "\(stack.projectFolder)/conf/c", withIntermediateDirectories: true)
        let found = try await stack.files.map(\.change)
        #expect(found == [.missing, .replaced])
        #expect(try await stack.converge(release) == first, "nothing else has changed")
        #expect(try await stack.exec("app", "/bin/busybox", "cat", "/conf/a", "/conf/c", "/etc/single") == "acc")
        #expect(try await stack.exec("app", "/bin/busybox", "ls", "/data") == "kept\n")
        #expect(try await stack.files.isEmpty)

        try write("by hand", to: "\(stack.projectFolder)/conf/c")
        #expect(try await stack.files.map(\.change) == [.changed])
        let warned = try await stack.converge(release)
        #expect(warned.warnings.first?.contains("set-aside") == true)
        #expect(try await stack.exec("app", "/bin/busybox", "cat", "/conf/c", "/etc/single") == "cc")
        let settled = try await stack.containers()
        try await stack.converge(release)
        #expect(try await stack.containers() == settled)
      }
    }

    @Test(arguments: ComposeEdition.offered.sharedOut(2))
    func mountedSettingsStayReadableAndFollowTheirChange(edition: ComposeEdition) async throws {
      try await ComposeStack.with(edition) { stack in
        let compose = Self.service(#""./.env:/app/.env:ro""#)
        let first = try stack.release(compose: compose, settings: ["TOKEN": "one"])
        try await stack.converge(first)
        if let file = first.configFile { SecretFile.erase(file) }
        #expect(try await stack.exec("app", "/bin/busybox", "grep", "TOKEN", "/app/.env") == "TOKEN=one\n")
        try await stack.docker("restart", "-t", "0", try await #require(stack.containers().values.first))
        #expect(try await stack.exec("app", "/bin/busybox", "grep", "TOKEN", "/app/.env") == "TOKEN=one\n")
        try await stack.converge(try stack.release(compose: compose, settings: ["TOKEN": "two"]))
        #expect(try await stack.exec("app", "/bin/busybox", "grep", "TOKEN", "/app/.env") == "TOKEN=two\n")
        try await stack.converge(try stack.release(compose: Self.service(""), settings: ["TOKEN": "two"]))
        #expect(!FileManager.default.fileExists(atPath: "\(stack.projectFolder)/.env"))
      }
    }

    /// Services with files of `configs` and `secrets` are recreated for their content as for that of mounts.
    @Test(.enabled(if: ComposeEdition.offered.contains(.v2)))
    func changedConfigAndSecretFilesAreApplied() async throws {
      try await ComposeStack.with(.v2) { stack in
        let compose = Self.service(
          "",
          """
              configs: [{source: c, target: /c}]
              secrets: [s]
          configs: {c: {file: ./c}}
          secrets: {s: {file: ./s}}
          """)
        for content in ["one", "two"] {
          try await stack.converge(try stack.release(content, compose: compose, files: ["c": content, "s": content]))
          #expect(try await stack.exec("app", "/bin/busybox", "cat", "/c", "/run/secrets/s") == content + content)
        }
      }
    }

    @Test(.enabled(if: ComposeEdition.offered.contains(.v2)))
    func sourceIsBuiltAnewWithEachReleaseAndComesBackWithARollback() async throws {
      try await ComposeStack.with(.v2) { stack in
        let compose = """
          services:
            tool:
              build: {context: ./tool, args: {REGISTRY: "${REGISTRY}"}}
              command: ["/bin/busybox", "sleep", "1000"]
              stop_grace_period: 0s
          """
        func release(_ version: String, pinned: [String: String] = [:]) throws -> PreparedRelease {
          try stack.release(
            version, compose: compose,
            files: [
              "tool/Dockerfile": "ARG REGISTRY\nFROM $REGISTRY/backend:v1\nCOPY version /version\n",
              "tool/version": version,
            ], pinned: pinned)
        }
        let first = try await stack.converge(try release("1"))
        try await stack.converge(try release("2"))
        #expect(try await stack.exec("tool", "/bin/busybox", "cat", "/version") == "2")
        let pins = Dictionary(uniqueKeysWithValues: first.services.map { ($0.name, $0.image) })
        #expect(try await stack.converge(try release("1", pinned: pins)) == first)
        #expect(try await stack.exec("tool", "/bin/busybox", "cat", "/version") == "1")
        let failure = try await stack.failure(
          try stack.release("3", compose: compose, files: ["tool/Dockerfile": "FROM scratch\nCOPY nosuch /\n"]))
        #expect(failure.reason == "ImageBuildFailed")
        #expect(try await stack.exec("tool", "/bin/busybox", "cat", "/version") == "1")
      }
    }

    @Test(arguments: ComposeEdition.offered.sharedOut(3))
    func modesAndNamesOfTheBundleHoldInTheContainer(edition: ComposeEdition) async throws {
      try await ComposeStack.with(edition) { stack in
        let name = "unpacked-1.0.0/bundle"
        let extended = """
          services:
            app: {extends: {file: docker-compose.yml, service: base}}
            base:
              image: ${REGISTRY}/backend:v1
              command: ["/bin/busybox", "sleep", "1000"]
              stop_grace_period: 0s
              volumes: ["./acme.json:/acme.json", "./spool:/spool", "./docker-compose.yml:/self:ro"]
          """
        try stack.folder.write(extended, to: "\(name)/docker-compose.yml")
        try stack.folder.write("{}", to: "\(name)/acme.json")
        try stack.folder.write("", to: "\(name)/spool/x")
        try #require(unsafe chmod(stack.folder.file("\(name)/acme.json"), 0o600) == 0)
        try #require(unsafe chmod(stack.folder.file("\(name)/spool"), 0o1777) == 0)
        let release = try stack.prepared(
          "1.0.0", folder: stack.folder.file("unpacked-1.0.0"), settings: [:], tags: [:])
        try await stack.converge(release)
        #expect(
          try await stack.exec("app", "/bin/busybox", "stat", "-c", "%a", "/acme.json", "/spool") == "600\n1777\n")
        #expect(try await stack.exec("app", "/bin/busybox", "cat", "/self") == extended)
        _ = try await stack.exec("app", "/bin/busybox", "cp", "/self", "/acme.json")
        let again = try await stack.converge(release)
        #expect(again.warnings.first?.contains("acme.json was changed by a container") == true)
        #expect(try await stack.exec("app", "/bin/busybox", "cat", "/acme.json") == extended)
      }
    }

    @Test func settingsMeanWhatTheyMeanInPlainComposeAndGapsAreNamed() async throws {
      try await ComposeStack.with(.v2) { stack in
        let compose = Self.service(
          #""${PWD}/site:/site:ro""#,
          """
              environment: {TZ: "${TZ}", PASSWORD: "${PASSWORD}", MISSING: "${MISSING}"}
            debug:
              image: ${REGISTRY}/backend:v1
              profiles: [debug]
          """)
        let second = """
          services:
            app: {labels: {second: "yes"}}
          """
        let running = try await stack.converge(
          try stack.release(
            compose: compose,
            settings: [
              "TZ": "Europe/Berlin", "PASSWORD": "pa$sw0rd", "COMPOSE_FILE": "docker-compose.yaml:second.yml",
            ],
            files: ["site/index": "here", "second.yml": second]))
        #expect(try await stack.exec("app", "/bin/busybox", "cat", "/site/index") == "here")
        let environment = try await stack.exec("app", "/bin/busybox", "env")
        #expect(environment.contains("TZ=Europe/Berlin\n"))
        #expect(running.warnings.contains("MISSING is set nowhere and counts as blank"))
        #expect(running.warnings.contains { $0.hasPrefix("The value of PASSWORD in the settings holds a $") })
        #expect(!running.warnings.contains { $0.contains("sw0rd") })
        let id = try #require(await stack.containers().values.first)
        #expect(try await stack.docker("inspect", "-f", "{{index .Config.Labels \"second\"}}", id) == "yes\n")
      }
    }

    @Test func faultOfTheSettingsIsSaidWithoutQuotingThem() async throws {
      try await ComposeStack.with(.v2) { stack in
        func failure(_ settings: [UInt8], compose: String = Self.service("")) async throws -> RuntimeFailure {
          var release = try stack.release(compose: compose)
          release.configFile = stack.folder.file("broken")
          try Data(settings).write(to: URL(filePath: stack.folder.file("broken")))
          return try await stack.failure(release)
        }
        for text in [
          "KEY=-----BEGIN\nMIIEab+c/secretpart\n", "PW=x\nbattery!secretpart#42\n", "A=\"secretpart", "secretpart b\n",
        ] {
          let failure = try await failure(Array(text.utf8))
          #expect(failure.kind == .permanent)
          #expect(failure.reason == "InvalidSettings", "\(failure)")
          #expect(failure.message.contains(" line "))
          #expect(!failure.message.contains("secretpart"))
        }
        let wide = try await failure([0xFF, 0xFE] + "A=secret".utf16.flatMap { [UInt8($0), 0] })
        #expect(wide.reason == "InvalidSettings")
        #expect(wide.message.contains("UTF-16"))
        let required = try await failure(
          [], compose: Self.service("", "    environment: {A: \"${ADDRESS:?the public address}\"}"))
        #expect(required.reason == "InvalidSettings")
        #expect(required.message.contains("ADDRESS (the public address)"))
        let untagged = try await stack.failure(
          try stack.release(
            compose:
              "services: {app: {image: \"${REGISTRY}/app:${UNKNOWN_IMAGE_TAG}\", environment: {O: \"${OTHER}\"}}}"))
        #expect(untagged.reason == "ImageTagMissing")
        #expect(untagged.message.contains("UNKNOWN_IMAGE_TAG") && !untagged.message.contains("OTHER"))
        #expect(try await stack.containers().isEmpty)
      }
    }
  }
}
