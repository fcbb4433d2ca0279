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

/// What becomes of a release whose key, or which itself, the vendor withdraws, and what of one whose key is only replaced.
struct RevocationTests {
  /// The next root, with a new release key in place of the old one, which signs from then on.
  private static func rotate(_ world: SimulatedWorld, revoking: Bool) throws -> String {
    let text = world.state.withLock { state -> String? in
      guard let old = state.vendor?.releaseKey.publicKey.id else { return nil }
      let fresh = Ed25519.PrivateKey()
      let text = state.vendor?.rotate { root in
        root.keys[fresh.publicKey.id] = fresh.publicKey
        root.roles[.release] = .init(keys: [fresh.publicKey.id])
        if revoking { root.revokedKeys = [old] } else { root.keys[old] = nil }
      }
      state.vendor?.releaseKey = fresh
      return text
    }
    return try #require(text)
  }

  private static func rollBack(_ world: SimulatedWorld, to revision: Int64) async throws {
    world.apply { spec in
      (spec.version, spec.artifact, spec.manifest, spec.imageTags) = (nil, nil, nil, nil)
      spec.rollbackTo = .init(revision: revision)
    }
    try await world.settle(for: .seconds(90))
  }

  private func condition(_ world: SimulatedWorld, _ type: String) -> Condition? {
    world.object.status?.conditions?[type]
  }

  @Test func whatRunsAndWasRevokedIsNamedAndNotStartedAgain() async throws {
    let world = try await SimulatedWorld.signed()
    let root = try Self.rotate(world, revoking: true)
    world.annotate([DesiredDeploymentKind.trustRootsAnnotation: "[\(root)]"])
    try await world.settle(for: .seconds(90))
    let trusted = try #require(condition(world, DeploymentCondition.trusted))
    #expect(trusted.status == .isFalse && trusted.reason == "ReleaseRevoked", "\(trusted)")
    #expect(trusted.message.contains("1.0.0") && trusted.message.contains("version 2"), "\(trusted.message)")
    #expect(condition(world, DeploymentCondition.ready)?.message.contains("REVOKED") == true)
    #expect(condition(world, DeploymentCondition.ready)?.status == .isTrue)
    world.set { state in
      _ = state.environment.removeLast()
      state.converged = []
    }
    try await world.settle(for: .seconds(600))
    #expect(world.state.withLock { $0.environment.count } == 1)
    #expect(world.state.withLock { $0.converged.count } == 0)
    #expect(condition(world, DeploymentCondition.drifted)?.message.contains("left as it is") == true)
    #expect(world.state.withLock { $0.events }.filter { $0.reason == "ReleaseRevoked" }.count == 1, "said once")
  }

  @Test(arguments: [true, false])
  func whatWasRevokedIsNotReturnedToWhenTheNextReleaseFails(byKey: Bool) async throws {
    let world = try await SimulatedWorld.signed()
    let running = try #require(world.object.status?.current?.release.releaseManifestSha256)
    let root =
      byKey
      ? try Self.rotate(world, revoking: true)
      : try #require(world.state.withLock { $0.vendor?.rotate { $0.revokedReleases = [running] } })
    world.annotate([DesiredDeploymentKind.trustRootsAnnotation: "[\(root)]"])
    try await world.settle(for: .seconds(90))
    world.set { state in
      state.broken = ["2.0.0"]
      state.converged = []
    }
    let next = world.signed(simulatedSpec("2.0.0"))
    world.apply { $0 = next }
    try await world.settle(for: .seconds(600))
    #expect(world.state.withLock { $0.converged.map(\.version) }.contains("1.0.0") == false)
    let remediated = try #require(condition(world, DeploymentCondition.remediated))
    #expect(remediated.status == .isFalse && remediated.reason == "ReleaseRevoked", "\(remediated)")
    #expect(condition(world, DeploymentCondition.stalled)?.message.contains("deploy a newer release") == true)

    let good = world.signed(simulatedSpec("3.0.0"))
    world.apply { $0 = good }
    try await world.settle(for: .seconds(90))
    #expect(world.object.status?.current?.version == "3.0.0")
    #expect(condition(world, DeploymentCondition.trusted)?.status == .isTrue)
    #expect(condition(world, DeploymentCondition.remediated) == nil)
    let before = world.state.withLock { $0.converged.count }
    try await Self.rollBack(world, to: 1)
    #expect(world.object.status?.failure?.reason == "ReleaseRevoked")
    #expect(world.state.withLock { $0.converged.count } == before)
  }

  /// Whoever may write the status says that all is well, so that what differs looks like drift.
  @Test func aForgedConditionStartsNothingThatWasRevoked() async throws {
    let world = try await SimulatedWorld.signed()
    let root = try Self.rotate(world, revoking: true)
    world.annotate([DesiredDeploymentKind.trustRootsAnnotation: "[\(root)]"])
    world.set { $0.broken = ["2.0.0"] }
    let next = world.signed(simulatedSpec("2.0.0"))
    world.apply { $0 = next }
    try await world.settle(for: .seconds(600))
    world.set { $0.converged = [] }
    for type in [DeploymentCondition.released, DeploymentCondition.remediated] {
      world.forge { status in
        status.conditions = status.conditions?.map { condition in
          var condition = condition
          if condition.type == type { condition.status = .isTrue }
          return condition
        }
      }
      try await world.settle(for: .seconds(600))
      #expect(world.state.withLock { $0.converged.map(\.version) }.contains("1.0.0") == false, "\(type)")
    }
  }

