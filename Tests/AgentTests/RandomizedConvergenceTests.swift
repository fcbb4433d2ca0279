import DeploymentKinds
import ResourceModel
import Synchronization
import Testing
import WireFormats

@testable import DeploymentPlanning

/// Random histories of an environment: whatever happens in whatever order, some things never do, and in the end what is
/// wanted runs.
struct RandomizedConvergenceTests {
  private static let forgedVersion = "6.6.6"

  /// What somebody with the Agent's token may write.
  private enum Forgery: CaseIterable {
    case image, imageID, revision, version, history, historyImages, target, counters, times, nothingDeployed, nothing

    func change(_ status: inout DesiredDeploymentStatus) {
      let attackers = "attacker.example/evil@sha256:\(String(repeating: "e", count: 64))"
      switch self {
      case .image:
        for index in (status.current?.services ?? []).indices {
          status.current?.services?[index].image = attackers
          status.current?.services?[index].imageID = "sha256:evil"
        }
      case .imageID:
        for index in (status.current?.services ?? []).indices {
          status.current?.services?[index].imageID = "sha256:evil"
        }
      case .revision: status.current?.revision = .max
      case .version:
        let forged = simulatedSpec(RandomizedConvergenceTests.forgedVersion)
        if let artifact = forged.artifact {
          status.current?.release = .init(version: RandomizedConvergenceTests.forgedVersion, artifact: artifact)
        }
        status.current?.version = RandomizedConvergenceTests.forgedVersion
      case .history: status.history = Array((status.history ?? []).reversed().dropFirst())
      case .historyImages:
        for index in (status.history ?? []).indices { status.history?[index].images = ["backend": attackers] }
      case .target: status.target = .init(runtime: .compose, name: "somebody-elses")
      case .counters:
        (status.attempts, status.resumptions, status.corrections) = (.max, .min, .max)
        status.lastAttemptedGeneration = .max
      case .times:
        let never = Timestamp(seconds: 253_402_300_799)
        (status.nextAttemptAt, status.attemptStartedAt) = (never, never)
        for index in (status.conditions ?? []).indices { status.conditions?[index].lastTransitionTime = never }
      case .nothingDeployed: status.current = nil
      case .nothing: status = DesiredDeploymentStatus()
      }
    }
  }

  private enum Incident: CaseIterable {
    case newVersion, brokenVersion, forgedVersion, sameReleaseAgain, suspend, resume, policy, schedule, retry, drift
    case stranger, licenseExpires, licenseRenewed, bucketDown, engineDown, serverDown, allUp, death, time
    case deletion, deletionPolicy, uninstallRefused, recreation, takeover, forgery, diskFull
  }

  @Test(arguments: 0..<25)
  func whateverHappensTheRulesHold(_ seed: Int) async throws {
    var random = SeededGenerator(seed: UInt64(seed))
    // In every fifth world the Agent believes one vendor only.
    let world = SimulatedWorld(simulatedSpec("1.0.0"))
    if seed % 5 == 1 { try await world.sign() }
    var minor = 0
    for _ in 0..<40 {
      if world.state.withLock({ $0.isGone }) { world.recreate(world.signed(simulatedSpec("1.0.0"))) }
      let incident = Incident.allCases.randomElement(using: &random) ?? .time
      happen(incident, in: world, minor: &minor, &random)
      try await world.settle(for: .seconds(Int64.random(in: 1...900, using: &random)))
      check(world, "seed \(seed), after \(incident)")
    }
    world.set { state in
      (state.isBucketDown, state.isEngineDown, state.isServerDown, state.dieAt) = (false, false, false, nil)
      (state.suspendAt, state.meanwhile) = (nil, nil)
      (state.isDead, state.license, state.isUninstallRefused, state.isDiskFull) = (false, .valid, false, false)
    }
    if world.object.metadata.deletionTimestamp != nil {
      try await world.settle(for: .seconds(3600))
      check(world, "seed \(seed), when all is up again")
      #expect(world.state.withLock { $0.isGone }, "seed \(seed): a deleted object that stays")
      world.recreate(world.signed(simulatedSpec("1.0.0")))
    }
    let final = world.signed(simulatedSpec("9.9.9"))
    world.apply { $0 = final }
    try await world.settle(for: .seconds(3600))
    check(world, "seed \(seed), at the end")
    let status = world.object.status
    #expect(status?.current?.version == "9.9.9", "seed \(seed)")
    #expect(status?.conditions?.isTrue(DeploymentCondition.ready) == true, "seed \(seed)")
    #expect(status?.conditions?[DeploymentCondition.stalled] == nil, "seed \(seed)")
    let comparison = EnvironmentComparison(
      expected: status?.current?.services, containers: world.state.withLock { $0.environment })
    #expect(comparison.isMatching, "seed \(seed): \(comparison)")
    #expect(world.state.withLock { $0.openReleases } <= 1, "seed \(seed)")
  }

