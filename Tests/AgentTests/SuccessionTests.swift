import DeploymentKinds
import ResourceModel
import Synchronization
import Testing

@testable import DeploymentPlanning

/// While an Agent works, its record is deleted and made anew, or another Agent takes the lease: at each of its calls, one
/// after the other.
struct SuccessionTests {
  enum Course: String, Sendable, CaseIterable {
    case success
    case failure
    case driftCorrection
  }

  @Test(arguments: Course.allCases)
  func anObjectMadeAnewGetsNothingOfTheOneBeforeIt(_ course: Course) async throws {
    let calls = try await calls(of: course)
    for call in 1...calls {
      let world = try await begun(course)
      world.suspend(afterCalls: call) { $0.recreate(simulatedSpec("3.0.0")) }
      try await world.settle()
      let status = try #require(world.object.status)
      #expect(world.object.metadata.uid == "object-2")
      #expect(status.current?.version == "3.0.0", "\(course), made anew at call \(call)")
      #expect(status.history?.map(\.release.version) == ["3.0.0"], "\(course), made anew at call \(call)")
      #expect(status.current?.revision == 1, "\(course), made anew at call \(call)")
      #expect(status.attempts == 1, "\(course), made anew at call \(call)")
      #expect(status.failure == nil, "\(course), made anew at call \(call)")
    }
  }

  @Test(arguments: Course.allCases)
  func anAgentThatWakesAfterItsLeaseRanOutLeavesEverythingToItsSuccessor(_ course: Course) async throws {
    let calls = try await calls(of: course)
    for call in 1...calls {
      let world = try await begun(course)
      world.suspend(afterCalls: call) { world in
        try await world.takeOver()
        world.apply { $0 = simulatedSpec("3.0.0") }
        try await world.settle()
      }
      try await world.settle()
      #expect(world.state.withLock { $0.trespasses } == [], "\(course), taken over at call \(call)")
      #expect(world.object.status?.current?.version == "3.0.0", "\(course), taken over at call \(call)")
      #expect(world.object.status?.agent?.term == 2, "\(course), taken over at call \(call)")
      let comparison = EnvironmentComparison(
        expected: world.object.status?.current?.services, containers: world.state.withLock { $0.environment })
      #expect(comparison.isMatching, "\(course), taken over at call \(call)")
    }
  }

  @Test func anAgentThatIsAloneWritesItsStatusOverAnothersMark() async throws {
    let world = try await begun(.success)
    world.suspend(afterCalls: 6) { world in
      world.set { state in
        state.object.status?.agent = .init(identity: "by hand", term: 1)
        state.touch()
      }
    }
    try await world.settle()
    #expect(world.object.status?.current?.version == "2.0.0")
    #expect(world.object.status?.attempts == 1)
    #expect(world.object.status?.resumptions == nil)
  }

  private func calls(of course: Course) async throws -> Int {
    let world = try await begun(course)
    let before = world.calls
    try await world.settle(for: .seconds(30))
    return world.calls - before
  }

  /// Settled on 1.0.0, and with something to do.
  private func begun(_ course: Course) async throws -> SimulatedWorld {
    let world = SimulatedWorld(simulatedSpec("1.0.0"))
    try await world.settle(for: .seconds(30))
    switch course {
    case .success: world.apply { $0 = simulatedSpec("2.0.0") }
    case .failure:
      world.set { $0.broken = ["2.0.0"] }
      world.apply { $0 = simulatedSpec("2.0.0", failurePolicy: .hold) }
    case .driftCorrection: world.set { $0.environment.removeAll { $0.service == "media" } }
    }
    return world
  }
}
