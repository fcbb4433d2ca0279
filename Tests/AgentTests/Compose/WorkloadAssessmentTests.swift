import DeploymentPlanning
import Testing
import WireFormats

@testable import Agent

@Suite struct WorkloadAssessmentTests {
  struct Case: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var service = ComposeService(
      name: "media", image: "media:1", restart: .always, replicas: 1, isAwaitedToComplete: false)
    /// State and status as the engine lists them.
    var containers: [(String, String)]
    var expected: Expected
  }

  enum Expected: Sendable, Equatable {
    case ready
    case waiting(done: Int, total: Int, message: String, recheck: Duration?)
    case restarting
    case missing
    case failed(WorkloadAssessment.Fault)
  }

  static let once = ComposeService(
    name: "media", image: "media:1", restart: .unspecified, replicas: 1, isAwaitedToComplete: false)
  static let awaited = ComposeService(
    name: "media", image: "media:1", restart: .unspecified, replicas: 1, isAwaitedToComplete: true)
  static let pair = ComposeService(
    name: "media", image: "media:1", restart: .always, replicas: 2, isAwaitedToComplete: false)

  @Test(arguments: [
    Case(testDescription: "healthy", containers: [("running", "Up 1 second (healthy)")], expected: .ready),
    Case(
      testDescription: "health not known yet", containers: [("running", "Up 9 seconds (health: starting)")],
      expected: .waiting(done: 0, total: 1, message: "media 0/1 ready", recheck: nil)),
    Case(
      testDescription: "unhealthy", containers: [("running", "Up 9 seconds (unhealthy)")],
      expected: .failed(.unhealthy)),
    Case(testDescription: "settled", containers: [("running", "Up 3 seconds")], expected: .ready),
    Case(
      testDescription: "settling", containers: [("running", "Up 1 second")],
      expected: .waiting(done: 0, total: 1, message: "media 0/1 ready", recheck: .seconds(2))),
    Case(
      testDescription: "one of two", service: pair,
      containers: [("running", "Up 5 seconds (healthy)"), ("running", "Up 5 seconds (health: starting)")],
      expected: .waiting(done: 1, total: 2, message: "media 1/2 ready", recheck: nil)),
    Case(
      testDescription: "second replica is missing", service: pair, containers: [("running", "Up 5 seconds (healthy)")],
      expected: .missing),
    Case(testDescription: "no container", containers: [], expected: .missing),
    Case(
      testDescription: "restarting", containers: [("restarting", "Restarting (1) 1 second ago")], expected: .restarting),
    Case(
      testDescription: "crashed", service: once, containers: [("exited", "Exited (2) 1 second ago")],
      expected: .failed(.crashed(code: 2))),
    Case(
      testDescription: "ran once", service: once, containers: [("exited", "Exited (0) 1 second ago")], expected: .ready),
    Case(
      testDescription: "ended though it should go on", containers: [("exited", "Exited (0) 1 second ago")],
      expected: .waiting(done: 0, total: 1, message: "media 0/1 ready", recheck: nil)),
    Case(
      testDescription: "awaited to complete, still at it", service: awaited, containers: [("running", "Up 9 seconds")],
      expected: .waiting(done: 0, total: 1, message: "media 0/1 ready", recheck: nil)),
    Case(testDescription: "dead", containers: [("dead", "Dead")], expected: .failed(.dead)),
    Case(
      testDescription: "created", containers: [("created", "Created")],
      expected: .waiting(done: 0, total: 1, message: "media 0/1 ready", recheck: nil)),
  ])
  func containersAreJudged(example: Case) throws {
    let containers = try example.containers.enumerated().map { index, text in
      try container("media", "media-\(index)", state: text.0, status: text.1)
    }
    let assessment = WorkloadAssessment.assess(
      services: [example.service], containers: containers, settleTime: .seconds(3))
    let found: Expected =
      switch assessment {
      case .ready: .ready
      case .waiting(let waiting):
        .waiting(
          done: waiting.done, total: waiting.total, message: waiting.message, recheck: waiting.recheckAfter)
      case .restarting: .restarting
      case .missing: .missing
      case .failed(_, let fault): .failed(fault)
      }
    #expect(found == example.expected)
  }

  @Test func containersOfOneOffRunsAndStrangersDoNotCount() throws {
    let oneOff = try container("media", "media-run", state: "exited", status: "Exited (1) now", isOneOff: true)
    let stranger = try container("other", "other-1", state: "exited", status: "Exited (1) now")
    let healthy = try container("media", "media-1", state: "running", status: "Up 2 seconds (healthy)")
    #expect(
      WorkloadAssessment.assess(
        services: [Self.once], containers: [oneOff, stranger, healthy], settleTime: .seconds(3)) == .ready)
  }

  @Test func serviceScaledToNothingIsReady() {
    let none = ComposeService(name: "media", image: "m", restart: .always, replicas: 0, isAwaitedToComplete: false)
    #expect(WorkloadAssessment.assess(services: [none], containers: [], settleTime: .zero) == .ready)
  }

  private func container(
    _ service: String, _ name: String, state: String, status: String, isOneOff: Bool = false
  ) throws -> EngineContainer {
    let labels: JSONValue = [
      "com.docker.compose.service": .string(service), "com.docker.compose.oneoff": isOneOff ? "True" : "False",
      "com.docker.compose.config-hash": "hash",
    ]
    let row: JSONValue = [
      "Id": .string(name), "Names": [.string("/\(name)")], "State": .string(state), "Status": .string(status),
      "Labels": labels,
    ]
    return try #require(EngineContainer(row))
  }
}
