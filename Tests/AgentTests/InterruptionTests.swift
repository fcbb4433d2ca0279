import DeploymentKinds
import DeploymentPlanning
import ResourceModel
import Synchronization
import Testing
import WireFormats

/// The Agent dies at each of its calls to the outside, one after the other, and a new one goes on: the end is the same as
/// when nothing had happened.
struct InterruptionTests {
  enum Course: String, Sendable, CaseIterable {
    case success
    case held
    case rolledBack
    case refused
    case driftCorrected
    case uninstalled
    case orphaned
  }

  /// What must be equal at the end: neither times, nor how often something was tried, nor what was told on the way.
  struct EndState: Equatable {
    var current: String?
    var revision: Int64?
    var failure: String?
    var conditions: [String: String]
    var outcomes: [String]
    var environment: [EnvironmentObservation.Container]
    var attempts: Int?
    var isProgressing: Bool
    var isGone: Bool
  }

  @Test(arguments: Course.allCases, [false, true])
  func deathAtAnyCallChangesNothingOfTheEnd(_ course: Course, _ diesAfterEffect: Bool) async throws {
    let (undisturbed, calls) = try await run(course, dieAt: nil, afterEffect: false)
    #expect(calls > (course == .orphaned ? 1 : 5))
    for call in 1...calls {
      let (disturbed, _) = try await run(course, dieAt: call, afterEffect: diesAfterEffect)
      #expect(disturbed == undisturbed, "\(course), dead at call \(call)")
    }
  }

  private func run(_ course: Course, dieAt call: Int?, afterEffect: Bool) async throws -> (EndState, calls: Int) {
    var first = simulatedSpec("1.0.0")
    if course == .uninstalled || course == .orphaned { first.deletionPolicy = .uninstall }
    let world = SimulatedWorld(first)
    try await world.settle(for: .seconds(30))
    let before = world.calls
    switch course {
    case .success: world.apply { $0 = simulatedSpec("2.0.0") }
    case .held:
      world.set { $0.broken = ["2.0.0"] }
      world.apply { $0 = simulatedSpec("2.0.0", failurePolicy: .hold) }
    case .rolledBack:
      world.set { $0.broken = ["2.0.0"] }
      world.apply { $0 = simulatedSpec("2.0.0") }
    case .refused:
      world.set { $0.forged = ["2.0.0"] }
      world.apply { $0 = simulatedSpec("2.0.0") }
    case .driftCorrected: world.set { $0.environment.removeAll { $0.service == "media" } }
    case .uninstalled: world.delete()
    case .orphaned:
      world.apply { $0.deletionPolicy = .orphan }
      world.delete()
    }
    world.set { state in
      state.dieAt = call.map { $0 + before }
      state.diesAfterEffect = afterEffect
    }
    try await world.settle(for: .seconds(30))
    let calls = world.calls - before
    if course == .uninstalled || course == .orphaned {
      #expect(world.state.withLock { $0.isGone })
      #expect(world.state.withLock { $0.environment.isEmpty } == (course == .uninstalled))
    }
    // What is shown on the way is written at best effort; the number of such writes is not the same in every run.
    world.set { $0.dieAt = nil }
    try await world.settle(for: .seconds(90))
    return (endState(world), calls)
  }

  private func endState(_ world: SimulatedWorld) -> EndState {
    let status = world.object.status
    var environment = world.state.withLock { $0.environment }
    environment.sort { $0.service < $1.service }
    let conditions = (status?.conditions ?? []).map { ($0.type, "\($0.status.rawValue) \($0.reason)") }
    return EndState(
      current: status?.current?.version, revision: status?.current?.revision, failure: status?.failure?.reason,
      conditions: Dictionary(conditions) { _, last in last },
      outcomes: (status?.history ?? []).map { "\($0.release.version) \($0.outcome.rawValue)" },
      environment: environment, attempts: status?.attempts, isProgressing: status?.progress != nil,
      isGone: world.state.withLock { $0.isGone })
  }
}
