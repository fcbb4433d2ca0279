import OfferPlanning
import Testing
import WireFormats

@Suite struct ReturnDecisionTests {
  private static let now = Timestamp(seconds: 1_800_000_000)
  private static let bad = HealthWatch.Look.unhealthy(message: "media 0/2 ready")

  private static func failed(_ seconds: Int64, isCancelled: Bool = false) -> ReturnDecision.Attempt {
    ReturnDecision.Attempt(status: .failed, isCancelled: isCancelled, endedAt: now + .seconds(-seconds))
  }

  private static let table: [(HealthWatch.Look, Bool, ReturnDecision.Attempt?, Int64, ReturnDecision)] = [
    (bad, true, nil, 0, .ask),
    (.starting, true, nil, 0, .ask),
    (.healthy, true, nil, 0, .recovered),
    (.unknown, true, nil, 0, .wait),
    (.otherVersion, true, nil, 0, .done),
    (bad, false, nil, 0, .done),
    (bad, true, .init(status: .pending), 1, .wait),
    (.healthy, true, .init(status: .inProgress), 1, .wait),
    (.otherVersion, false, .init(status: .inProgress), 1, .wait),
    (bad, true, .init(status: .completed), 1, .done),
    (bad, true, failed(59), 1, .wait),
    (bad, true, failed(60), 1, .ask),
    (bad, true, failed(60), 2, .ask),
    (bad, true, failed(3600), 3, .givenUp),
    (bad, true, failed(3600, isCancelled: true), 1, .cancelled),
    (.otherVersion, true, failed(3600, isCancelled: true), 1, .done),
    (.healthy, true, failed(5), 1, .recovered),
    (.unknown, true, failed(3600), 1, .wait),
  ]

  @Test(arguments: table)
  func theReturnIsWantedUntilSomethingElseRuns(
    look: HealthWatch.Look, runsStill: Bool, attempt: ReturnDecision.Attempt?, attempts: Int64,
    expected: ReturnDecision
  ) {
    let decision = ReturnDecision.decide(look, runsStill: runsStill, after: attempt, attempts: attempts, now: Self.now)
    #expect(decision == expected)
  }
}
