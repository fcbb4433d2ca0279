import Cryptography
import DeploymentKinds
import DeploymentPlanning
import ReleaseManifest
import ResourceModel
import Synchronization
import TestSupport
import Testing
import WireFormats

@testable import Agent

/// Whoever controls the server, the bucket and the record can withhold a release, and nothing else.
struct ReleaseGateTests {
  struct Attack: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var reason: String
    /// Makes a spec of a world that is settled on 1.0.0.
    var spec: @Sendable (SimulatedWorld) -> DesiredDeploymentSpec

    init(_ description: String, _ reason: String, _ spec: @escaping @Sendable (SimulatedWorld) -> DesiredDeploymentSpec)
    {
      (testDescription, self.reason, self.spec) = (description, reason, spec)
    }
  }

  private static func changed(
    _ world: SimulatedWorld, _ version: String = "2.0.0", _ change: (inout DesiredDeploymentSpec) -> Void
  ) -> DesiredDeploymentSpec {
    var spec = world.signed(simulatedSpec(version))
    change(&spec)
    return spec
  }

  static let attacks: [Attack] = [
    Attack("no signature", "ReleaseNotSigned") { _ in simulatedSpec("2.0.0") },
    Attack("no envelope", "ManifestInvalid") { changed($0) { $0.manifest = "{}" } },
    Attack("a stranger's signature", "SignatureInvalid") { world in
      world.state.withLock { state in
        var spec = simulatedSpec("2.0.0")
        let manifest = Manifest(
          product: "wrktalk", version: "2.0.0", sequence: 9, issuedAt: state.now, expires: state.now + .seconds(3600),
          artifacts: [.init(runtime: .compose, sha256: spec.artifact?.sha256 ?? "", size: 1)],
          imageTags: spec.imageTags ?? [:])
        spec.manifest = state.vendor?.sign(manifest, keys: [Ed25519.PrivateKey()])
        return spec
      }
    },
    Attack("an old release under a new number", "ManifestMismatch") { world in
      var spec = world.object.spec
      spec.version = "2.0.0"
      return spec
    },
    Attack("another artifact", "ManifestMismatch") {
      changed($0) { $0.artifact?.sha256 = String(repeating: "6", count: 64) }
    },
    Attack("another tag", "ManifestMismatch") { changed($0) { $0.imageTags = ["backend": "attacker"] } },
    Attack("a tag more", "ManifestMismatch") { changed($0) { $0.imageTags?["media"] = "attacker" } },
    Attack("no tags", "ManifestMismatch") { changed($0) { $0.imageTags = nil } },
    Attack("a setting that was not signed", "ManifestMismatch") {
      changed($0) { $0.newNonEssentialEnvs = [.init(key: "FEATURE", value: "on")] }
    },
    Attack("a loader variable", "ManifestMismatch") {
      changed($0) { $0.newNonEssentialEnvs = [.init(key: "NODE_OPTIONS", value: "--require /evil.js")] }
    },
    Attack("a loader variable that was signed", "SettingRefused") { world in
      var spec = simulatedSpec("2.0.0")
      spec.newNonEssentialEnvs = [.init(key: "https_proxy", value: "http://attacker.example")]
      return world.signed(spec)
    },
    Attack("an older release", "SequenceTooLow") { world in
      world.signed(simulatedSpec("2.0.0")) { $0.sequence = 1 }
    },
    Attack("an expired manifest", "ManifestExpired") { world in
      world.signed(simulatedSpec("2.0.0")) {
        ($0.issuedAt, $0.expires) = ($0.issuedAt + .seconds(-7200), $0.issuedAt + .seconds(-3600))
      }
    },
    Attack("another product", "ProductMismatch") { world in
      world.signed(simulatedSpec("2.0.0")) { $0.product = "other" }
    },
    Attack("a release that needs another before it", "VersionTooLow") { world in
      world.signed(simulatedSpec("2.0.0")) { $0.ruleset.minimumVersion = "1.0.1-rc.1" }
    },
    Attack("a release for Helm alone", "ManifestMismatch") { world in
      world.signed(simulatedSpec("2.0.0")) { $0.artifacts[0].runtime = .helm }
    },
  ]

  @Test(arguments: attacks)
  func anAttackEndsInItsReasonWithTheEnvironmentUntouchedAndAGoodReleaseFollows(_ attack: Attack) async throws {
    let world = try await SimulatedWorld.signed()
    #expect(world.object.status?.current?.version == "1.0.0")
    let before = world.state.withLock { ($0.environment, $0.started) }
    let spec = attack.spec(world)
    world.apply { $0 = spec }
    try await world.settle(for: .seconds(90))
    let status = try #require(world.object.status)
    #expect(status.failure?.reason == attack.reason)
    #expect(status.conditions?[DeploymentCondition.stalled]?.reason == attack.reason)
    #expect(status.conditions?[DeploymentCondition.artifactVerified]?.status == .isFalse)
    #expect(status.conditions?[DeploymentCondition.remediated]?.reason == "NothingChanged")
    #expect(status.current?.version == "1.0.0")
    #expect(world.state.withLock { $0.environment } == before.0)
    #expect(world.state.withLock { $0.started } == before.1)

    // What runs is still put right.
    world.set { $0.environment.removeLast() }
    world.forge { _ in }
    try await world.settle(for: .seconds(90))
    #expect(world.state.withLock { Set($0.environment) } == Set(before.0))

    let good = world.signed(simulatedSpec("3.0.0"))
    world.apply { $0 = good }
    try await world.settle(for: .seconds(90))
    let deployed = try #require(world.object.status)
    #expect(deployed.current?.version == "3.0.0")
    #expect(deployed.conditions?[DeploymentCondition.artifactVerified]?.reason == "ReleaseVerified")
    #expect(deployed.conditions?[DeploymentCondition.ready]?.message.hasSuffix("[trust root wrktalk 1]") == true)
    #expect(world.state.withLock { $0.trespasses } == [])
  }

  @Test(
    arguments: [
      (nil, "1.0.0", true), ("0.9.0", "1.0.0", false), ("1.0.0", "1.0.0", true), ("v1.0.0", "1.0.0", true),
      ("1.0.0-rc.1", "1.0.0", false), ("1.10.0", "v1.9.0", true), ("nightly", "1.0.0", false), ("nightly", nil, true),
    ] as [(String?, String?, Bool)])
  func aReleaseFollowsOnlyTheVersionsThatItMay(_ running: String?, _ minimum: String?, _ mayFollow: Bool) {
    let manifest = Manifest(
      product: "wrktalk", version: "2.0.0", sequence: 2, issuedAt: Timestamp(seconds: 0),
      expires: Timestamp(seconds: 1),
      artifacts: [], ruleset: .init(minimumVersion: minimum))
    do throws(TrustError) {
      try ReleaseAgreement.checkUpgrade(from: running, to: manifest)
      #expect(mayFollow)
    } catch {
      #expect(!mayFollow)
      #expect(error.reason == .versionTooLow)
      #expect(error.message.contains("deploy 1.0.0") && error.message.contains(running ?? ""), "\(error)")
    }
  }

  /// What ran under the stolen key runs on, signed anew: nothing older than it is taken.
  @Test func aReleaseThatIsSignedAnewWhileItRunsCountsUnderTheNewKey() async throws {
    let world = try await SimulatedWorld.signed()
    let older = world.signed(simulatedSpec("1.9.0"))
    let running = world.signed(simulatedSpec("2.0.0"))
    world.apply { $0 = running }
    try await world.settle(for: .seconds(90))
    let started = world.state.withLock { $0.started }
    let (root, again, old) = try #require(
      world.state.withLock { state -> (String, String, String)? in
        guard var vendor = state.vendor else { return nil }
        let stolen = vendor.releaseKey.publicKey.id
        let fresh = Ed25519.PrivateKey()
        let root = vendor.rotate { root in
          root.keys[fresh.publicKey.id] = fresh.publicKey
          root.roles[.release] = .init(keys: [fresh.publicKey.id])
          root.revokedKeys = [stolen]
        }
        vendor.releaseKey = fresh
        state.vendor = vendor
        func signedAnew(_ text: String?) -> String? {
          guard let text, var envelope = try? Envelope(parsing: Array(text.utf8), expecting: .release) else {
            return nil
          }
          envelope.sign(with: fresh)
          return envelope.text
        }
        guard let again = signedAnew(running.manifest), let old = signedAnew(older.manifest) else { return nil }
        return (root, again, old)
      })
    world.annotate([DesiredDeploymentKind.trustRootsAnnotation: "[\(root)]"])
    world.apply { $0.manifest = again }
    try await world.settle(for: .seconds(90))
    #expect(world.object.status?.current?.version == "2.0.0")
    #expect(world.state.withLock { $0.started } == started, "what runs is left alone")
    var back = older
    back.manifest = old
    world.apply { [back] in $0 = back }
    try await world.settle(for: .seconds(90))
    #expect(world.object.status?.failure?.reason == "SequenceTooLow")
    #expect(world.object.status?.current?.version == "2.0.0")
  }

  @Test func aReleaseWhoseKeyWasRevokedIsRefusedAndOneThatItFastForwardedDoesNotCount() async throws {
    let world = try await SimulatedWorld.signed()
    let forward = world.signed(simulatedSpec("2.0.0")) { $0.sequence = 1 << 50 }
    world.apply { $0 = forward }
    try await world.settle(for: .seconds(90))
    #expect(world.object.status?.current?.version == "2.0.0")
    let next = try #require(
      world.state.withLock { state -> String? in
        guard let stolen = state.vendor?.releaseKey.publicKey.id else { return nil }
        let fresh = Ed25519.PrivateKey()
        let text = state.vendor?.rotate { root in
          root.keys[fresh.publicKey.id] = fresh.publicKey
          root.roles[.release] = .init(keys: [fresh.publicKey.id])
          root.revokedKeys = [stolen]
        }
        state.vendor?.releaseKey = fresh
        return text
      })
    let revoked = world.object.spec.manifest
    world.annotate([DesiredDeploymentKind.trustRootsAnnotation: "[\(next)]"])
    let stolen = Self.changed(world, "2.1.0") { $0.manifest = revoked }
    world.apply { $0 = stolen }
    try await world.settle(for: .seconds(90))
    #expect(world.object.status?.failure?.reason == "ReleaseRevoked")
    #expect(world.state.withLock { $0.events }.contains { $0.reason == "TrustRootTakenIn" })
    let good = world.signed(simulatedSpec("3.0.0"))
    world.apply { $0 = good }
    try await world.settle(for: .seconds(90))
    #expect(world.object.status?.current?.version == "3.0.0")
  }

  @Test func aRootThatDoesNotFollowIsSaidOnceAndChangesNothing() async throws {
    let world = try await SimulatedWorld.signed()
    let stranger = ReleaseSigner(now: world.now)
    var own = stranger
    let forged = own.rotate { _ in }
    world.annotate([DesiredDeploymentKind.trustRootsAnnotation: "[\(forged)]"])
    try await world.settle(for: .seconds(30))
    #expect(world.state.withLock { $0.events }.contains { $0.reason == "TrustRootRefused" })
    #expect(world.object.status?.conditions?[DeploymentCondition.trusted]?.message.contains("version 1") == true)
    #expect(world.object.status?.conditions?.isTrue(DeploymentCondition.ready) == true)
  }

  @Test func newReleasesWaitForAFreshTimestampAndWhatRunsIsPutRight() async throws {
    let world = try await SimulatedWorld.signed(demandsTimestamp: true)
    try await world.settle(for: .seconds(30))
    #expect(world.object.status?.conditions?[DeploymentCondition.stale]?.reason == "TimestampMissing")
    #expect(world.object.status?.current == nil)
    let start = world.now
    func tell(until end: Duration, at moment: Timestamp) throws {
      let text = try #require(
        world.state.withLock { $0.vendor?.timestamp(issuedAt: moment, expires: moment + end) })
      world.annotate([DesiredDeploymentKind.timestampAnnotation: text])
    }
    try tell(until: .seconds(86_400), at: start)
    try await world.settle(for: .seconds(90))
    #expect(world.object.status?.current?.version == "1.0.0")
    #expect(world.object.status?.conditions?[DeploymentCondition.stale] == nil)

    world.set { $0.now = $0.now + .seconds(2 * 86_400) }
    let next = world.signed(simulatedSpec("2.0.0"))
    world.apply { $0 = next }
    world.set { _ = $0.environment.removeLast() }
    try await world.settle(for: .seconds(600))
    let stale = try #require(world.object.status)
    #expect(stale.conditions?[DeploymentCondition.stale]?.reason == "TimestampExpired")
    #expect(stale.current?.version == "1.0.0")
    #expect(world.state.withLock { $0.environment.count } == 2)
    // An older statement is no news.
    try tell(until: .seconds(86_400 * 30), at: start + .seconds(-10))
    try await world.settle(for: .seconds(600))
    #expect(world.object.status?.current?.version == "1.0.0")
    try tell(until: .seconds(86_400), at: world.now)
    try await world.settle(for: .seconds(600))
    #expect(world.object.status?.current?.version == "2.0.0")
  }

  @Test func aReturnGoesOnlyToWhatRanHereAndIsNotWithdrawn() async throws {
    let world = try await SimulatedWorld.signed()
    for version in ["2.0.0", "3.0.0"] {
      let spec = world.signed(simulatedSpec(version)) { manifest in
        if version == "3.0.0" { manifest.minimumSequence = 2 }
      }
      world.apply { $0 = spec }
      try await world.settle(for: .seconds(90))
    }
    #expect(world.object.status?.history?.compactMap(\.revision) == [3, 2, 1])
    func rollBack(to revision: Int64) async throws -> DesiredDeploymentStatus? {
      world.apply { spec in
        (spec.version, spec.artifact, spec.manifest, spec.imageTags) = (nil, nil, nil, nil)
        spec.rollbackTo = .init(revision: revision)
      }
      try await world.settle(for: .seconds(90))
      return world.object.status
    }
    #expect(try await rollBack(to: 1)?.failure?.reason == "SequenceTooLow")
    #expect(world.object.status?.current?.version == "3.0.0")
    #expect(try await rollBack(to: 2)?.current?.version == "2.0.0")
    // One that a forged history names never ran here.
    world.forge { status in
      guard var entry = status.history?.last else { return }
      (entry.revision, entry.images) = (66, ["backend": "attacker.example/evil"])
      status.history?.append(entry)
    }
    #expect(
      try await rollBack(to: 66)?.conditions?[DeploymentCondition.stalled]?.reason == "RevisionNotFound")
    #expect(!world.state.withLock { $0.started }.contains { $0.contains("attacker") })
  }

  @Test func aReleaseFromBeforeThereWasARootIsLookedAfterAndNotReturnedTo() async throws {
    let world = SimulatedWorld(simulatedSpec("1.0.0"))
    try await world.settle(for: .seconds(30))
    #expect(world.object.status?.conditions?[DeploymentCondition.artifactVerified]?.reason == "Unsigned")
    #expect(world.object.status?.conditions?[DeploymentCondition.trusted]?.reason == "UnsignedAllowed")
    #expect(world.object.status?.conditions?[DeploymentCondition.ready]?.message.contains("UNSIGNED") == true)
    let vendor = ReleaseSigner(now: world.now)
    try await TrustSetting.root(text: vendor.rootText, variable: "X").establish(in: SimulatedStore(world: world))
    world.set { state in
      // As a signed world, only that this release was deployed before.
      _ = state.environment.removeLast()
      state.isChanged = true
    }
    try await world.settle(for: .seconds(90))
    #expect(world.state.withLock { $0.environment.count } == 2)
    world.set { $0.vendor = vendor }
    let next = world.signed(simulatedSpec("2.0.0"))
    world.apply { $0 = next }
    try await world.settle(for: .seconds(90))
    #expect(world.object.status?.current?.version == "2.0.0")
    world.apply { spec in
      (spec.version, spec.artifact, spec.manifest, spec.imageTags) = (nil, nil, nil, nil)
      spec.rollbackTo = .init(revision: 1)
    }
    try await world.settle(for: .seconds(90))
    #expect(world.object.status?.failure?.reason == "RollbackRefused")
  }
}
