import Cryptography
import DeploymentKinds
import FoundationEssentials
import ReleaseManifest
import ResourceClient
import ResourceModel
import TestSupport
import Testing
import WireFormats

/// Everything but the vendor's keys and the Agent's machine is in an attacker's hands here: the server with its records and
/// status, the bucket, the registry. Releases can be withheld, but nothing runs that the vendor did not sign.
@Suite(.needs(.docker), .needs(.images), .usesEngine, .timeLimit(.minutes(60)))
struct HostileServerTests {
  /// An environment whose Agent trusts the vendor, with 1.0.0 running.
  private static func use(
    _ root: (SigningVendor) -> TrustRoot = { $0.root() },
    annotations: (SigningVendor) -> [String: String] = { _ in [:] },
    _ body: (CustomerEnvironment, SigningVendor, _ first: DesiredDeploymentSpec) async throws -> Void
  ) async throws {
    let vendor = SigningVendor()
    try await CustomerEnvironment.use { environment in
      let first = try await environment.signedSpec(vendor, version: "1.0.0", sequence: 1, tag: "v1")
      try await environment.apply(first)
      try await environment.annotate(annotations(vendor))
      try await environment.startTrustingAgent(vendor.envelope(root(vendor)))
      let ready = try await environment.waitUntilReady()
      #expect(ready.status?.conditions?[DeploymentCondition.artifactVerified]?.status == .isTrue)
      try await body(environment, vendor, first)
    }
  }

  /// What an attacker makes of a signed release.
  struct Attack: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var reason: String
    var change: @Sendable (inout DesiredDeploymentSpec, CustomerEnvironment, SigningVendor) async throws -> Void

