import DeploymentKinds
import DeploymentPlanning
import ReleaseManifest
import TestSupport
import Testing
import WireFormats

@testable import Agent

extension ComposeOnARealEngine {
  /// With a manifest, only what it lists runs: on a real engine and a real registry, with each Compose there is.
  @Suite(.needs(.docker), .needs(.images)) struct SignedReleaseTests {
    /// A repository of its own, whose tags a test may move.
    private struct Repository {
      let name: String
      let stack: ComposeStack

      init(_ stack: ComposeStack) {
        self.stack = stack
        name = "\(stack.images)/\(stack.project)"
      }

      /// Pushes what the testbed calls `original` as `tag`.
      /// - Returns: the digest that the registry gives it.
      func push(_ original: String, as tag: String) async throws -> String {
        try await stack.docker("tag", "\(stack.images)/backend:\(original)", "\(name):\(tag)")
        try await stack.docker("push", "-q", "\(name):\(tag)")
        let digests = try await stack.docker(
          "image", "inspect", "--format", "{{range .RepoDigests}}{{println .}}{{end}}", "\(name):\(tag)")
        let own = digests.split(whereSeparator: \.isNewline).first { $0.hasPrefix("\(name)@") }
        return String(try #require(own).drop { $0 != "@" }.dropFirst())
      }

      func forget(_ tags: String...) async throws {
        for tag in tags { try await stack.docker("image", "rm", "\(name):\(tag)") }
      }
    }

    private static func manifest(_ images: Manifest.Image...) -> Manifest {
      Manifest(
        product: "wrktalk", version: "1.2.0", sequence: 1, issuedAt: Timestamp(seconds: 0),
        expires: Timestamp(seconds: 1),
        artifacts: [.init(runtime: .compose, sha256: String(repeating: "0", count: 64), size: 1)], images: images)
    }

    private static func signed(_ digest: String) -> Manifest {
      manifest(.init(service: "backend", repository: "registry.example.com/wrktalk/backend", digest: digest))
    }

    private static func compose(_ image: String, more: String = "") -> String {
      "services:\n  backend: {image: \"\(image)\", stop_grace_period: 0s\(more)}\n"
    }

    private static func version(_ stack: ComposeStack) async throws -> String {
      try await stack.exec("backend", "/bin/busybox", "cat", "/www/version").filter { !$0.isNewline }
    }

    @Test(arguments: ComposeEdition.offered.sharedOut(0))
    func theSignedDigestIsStartedWhateverTheTagMeansByNow(edition: ComposeEdition) async throws {
      try await ComposeStack.with(edition) { stack in
        let repository = Repository(stack)
        let digest = try await repository.push("v1", as: "1.2.0")
        let other = try await repository.push("v2", as: "1.2.0")
        #expect(digest != other)
        try await repository.forget("1.2.0")
        var release = try stack.release(compose: Self.compose("\(repository.name):1.2.0"))
        release.manifest = Self.signed(digest)
        let running = try await stack.converge(release)
        #expect(try await Self.version(stack) == "v1")
        #expect(running.services.map(\.image) == ["\(repository.name)@\(digest)"])
        #expect(running.imageDigests == ["backend": digest])

        // A record that somebody forged is no reason to run what it names.
        release.pinnedImages = ["backend": "\(repository.name):1.2.0@\(other)"]
        let before = try await stack.containers()
        let restored = try await stack.converge(release)
        #expect(restored.services == running.services)
        #expect(restored.warnings.contains { $0.contains(other) && $0.contains("service backend") })
        #expect(try await stack.containers() == before)

        // The next release is deployed, and is another.
        var next = try stack.release("1.3.0", compose: Self.compose("\(repository.name):1.2.0"))
        next.manifest = Self.signed(other)
        try await stack.converge(next)
        #expect(try await Self.version(stack) == "v2")
      }
    }

    @Test(arguments: ComposeEdition.offered.sharedOut(1))
    func aMirrorMayServeTheImageUnderItsOwnName(edition: ComposeEdition) async throws {
      try await ComposeStack.with(edition) { stack in
        let repository = Repository(stack)
        let digest = try await repository.push("v1", as: "any")
        var release = try stack.release(
          compose: Self.compose("${MIRROR}:${TAG}"), settings: ["MIRROR": repository.name, "TAG": "1"])
        release.manifest = Self.signed(digest)
        try await stack.converge(release)
        #expect(try await Self.version(stack) == "v1")
      }
    }

    @Test(arguments: ComposeEdition.offered.sharedOut(2))
    func anImageThatWasLoadedFromAFileNeedsNoRegistry(edition: ComposeEdition) async throws {
      try await ComposeStack.with(edition) { stack in
        let id = try await stack.docker("image", "inspect", "--format", "{{.Id}}", "\(stack.images)/backend:v1")
          .filter { !$0.isNewline }
        var release = try stack.release(compose: Self.compose("127.0.0.1:1/wrktalk/backend:1"))
        release.manifest = Self.manifest(
          .init(
            service: "backend", repository: "r.example/wrktalk/backend",
            digest: "sha256:" + String(repeating: "0", count: 64), contentDigests: [id]))
        let running = try await stack.converge(release)
        #expect(running.services.map(\.image) == [id])
        #expect(try await Self.version(stack) == "v1")
      }
    }

    /// What is refused before anything is touched, and with what.
    private static let refused: [(more: String, rest: String, settings: [String: String], reason: String)] = [
      ("", "  tool: {image: \"${REGISTRY}/media:v1\"}\n", [:], "ImageNotInManifest"),
      (", build: ./tool", "", [:], "BuildNotSigned"),
      (", extends: {file: \"${OTHER}\", service: x}", "", ["OTHER": "/tmp/other.yaml"], "ComposeFileNotSigned"),
      ("", "", ["NODE_OPTIONS": "--require /evil.js"], "SettingNotAllowed"),
    ]

    private static let refusedOfVersion2: [(more: String, rest: String, settings: [String: String], reason: String)] = [
      ("", "include: [\"https://github.com/wrktalk/nosuch.git\"]\n", [:], "ComposeFileNotSigned"),
      ("", "include: [\"oci://127.0.0.1:5000/wrktalk/nosuch:1\"]\n", [:], "ComposeFileNotSigned"),
      (", develop: {watch: [{path: ., action: sync, target: /x}]}", "", [:], "DevelopNotSigned"),
    ]

    @Test(arguments: ComposeEdition.offered.sharedOut(3))
    func whatNobodySignedTouchesNothing(edition: ComposeEdition) async throws {
      try await ComposeStack.with(edition) { stack in
        let repository = Repository(stack)
        let digests = [try await repository.push("v1", as: "1"), try await repository.push("v2", as: "2")]
        var good = try stack.release("1.0.0", compose: Self.compose("\(repository.name):1"))
        good.manifest = Self.signed(digests[0])
        try await stack.converge(good)
        let before = try await stack.containers()

        let all = Self.refused + (edition == .v2 ? Self.refusedOfVersion2 : [])
        for (index, (more, rest, settings, reason)) in all.enumerated() {
          var bad = try stack.release(
            "1.1.\(index)", compose: Self.compose("\(repository.name):2", more: more) + rest, settings: settings,
            files: ["tool/Dockerfile": "FROM scratch\n"])
          bad.manifest = Self.signed(digests[1])
          let failure = try await stack.failure(bad)
          #expect(failure.reason == reason, "\(failure)")
          #expect(failure.kind == .permanent)
          #expect(try await stack.containers() == before)
        }
        #expect(try await Self.version(stack) == "v1")

        var next = try stack.release("1.2.0", compose: Self.compose("\(repository.name):2"))
        next.manifest = Self.signed(digests[1])
        try await stack.converge(next)
        #expect(try await Self.version(stack) == "v2")
      }
    }

    @Test(arguments: ComposeEdition.offered.sharedOut(4))
    func aRegistryWithoutTheSignedDigestFailsTheRelease(edition: ComposeEdition) async throws {
      try await ComposeStack.with(edition) { stack in
        let repository = Repository(stack)
        _ = try await repository.push("v2", as: "1")
        var release = try stack.release(compose: Self.compose("\(repository.name):1"))
        release.manifest = Self.signed("sha256:" + String(repeating: "1", count: 64))
        let failure = try await stack.failure(release)
        #expect(failure.reason == "ImagePullFailed", "\(failure)")
        #expect(try await stack.containers().isEmpty)
      }
    }
  }
}
