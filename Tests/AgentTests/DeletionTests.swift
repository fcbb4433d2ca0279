import DeploymentKinds
import DeploymentPlanning
import Reconciliation
import ResourceClient
import ResourceModel
import Synchronization
import Testing
import WireFormats

@testable import Agent

/// Deployments that are deleted, and what holds them until they may go.
struct DeletionTests {
  private func deployed(_ policy: DeletionPolicy = .uninstall) async throws -> SimulatedWorld {
    let world = SimulatedWorld(spec(policy))
    try await world.settle(for: .seconds(30))
    return world
  }

  private func spec(_ policy: DeletionPolicy) -> DesiredDeploymentSpec {
    var spec = simulatedSpec("1.0.0")
    spec.deletionPolicy = policy
    return spec
  }

  private func reasons(_ world: SimulatedWorld) -> [String] { world.state.withLock { $0.events.map(\.reason) } }

  @Test func theFinalizersOfOthersStay() async throws {
    let world = SimulatedWorld(spec(.uninstall))
    world.set { $0.object.metadata.finalizers = ["example.com/kept"] }
    try await world.settle(for: .seconds(30))
    #expect(world.object.metadata.finalizers == ["example.com/kept", DesiredDeploymentKind.finalizer])
    world.delete()
    try await world.settle(for: .seconds(30))
    #expect(world.object.metadata.finalizers == ["example.com/kept"])
    #expect(world.state.withLock { $0.environment.isEmpty })
    #expect(world.object.status?.conditions?[DeploymentCondition.ready]?.reason == "Uninstalled")
    #expect(reasons(world).suffix(2) == ["Uninstalling", "Uninstalled"])
  }

  @Test func aChangeThatComesBetweenIsDecidedAnew() async throws {
    let world = SimulatedWorld(spec(.uninstall))
    world.set { state in
      state.interference = { state in
        state.object.spec.deletionPolicy = .orphan
        state.touch()
      }
    }
    try await world.settle(for: .seconds(30))
    #expect(world.object.metadata.finalizers == nil)
    #expect(world.object.status?.current?.version == "1.0.0")
  }

  @Test func withoutTheRightToHoldTheObjectNothingIsDeployed() async throws {
    let world = SimulatedWorld(spec(.uninstall))
    world.set { $0.areFinalizersForbidden = true }
    await #expect(throws: ResourceClientError.self) { try await world.reconciler().reconcile(SimulatedWorld.key) }
    #expect(world.state.withLock { $0.converged.isEmpty })
    #expect(reasons(world) == ["FinalizerNotWritten"])
    world.set { $0.areFinalizersForbidden = false }
    try await world.settle(for: .seconds(30))
    #expect(world.object.status?.current?.version == "1.0.0")
  }

  @Test func whatCannotBeUninstalledHoldsTheObjectUntilItIsLetGo() async throws {
    let world = try await deployed()
    world.set { $0.isUninstallRefused = true }
    world.delete()
    try await world.settle(for: .seconds(600))
    #expect(world.object.status?.conditions?[DeploymentCondition.ready]?.reason == "UninstallFailed")
    #expect((4...12).contains(world.state.withLock { $0.uninstalled.count }))
    #expect(reasons(world).filter { $0 == "UninstallFailed" }.count == 1)
    world.apply { $0.deletionPolicy = .orphan }
    try await world.settle(for: .seconds(30))
    #expect(world.state.withLock { $0.isGone })
    #expect(world.state.withLock { $0.environment.count } == 2)
  }

  @Test(arguments: [true, false])
  func anEngineOrServerThatIsDownOnlyDelaysIt(_ isEngine: Bool) async throws {
    let world = try await deployed()
    world.delete()
    world.set { state in (state.isEngineDown, state.isServerDown) = (isEngine, !isEngine) }
    try await world.settle(for: .seconds(300))
    #expect(!world.state.withLock { $0.isGone })
    world.set { state in (state.isEngineDown, state.isServerDown) = (false, false) }
    try await world.settle(for: .seconds(600))
    #expect(world.state.withLock { $0.isGone && $0.environment.isEmpty })
  }

  @Test func nobodyListensForADeploymentThatIsLeftOrGone() async throws {
    let world = try await deployed()
    let live = world.object
    world.delete()
    #expect(RuntimeTarget(live) != nil)
    #expect(RuntimeTarget(world.object) == nil)
    let runtime = ListenedRuntime(world: world)
    let watch = EngineWatch(runtime: runtime, wake: { _ in })
    watch.follow(SimulatedWorld.key, RuntimeTarget(live))
    var openings = runtime.openings.makeAsyncIterator()
    #expect(await openings.next() == true)
    watch.follow(SimulatedWorld.key, RuntimeTarget(world.object))
    #expect(await openings.next() == false)
  }
}

/// Tells when somebody begins to listen to its changes, and when nobody does any more.
private final class ListenedRuntime: DeploymentRuntime {
  let world: SimulatedWorld
  let openings: AsyncStream<Bool>
  private let opened: AsyncStream<Bool>.Continuation

  init(world: SimulatedWorld) {
    self.world = world
    (openings, opened) = AsyncStream.makeStream()
  }

  func preflight(
    _ target: RuntimeTarget, of release: PreparedRelease
  ) async throws(RuntimeFailure) -> [DesiredDeploymentStatus.Preflight.Check] { [] }

  func changes(_ target: RuntimeTarget) -> AsyncStream<Void> {
    opened.yield(true)
    return AsyncStream { [opened] continuation in continuation.onTermination = { _ in opened.yield(false) } }
  }

  func observe(_ target: RuntimeTarget) async throws(RuntimeFailure) -> EnvironmentObservation {
    try await world.observe(target)
  }

  func converge(
    _ target: RuntimeTarget, to release: PreparedRelease,
    progress: @escaping @Sendable (DesiredDeploymentStatus.Progress) async -> Void
  ) async throws(RuntimeFailure) -> RunningRelease { try await world.converge(target, to: release, progress: progress) }

  func restore(
    _ target: RuntimeTarget, to revision: RevisionReference, purpose: RestorePurpose,
    progress: @escaping @Sendable (DesiredDeploymentStatus.Progress) async -> Void
  ) async throws(RuntimeFailure) -> RunningRelease? { nil }

  func uninstall(
    _ target: RuntimeTarget, progress: @escaping @Sendable (DesiredDeploymentStatus.Progress) async -> Void
  ) async throws(RuntimeFailure) -> [String] { try await world.uninstall(target, progress: progress) }
}