    init(
      _ description: String, _ reason: String,
      _ change:
        @escaping @Sendable (inout DesiredDeploymentSpec, CustomerEnvironment, SigningVendor) async throws -> Void
    ) {
      testDescription = description
      self.reason = reason
      self.change = change
    }
  }

  static let attacks: [Attack] = [
    Attack("no signature", "ReleaseNotSigned") { spec, _, _ in spec.manifest = nil },
    Attack("somebody else's signature", "SignatureInvalid") { spec, environment, vendor in
      spec.manifest = vendor.envelope(
        try await environment.manifest(vendor, version: "2.0.0", sequence: 2, tag: "v2"), signedWith: .init())
    },
    Attack("a root's signature in place of a release's", "SignatureInvalid") { spec, environment, vendor in
      spec.manifest = vendor.envelope(
        try await environment.manifest(vendor, version: "2.0.0", sequence: 2, tag: "v2"), signedWith: vendor.rootKey)
    },
    Attack("signed for another purpose", "ManifestInvalid") { spec, environment, vendor in
      let manifest = try await environment.manifest(vendor, version: "2.0.0", sequence: 2, tag: "v2")
      spec.manifest = vendor.sign(.timestamp, manifest.payload, with: vendor.releaseKey)
    },
    Attack("changed after it was signed", "SignatureInvalid") { spec, environment, vendor in
      let manifest = try await environment.manifest(vendor, version: "2.0.0", sequence: 2, tag: "v2")
      var envelope = try Envelope(parsing: Array(vendor.envelope(manifest).utf8), expecting: .release)
      var changed = manifest
      changed.settings = [.init(key: "MODE", value: "evil")]
      envelope.payload = changed.payload
      spec.manifest = envelope.text
    },
    Attack("the old release under a new number", "ManifestMismatch") { spec, _, _ in spec.version = "9.9.9" },
    Attack("another tag", "ManifestMismatch") { spec, _, _ in spec.imageTags?["backend"] = "crash" },
    Attack("an added setting", "ManifestMismatch") { spec, _, _ in
      spec.newNonEssentialEnvs = [.init(key: "MODE", value: "evil")]
    },
    Attack("a setting that loads code", "ManifestMismatch") { spec, _, _ in
      spec.newNonEssentialEnvs = [.init(key: "NODE_OPTIONS", value: "--require /evil.js")]
    },
    Attack("another artifact", "ManifestMismatch") { spec, environment, _ in
      spec.artifact = try await environment.publish(
        version: "evil", composeFile: twoServices.replacing("interval: 1s", with: "interval: 2s"))
    },
    Attack("a swapped artifact", "ArtifactDigestMismatch") { spec, environment, vendor in
      // Signed is one that the Agent has not kept yet: what it keeps it would not download.
      let signed = try await environment.publish(
        version: "signed", composeFile: twoServices.replacing("interval: 1s", with: "interval: 4s"))
      let file = environment.folder.file("bucket/\(signed.path)")
      spec.artifact = signed
      spec.manifest = vendor.envelope(
        try await vendor.manifest(version: "2.0.0", sequence: 2, tag: "v2", artifact: signed, at: file))
      let other = try await environment.publish(
        version: "swapped", composeFile: twoServices.replacing("interval: 1s", with: "interval: 3s"))
      try await CustomerEnvironment.command("cp", environment.folder.file("bucket/\(other.path)"), file)
    },
    Attack("an expired manifest", "ManifestExpired") { spec, environment, vendor in
      var manifest = try await environment.manifest(vendor, version: "2.0.0", sequence: 2, tag: "v2")
      manifest.issuedAt = vendor.now + .seconds(-20 * 86_400)
      manifest.expires = vendor.now + .seconds(-10 * 86_400)
      spec.manifest = vendor.envelope(manifest)
    },
    Attack("another product's release", "ProductMismatch") { spec, environment, vendor in
      var manifest = try await environment.manifest(vendor, version: "2.0.0", sequence: 2, tag: "v2")
      manifest.product = "other"
      spec.manifest = vendor.envelope(manifest)
    },
    Attack("an image that the manifest does not name", "ImageNotInManifest") { spec, environment, vendor in
      var manifest = try await environment.manifest(vendor, version: "2.0.0", sequence: 2, tag: "v2")
      manifest.images.removeAll { $0.service == "media" }
      spec.manifest = vendor.envelope(manifest)
    },
  ]

  @Test func eachForgeryEndsInItsReasonAndLeavesWhatRuns() async throws {
    try await Self.use { environment, vendor, _ in
      let before = try await environment.containerIDs()
      for attack in Self.attacks {
        var spec = try await environment.signedSpec(vendor, version: "2.0.0", sequence: 2, tag: "v2")
        try await attack.change(&spec, environment, vendor)
        try await environment.apply(spec)
        let failed = try await environment.wait(for: "the refusal of \(attack.testDescription)") {
          $0.status?.failure?.generation == $0.metadata.generation
            && $0.status?.conditions?.isTrue(DeploymentCondition.stalled) == true
        }
        let failure = try #require(failed.status?.failure)
        #expect(failure.reason == attack.reason, "\(attack.testDescription): \(failure.message)")
        #expect(failed.status?.current?.version == "1.0.0", "\(attack.testDescription)")
        #expect(try await environment.containerIDs() == before, "\(attack.testDescription)")
      }
      // Not the sequence of the last one, which the vendor had signed, too.
      try await environment.apply(try await environment.signedSpec(vendor, version: "2.0.0", sequence: 3, tag: "v2"))
      try await environment.waitUntilReady()
      #expect(try await environment.servedVersion(of: "backend") == "v2")
    }
  }

  @Test func whatCameBeforeIsNotBroughtBackButByARollback() async throws {
    try await Self.use { environment, vendor, first in
      try await environment.apply(try await environment.signedSpec(vendor, version: "2.0.0", sequence: 2, tag: "v2"))
      try await environment.waitUntilReady()
      let before = try await environment.containerIDs()
      try await environment.apply(first)
      let failed = try await environment.wait(for: "the refusal of 1.0.0") {
        $0.status?.failure?.generation == $0.metadata.generation
      }
      #expect(failed.status?.failure?.reason == "SequenceTooLow")
      #expect(try await environment.containerIDs() == before)
      var back = first
      (back.version, back.artifact, back.manifest, back.imageTags) = (nil, nil, nil, nil)
      back.rollbackTo = .init(revision: 1)
      try await environment.apply(back)
      try await environment.waitUntilReady()
      #expect(try await environment.servedVersion(of: "backend") == "v1")
    }
  }

  /// Who holds a stolen key lifts the sequence as high as it goes. The root takes the key away, and all that it signed.
  @Test func aRevokedKeysSequenceCountsNoMore() async throws {
    try await Self.use { environment, vendor, _ in
      try await environment.apply(
        try await environment.signedSpec(vendor, version: "2.0.0", sequence: 1 << 40, tag: "v2"))
      try await environment.waitUntilReady()
      let next = Ed25519.PrivateKey()
      try await environment.annotate([
        DesiredDeploymentKind.trustRootsAnnotation: "["
          + vendor.envelope(
            vendor.root(version: 2, releaseKeys: [next], revoking: [vendor.releaseKey.publicKey.id])) + "]"
      ])
      let stolen = try await environment.signedSpec(vendor, version: "3.0.0", sequence: (1 << 40) + 1, tag: "v1")
      try await environment.apply(stolen)
      let failed = try await environment.wait(for: "the refusal of what the revoked key signed") {
        $0.status?.failure?.generation == $0.metadata.generation
      }
      #expect(failed.status?.failure?.reason == "ReleaseRevoked")
      #expect(try await environment.servedVersion(of: "backend") == "v2")
      let good = try await environment.signedSpec(vendor, version: "3.0.1", sequence: 3, tag: "v1", key: next)
      try await environment.apply(good)
      try await environment.waitUntilReady()
      #expect(try await environment.servedVersion(of: "backend") == "v1")
    }
  }

  /// A lost key harms nobody: the next root names another one, and its own keys may change in the same way.
  @Test func aLostKeyIsReplacedByTheNextRootWhileTheAgentRuns() async throws {
    try await Self.use { environment, vendor, _ in
      let (newRelease, newRoot) = (Ed25519.PrivateKey(), Ed25519.PrivateKey())
      let second = vendor.root(version: 2, releaseKeys: [newRelease])
      func successor(_ version: Int64, signedWith keys: [Ed25519.PrivateKey]) -> String {
        var root = second
        root.version = version
        root.keys = [newRoot.publicKey.id: newRoot.publicKey, newRelease.publicKey.id: newRelease.publicKey]
        root.roles[.root] = .init(keys: [newRoot.publicKey.id])
        var envelope = Envelope(payloadType: .root, payload: root.payload)
        for key in keys { envelope.sign(with: key) }
        return envelope.text
      }
      let roots = [
        successor(4, signedWith: [newRoot]), vendor.envelope(second),
        successor(3, signedWith: [vendor.rootKey, newRoot]),
      ]
      try await environment.annotate([
        DesiredDeploymentKind.trustRootsAnnotation: "[\(roots.joined(separator: ","))]"
      ])
      try await environment.apply(
        try await environment.signedSpec(vendor, version: "2.0.0", sequence: 2, tag: "v2", key: newRelease))
      let ready = try await environment.waitUntilReady()
      #expect(ready.status?.conditions?["Trusted"]?.message.contains("version 4 of the trust root") == true)
      #expect(try await environment.servedVersion(of: "backend") == "v2")
      // Whoever finds the lost key has nothing of it.
      try await environment.apply(try await environment.signedSpec(vendor, version: "3.0.0", sequence: 3, tag: "v1"))
      let failed = try await environment.wait(for: "the refusal of what the lost key signed") {
        $0.status?.failure?.generation == $0.metadata.generation
      }
      #expect(failed.status?.failure?.reason == "SignatureInvalid")
      #expect(try await environment.servedVersion(of: "backend") == "v2")
    }
  }

  /// To an Agent whose clock is behind, what the vendor signs comes from the future.
  @Test func aClockThatIsWrongByAYearStopsNewReleasesAndByADayDoesNot() async throws {
    try await Self.use { environment, vendor, _ in
      var sequence: Int64 = 1
      func apply(behind days: Int64, tag: String) async throws {
        var other = vendor
        other.now = vendor.now + .seconds(days * 86_400)
        sequence += 1
        try await environment.apply(
          try await environment.signedSpec(other, version: "\(sequence).0.0", sequence: sequence, tag: tag))
      }
      for (days, reason) in [(366, "ManifestNotYetValid"), (-366, "ManifestExpired")] as [(Int64, String)] {
        try await apply(behind: days, tag: "v2")
        let failed = try await environment.wait(for: reason) {
          $0.status?.failure?.generation == $0.metadata.generation
        }
        #expect(failed.status?.failure?.reason == reason)
        #expect(failed.status?.failure?.message.contains("by this machine's clock") == true)
        #expect(try await environment.servedVersion(of: "backend") == "v1")
      }
      for (days, tag) in [(1, "v2"), (-1, "v1")] as [(Int64, String)] {
        try await apply(behind: days, tag: tag)
        try await environment.waitUntilReady()
        #expect(try await environment.servedVersion(of: "backend") == tag)
      }
    }
  }

  @Test func withoutFreshNewsNewReleasesWaitAndWhatRunsIsHealed() async throws {
    try await Self.use {
      $0.root(hasTimestamps: true)
    } annotations: {
      [DesiredDeploymentKind.timestampAnnotation: $0.timestamp(sequence: 1, age: 600, expires: .seconds(3600))]
    } _: { environment, vendor, _ in
      // The newest statement that the attacker lets through is over.
      try await environment.annotate([
        DesiredDeploymentKind.timestampAnnotation: vendor.timestamp(sequence: 1, age: 300, expires: .seconds(-10))
      ])
      try await environment.apply(try await environment.signedSpec(vendor, version: "2.0.0", sequence: 2, tag: "v2"))
      let stale = try await environment.wait(for: "Stale") { $0.status?.conditions?.isTrue("Stale") == true }
      #expect(stale.status?.conditions?["Stale"]?.reason == "TimestampExpired")
      try await CustomerEnvironment.command("docker", "rm", "-f", try await environment.containerID(of: "media"))
      try await environment.wait(for: "the removed container to come back") {
        $0.status?.conditions?["Drifted"]?.reason == "Corrected"
      }
      #expect(try await environment.servedVersion(of: "media") == "v1")
      try await environment.annotate([
        DesiredDeploymentKind.timestampAnnotation: vendor.timestamp(sequence: 2, age: 0, expires: .seconds(5 * 86_400))
      ])
      try await environment.waitUntilReady()
      #expect(try await environment.servedVersion(of: "backend") == "v2")
    }
  }

  struct Forgery: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var change: @Sendable (inout JSONValue) -> Void
  }

  static let forgeries: [Forgery] = [
    Forgery(testDescription: "another image") { status in
      var services = status["current"]?["services"]?.array ?? []
      for index in services.indices {
        services[index]["image"] = .string("attacker.example/rootkit:1@sha256:\(String(repeating: "e", count: 64))")
        services[index]["imageID"] = .string("sha256:\(String(repeating: "e", count: 64))")
      }
      status["current"]?["services"] = .array(services)
    },
    Forgery(testDescription: "another revision") { $0["current"]?["revision"] = .integer((1 << 31) - 1) },
    Forgery(testDescription: "another version") { $0["current"]?["version"] = "0.0.1" },
    Forgery(testDescription: "another target") { $0["target"] = ["runtime": "Compose", "name": "somebody-elses"] },
    Forgery(testDescription: "another history") { status in
      var entry = status["history"]?.array?.first ?? [:]
      entry["release"]?["version"] = "0.0.1"
      entry["images"] = ["backend": "attacker.example/rootkit:1"]
      status["history"] = [entry]
    },
    Forgery(testDescription: "counters beyond all bounds") { status in
      for counter in ["attempts", "resumptions", "corrections"] { status[counter] = .integer((1 << 31) - 1) }
      status["nextAttemptAt"] = "9999-01-01T00:00:00Z"
      status["attemptStartedAt"] = "9999-01-01T00:00:00Z"
    },
    Forgery(testDescription: "nothing at all") { $0 = [:] },
  ]

  /// With the Agent's own token, as a backup or a support bundle may give it away.
  @Test func aForgedStatusStartsNothing() async throws {
    try await Self.use { environment, vendor, _ in
      let before = try await environment.containerIDs()
      for forgery in Self.forgeries {
        try await environment.forgeStatus(forgery.change)
        let mended = try await environment.wait(for: "the truth after \(forgery.testDescription)") {
          $0.isReady && $0.status?.current?.version == "1.0.0" && $0.status?.current?.revision == 1
            && $0.status?.target?.name == environment.project
            && $0.status?.current?.services?.contains { $0.image.contains("attacker") } == false
            && ($0.status?.history ?? []).contains { $0.images?.values.contains { $0.contains("attacker") } == true }
              == false
        }
        #expect(mended.status?.current?.version == "1.0.0")
        #expect(try await environment.containerIDs() == before, "\(forgery.testDescription)")
      }
      try await environment.apply(try await environment.signedSpec(vendor, version: "2.0.0", sequence: 2, tag: "v2"))
      try await environment.waitUntilReady()
      #expect(try await environment.servedVersion(of: "backend") == "v2")
    }
  }

  /// Whoever holds the registry has another image under the tag that the release names.
  @Test func theSignedDigestRunsWhateverTheTagNames() async throws {
    try await Self.use { environment, vendor, _ in
      let images = try Testbed.location(of: .images)
      let tag = "moved-\(environment.project)"
      try await CustomerEnvironment.command(
        "sh", "-c",
        """
        for s in backend media; do docker pull -q \(images)/$s:v2 && docker tag \(images)/$s:v2 \(images)/$s:\(tag) \
        && docker push -q \(images)/$s:\(tag); done
        """)
      let second = try await environment.signedSpec(vendor, version: "2.0.0", sequence: 2, tag: tag)
      try await CustomerEnvironment.command(
        "sh", "-c",
        """
        for s in backend media; do docker pull -q \(images)/$s:crash && docker tag \(images)/$s:crash \(images)/$s:\(tag) \
        && docker push -q \(images)/$s:\(tag) && docker rmi \(images)/$s:\(tag); done
        """)
      try await environment.apply(second)
      try await environment.waitUntilReady()
      #expect(try await environment.servedVersion(of: "backend") == "v2")
    }
  }
}