  /// Releases are signed by the old and the new key while Agents learn of the new one.
  @Test func aRotationDoesNotLetOlderReleasesReturn() async throws {
    let world = try await SimulatedWorld.signed()
    let specs = ["5.0.0", "9.0.0"].map { version in
      world.signed(simulatedSpec(version)) { if version == "9.0.0" { $0.minimumSequence = 3 } }
    }
    let fifth = specs[0]
    world.apply { $0 = specs[1] }
    try await world.settle(for: .seconds(90))
    #expect(world.object.status?.current?.version == "9.0.0")
    let root = try Self.rotate(world, revoking: false)
    let fresh = try #require(world.state.withLock { $0.vendor?.releaseKey })
    var envelope = try Envelope(parsing: Array(try #require(fifth.manifest).utf8), expecting: .release)
    envelope.sign(with: fresh)
    var again = fifth
    again.manifest = envelope.text
    world.annotate([DesiredDeploymentKind.trustRootsAnnotation: "[\(root)]"])
    world.apply { [again] in $0 = again }
    try await world.settle(for: .seconds(90))
    #expect(world.object.status?.failure?.reason == "SequenceTooLow")
    #expect(world.object.status?.current?.version == "9.0.0")
    // What the newest release withdrew stays withdrawn.
    try await Self.rollBack(world, to: 1)
    #expect(world.object.status?.failure?.reason == "SequenceTooLow")
    #expect(world.object.status?.current?.version == "9.0.0")
  }

  @Test func aReplacedKeyTakesAwayNoReturnToWhatRanHere() async throws {
    let world = try await SimulatedWorld.signed()
    let former = try #require(world.object.spec.manifest)
    let second = world.signed(simulatedSpec("2.0.0"))
    world.apply { $0 = second }
    try await world.settle(for: .seconds(90))
    let unseen = world.signed(simulatedSpec("2.1.0"))
    let root = try Self.rotate(world, revoking: false)
    world.annotate([DesiredDeploymentKind.trustRootsAnnotation: "[\(root)]"])
    try await world.settle(for: .seconds(90))
    #expect(condition(world, DeploymentCondition.trusted)?.status == .isTrue)
    // From outside nothing that only the old key signed is taken, whether it ran here or not.
    world.apply { $0 = unseen }
    try await world.settle(for: .seconds(90))
    #expect(world.object.status?.failure?.reason == "SignatureInvalid")
    world.apply { spec in
      spec = simulatedSpec("1.0.0")
      spec.manifest = former
    }
    try await world.settle(for: .seconds(90))
    #expect(world.object.status?.failure?.reason == "SignatureInvalid")
    #expect(world.object.status?.current?.version == "2.0.0")

    try await Self.rollBack(world, to: 1)
    #expect(world.object.status?.current?.version == "1.0.0", "\(world.object.status?.failure?.message ?? "")")
    let third = world.signed(simulatedSpec("3.0.0"))
    world.apply { $0 = third }
    try await world.settle(for: .seconds(90))
    #expect(world.object.status?.current?.version == "3.0.0")
  }

  @Test func aRootThatComesLaterWakesWhatWasRefused() async throws {
    let world = try await SimulatedWorld.signed()
    let root = try Self.rotate(world, revoking: false)
    let next = world.signed(simulatedSpec("2.0.0"))
    world.apply { $0 = next }
    try await world.settle(for: .seconds(90))
    #expect(world.object.status?.failure?.reason == "SignatureInvalid")
    try await world.settle(for: .seconds(3600))
    #expect(world.object.status?.current?.version == "1.0.0")
    world.annotate([DesiredDeploymentKind.trustRootsAnnotation: "[\(root)]"])
    try await world.settle(for: .seconds(90))
    #expect(world.object.status?.current?.version == "2.0.0")
    #expect(condition(world, DeploymentCondition.ready)?.status == .isTrue)
  }

  @Test func aRootThatComesLaterDoesNotWakeWhatFailedForAnotherReason() async throws {
    let world = try await SimulatedWorld.signed()
    world.set { $0.broken = ["2.0.0"] }
    let next = world.signed(simulatedSpec("2.0.0"))
    world.apply { $0 = next }
    try await world.settle(for: .seconds(600))
    let tries = world.state.withLock { $0.converged.filter { $0.version == "2.0.0" }.count }
    let root = try Self.rotate(world, revoking: false)
    world.annotate([DesiredDeploymentKind.trustRootsAnnotation: "[\(root)]"])
    try await world.settle(for: .seconds(600))
    #expect(world.state.withLock { $0.converged.filter { $0.version == "2.0.0" }.count } == tries)
  }

  @Test func whatWasKeptForARecordThatVanishedGoesWithIt() async throws {
    let world = try await SimulatedWorld.signed()
    func ledgers() -> [String] { world.state.withLock { $0.documents.keys.filter { $0.hasPrefix("ledger-") } } }
    #expect(ledgers().count == 1)
    world.set { $0.isServerDown = true }
    world.set { $0.isGone = true }
    await #expect(throws: (any Error).self) { _ = try await world.reconciler().reconcile(SimulatedWorld.key) }
    #expect(ledgers().count == 1, "nothing is known of it while the server is away")
    world.set { $0.isServerDown = false }
    try await world.settle(for: .seconds(60))
    #expect(ledgers() == [])
  }
}