  private func happen(
    _ incident: Incident, in world: SimulatedWorld, minor: inout Int, _ random: inout SeededGenerator
  ) {
    let policy: FailurePolicy = Bool.random(using: &random) ? .rollBack : .hold
    switch incident {
    case .newVersion, .brokenVersion, .forgedVersion:
      minor += 1
      let version = "2.\(minor).0"
      world.set { state in
        if incident == .brokenVersion { state.broken.insert(version) }
        if incident == .forgedVersion { state.forged.insert(version) }
      }
      let new = world.signed(simulatedSpec(version, failurePolicy: policy))
      world.apply { spec in
        let (isSuspended, deletion) = (spec.suspend, spec.deletionPolicy)
        spec = new
        (spec.suspend, spec.deletionPolicy) = (isSuspended, deletion)
      }
    case .sameReleaseAgain:
      guard let current = world.object.status?.current?.version, current != Self.forgedVersion else { return }
      let again = world.signed(simulatedSpec(current, failurePolicy: policy))
      world.apply { $0 = again }
    case .suspend: world.apply { $0.suspend = true }
    case .resume: world.apply { $0.suspend = false }
    case .policy: world.apply { $0.drift = DriftPolicy.allCases.randomElement(using: &random) ?? .warn }
    case .schedule:
      let start = world.now + .seconds(Int64.random(in: -1200...600, using: &random))
      world.apply { $0.schedule = .init(notBefore: start) }
    case .retry: world.annotateRetry("\(world.now)")
    case .drift:
      world.set { state in
        if !state.environment.isEmpty { state.environment.removeLast() }
      }
    case .stranger:
      world.set { state in
        var stranger = SimulatedService.media.container("0.0.0")
        stranger.service = "stranger"
        state.environment.append(stranger)
      }
    case .licenseExpires: world.set { $0.license = .expired(at: nil) }
    case .licenseRenewed: world.set { $0.license = .valid }
    case .bucketDown: world.set { $0.isBucketDown = true }
    case .engineDown: world.set { $0.isEngineDown = true }
    case .serverDown: world.set { $0.isServerDown = true }
    case .allUp:
      world.set { state in
        (state.isBucketDown, state.isEngineDown, state.isServerDown) = (false, false, false)
        state.isDiskFull = false
      }
    case .death:
      let calls = Int.random(in: 1...12, using: &random)
      world.set { state in
        state.dieAt = state.calls + calls
        state.diesAfterEffect.toggle()
      }
    case .time: world.set { $0.now = $0.now + .seconds(3600) }
    case .deletion: world.delete()
    case .deletionPolicy: world.apply { $0.deletionPolicy = Bool.random(using: &random) ? .uninstall : .orphan }
    case .recreation:
      let spec = world.signed(simulatedSpec(minor == 0 ? "1.0.0" : "1.\(minor).0", failurePolicy: policy))
      world.suspend(afterCalls: Int.random(in: 1...12, using: &random)) { $0.recreate(spec) }
    case .takeover:
      world.suspend(afterCalls: Int.random(in: 1...12, using: &random)) { try await $0.takeOver(for: .seconds(300)) }
    case .uninstallRefused: world.set { $0.isUninstallRefused.toggle() }
    case .diskFull: world.set { $0.isDiskFull.toggle() }
    case .forgery:
      // Where nothing is kept, an Agent that deploys what nobody signed takes a status over.
      let canBe = world.state.withLock { state in
        !state.isServerDown && (state.vendor != nil || state.documents.keys.contains { $0.hasPrefix("ledger-") })
      }
      guard canBe else { return }
      let forgery = Forgery.allCases.randomElement(using: &random) ?? .image
      world.forge { forgery.change(&$0) }
    }
  }

  /// What must never happen.
  private func check(_ world: SimulatedWorld, _ place: String) {
    world.set { state in
      #expect(!state.started.contains { $0.contains("attacker") }, "\(place): started what a forged status named")
      #expect(state.trespasses == [], "\(place): acted or wrote without the lease")
      state.trespasses.removeAll()
      for (version, object, license) in state.converged {
        #expect(version != Self.forgedVersion, "\(place): deployed what a forged status named")
        let digest = simulatedSpec(version).artifact?.sha256 ?? ""
        #expect(state.verified.contains(digest), "\(place): deployed unverified \(version)")
        #expect(!object.spec.suspend, "\(place): acted while suspended")
        #expect(object.metadata.deletionTimestamp == nil, "\(place): deployed a deleted object")
        let isHeld = object.metadata.finalizers?.contains(DesiredDeploymentKind.finalizer) == true
        #expect(
          isHeld == (object.spec.deletionPolicy == .uninstall), "\(place): deployed without the finalizer, or with one")
        let status = object.status
        let isDesired = object.spec.version == version
        if isDesired, version != status?.current?.version {
          #expect(
            status?.lastAttemptedGeneration == object.metadata.generation,
            "\(place): deployed \(version) before saying so")
          #expect(status?.attempts ?? 0 <= 3, "\(place): more than three attempts")
          #expect(status?.failure == nil, "\(place): deployed \(version) after it had failed")
          if license != .valid {
            #expect(status?.conditions?.isTrue(DeploymentCondition.licensed) == true, "\(place): without a licence")
          }
          let reason = status?.conditions?[DeploymentCondition.ready]?.reason
          #expect(reason != "MissedSchedule", "\(place): deployed a missed schedule")
        } else if !isDesired {
          #expect(version == status?.current?.version, "\(place): deployed \(version), which nobody wants")
        }
      }
      state.converged.removeAll()
      for object in state.uninstalled {
        #expect(object.metadata.deletionTimestamp != nil, "\(place): uninstalled a live object")
        #expect(object.spec.deletionPolicy == .uninstall, "\(place): uninstalled what was to stay")
        #expect(
          object.status?.conditions?[DeploymentCondition.reconciling]?.reason == "Uninstalling",
          "\(place): uninstalled before saying so")
      }
      state.uninstalled.removeAll()
      for status in state.statuses {
        let conditions = status.conditions ?? []
        #expect(conditions[DeploymentCondition.ready] != nil, "\(place): no Ready condition")
        #expect(Set(conditions.map(\.type)).count == conditions.count, "\(place): a condition twice")
        for type in [DeploymentCondition.reconciling, DeploymentCondition.stalled] {
          #expect(conditions[type].map { $0.status == .isTrue } ?? true, "\(place): \(type) that is not True")
        }
      }
      state.statuses.removeAll()
    }
  }
}

/// SplitMix64: a history that can be played again.
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 &+ 1 }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}
