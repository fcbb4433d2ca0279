import DeploymentKinds
import DeploymentPlanning
import ReleaseManifest
import ResourceClient
import ResourceModel
import Synchronization
import Testing
import WireFormats

@testable import Agent

/// A release that is looked at beforehand: once for each request, whatever is killed, and never in the way of a deployment.
@Suite(.timeLimit(.minutes(1))) struct PreflightPassTests {
  private static let request = PreflightRequest(
    version: "2.0.0", artifact: simulatedSpec("2.0.0").artifact ?? .init(path: "", sha256: ""),
    imageTags: simulatedSpec("2.0.0").imageTags ?? [:], requestedAt: "now")

  private func inSync() async throws -> SimulatedWorld {
    let world = SimulatedWorld(simulatedSpec("1.0.0"))
    try await world.settle(for: .seconds(30))
    return world
  }

  private func ask(_ world: SimulatedWorld) {
    world.set { state in
      state.object.metadata.annotations = [DesiredDeploymentKind.preflightAnnotation: Self.request.annotation]
      state.version += 1
      state.object.metadata.resourceVersion = String(state.version)
    }
  }

  /// Passes until one has come to its end.
  private func passes(_ world: SimulatedWorld) async throws {
    for _ in 0..<10 {
      do {
        let pass = SimulatedWorld.Pass(term: 1, uid: world.object.metadata.uid)
        _ = try await SimulatedWorld.$pass.withValue(pass) {
          try await world.reconciler(clock: BriefClock()).reconcile(SimulatedWorld.key)
        }
        return
      } catch is CancellationError {
        world.set { $0.isDead = false }
      } catch  where error is ResourceClientError || error is RuntimeFailure {
        world.set { $0.isDead = false }
      }
    }
    Issue.record("no pass came to its end")
  }

  @Test(arguments: [false, true])
  func anAgentThatDiesAnywhereAnswersAllTheSame(_ diesAfterEffect: Bool) async throws {
    let undisturbed = try await inSync()
    let before = undisturbed.calls
    ask(undisturbed)
    try await passes(undisturbed)
    let answer = try #require(undisturbed.object.status?.preflight)
    #expect(answer.request == Self.request.digest && answer.completedAt != nil)
    #expect(answer.checks.map(\.name) == ["Release", "Artifact", "Images"])
    #expect(answer.checks.map(\.status) == [.warning, .passed, .passed])
    for call in 1...(undisturbed.calls - before) {
      let world = try await inSync()
      ask(world)
      world.set { state in
        state.dieAt = state.calls + call
        state.diesAfterEffect = diesAfterEffect
      }
      try await passes(world)
      world.set { $0.dieAt = nil }
      try await passes(world)
      #expect(world.object.status?.preflight?.checks == answer.checks, "dead at call \(call)")
      #expect(world.object.status?.current?.version == "1.0.0")
      #expect(world.state.withLock { $0.converged.count } == 1, "nothing was deployed but the first")
      #expect(world.state.withLock { $0.trespasses }.isEmpty)
      // And not once more.
      let calls = world.calls
      try await passes(world)
      #expect(world.calls - calls <= 2)
    }
  }

  @Test func aDeploymentThatIsAskedForMeanwhileEndsIt() async throws {
    let world = try await inSync()
    ask(world)
    world.set { state in
      state.duringPreflight = { world in
        world.set { $0.duringPreflight = nil }
        world.apply { $0 = simulatedSpec("3.0.0") }
        // The release takes long to look at; only its end may be waited for.
        try? await ContinuousClock().sleep(for: .seconds(600))
      }
    }
    try await passes(world)
    #expect(world.object.status?.current?.version == "3.0.0")
    // Then it is looked at after all.
    try await passes(world)
    #expect(world.object.status?.preflight?.completedAt != nil)
    // What gave way does not count.
    #expect(world.object.status?.preflight?.attempts == 1)
  }

  /// What may take minutes keeps nobody from putting right what runs.
  @Test func whatBreaksMeanwhileIsPutRightAtOnce() async throws {
    let world = try await inSync()
    ask(world)
    world.set { state in
      state.duringPreflight = { world in
        // An event that says nothing of the release that runs leaves it alone.
        world.ring()
        for _ in 0..<100 { await Task.yield() }
        world.set { state in
          state.duringPreflight = nil
          _ = state.environment.popLast()
        }
        world.ring()
        try? await ContinuousClock().sleep(for: .seconds(600))
      }
    }
    try await passes(world)
    #expect(world.state.withLock { $0.converged.count } == 2)
    let answer = world.object.status?.preflight
    #expect(answer?.completedAt != nil && answer?.attempts == 1)
  }

  /// A bucket that is away for a while says nothing of a release; one that stays away is an answer.
  @Test func whatCannotBeHadIsTriedAgainForAWhile() async throws {
    let world = try await inSync()
    world.set { $0.isBucketDown = true }
    ask(world)
    func pass() async throws {
      let pass = SimulatedWorld.Pass(term: 1, uid: world.object.metadata.uid)
      _ = try await SimulatedWorld.$pass.withValue(pass) {
        try await world.reconciler(clock: BriefClock()).reconcile(SimulatedWorld.key)
      }
    }
    for attempt in 1..<10 {
      await #expect(throws: DeploymentFailure.self) { try await pass() }
      let preflight = try #require(world.object.status?.preflight)
      #expect(preflight.completedAt == nil && preflight.attempts == attempt)
      #expect(preflight.checks.map(\.name) == ["Artifact"])
    }
    try await pass()
    let last = world.object.status?.preflight
    #expect(last?.checks.last?.name == "Artifact" && last?.checks.last?.status == .failed && last?.completedAt != nil)
    #expect(world.object.status?.conditions?.isTrue(DeploymentCondition.ready) == true)
    world.set { $0.isBucketDown = false }
    let calls = world.calls
    try await pass()
    #expect(world.calls - calls <= 2)
  }
}

/// Pauses are over at once; what may take long never takes too long.
private struct BriefClock: Clock {
  typealias Instant = ContinuousClock.Instant

  var now: Instant { ContinuousClock.now }
  var minimumResolution: Duration { .nanoseconds(1) }

  func sleep(until deadline: Instant, tolerance: Duration?) async throws {
    if deadline - now > .seconds(60) { return try await ContinuousClock().sleep(until: deadline) }
    try Task.checkCancellation()
    await Task.yield()
  }
}
