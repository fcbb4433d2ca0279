import DeploymentKinds
import DeploymentPlanning
import ResourceModel
import Testing
import WireFormats

@testable import Agent

struct FailedStepTests {
  @Test func thePauseAfterAFailureIsSpreadAtRandom() async throws {
    let world = SimulatedWorld(simulatedSpec("1.0.0"))
    world.set { $0.isBucketDown = true }
    _ = try await world.reconciler(random: { 0.5 }).reconcile(SimulatedWorld.key)
    let next = try #require(world.object.status?.nextAttemptAt)
    // Ten seconds, and half of the quarter that jitter may add.
    #expect(next - world.now == .milliseconds(11_250))
  }

  @Test func aFailureWhileTheAgentIsStoppedIsNoVerdictOnTheRelease() async throws {
    let world = SimulatedWorld(simulatedSpec("1.0.0"))
    let reconciler = world.reconciler(runtime: StoppedRuntime(world: world))
    let pass = Task { try await reconciler.reconcile(SimulatedWorld.key) }
    await #expect(throws: CancellationError.self) { try await pass.value }
    #expect(world.object.status?.failure == nil)
    #expect(world.object.status?.history == nil)
    try await world.settle(for: .seconds(30))
    #expect(world.object.status?.current?.version == "1.0.0")
  }
}

/// Fails as if the release were at fault, after the task was cancelled.
private struct StoppedRuntime: DeploymentRuntime {
  let world: SimulatedWorld

  func observe(_ target: RuntimeTarget) async throws(RuntimeFailure) -> EnvironmentObservation {
    try await world.observe(target)
  }

  func converge(
    _ target: RuntimeTarget, to release: PreparedRelease,
    progress: @escaping @Sendable (DesiredDeploymentStatus.Progress) async -> Void
  ) async throws(RuntimeFailure) -> RunningRelease {
    unsafe withUnsafeCurrentTask { task in unsafe task?.cancel() }
    throw RuntimeFailure(kind: .permanent, reason: "WorkloadCrashed", message: "a container was ended")
  }

  func restore(
    _ target: RuntimeTarget, to revision: RevisionReference, purpose: RestorePurpose,
    progress: @escaping @Sendable (DesiredDeploymentStatus.Progress) async -> Void
  ) async throws(RuntimeFailure) -> RunningRelease? { nil }

  func uninstall(
    _ target: RuntimeTarget, progress: @escaping @Sendable (DesiredDeploymentStatus.Progress) async -> Void
  ) async throws(RuntimeFailure) -> [String] { try await world.uninstall(target, progress: progress) }

  func preflight(
    _ target: RuntimeTarget, of release: PreparedRelease
  ) async throws(RuntimeFailure) -> [DesiredDeploymentStatus.Preflight.Check] { [] }

  func changes(_ target: RuntimeTarget) -> AsyncStream<Void> { world.changes(target) }
}
