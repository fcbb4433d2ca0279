import Testing
import Timing
import WireFormats

@testable import Outbox

private func at(_ seconds: Int64) -> Timestamp { Timestamp(seconds: seconds) }

struct ClaimPlanTests {
  /// One queue, at second 100, with leases of 50 seconds and a breaker that opens after 3 failures.
  struct Row: Sendable, CustomTestStringConvertible {
    var testDescription: String
    /// When each message is due; negative: claimed until then.
    var messages: [Int64]
    var perDestination = 1
    var failures = 0
    var heldUntil: Int64 = 0
    var room = 10
    /// By place in `messages`.
    var claimed: [Int64]
    var dueAt: Int64?
  }

  static let rows = [
    Row(testDescription: "nothing waits", messages: [], claimed: [], dueAt: nil),
    Row(testDescription: "one is due", messages: [90], claimed: [0], dueAt: 150),
    Row(testDescription: "one is due just now", messages: [100], claimed: [0], dueAt: 150),
    Row(testDescription: "one is due later", messages: [130], claimed: [], dueAt: 130),
    Row(
      testDescription: "one topic waits for its backoff, the other is due", messages: [130, 90], claimed: [1],
      dueAt: 150),
    Row(testDescription: "the first of the topics' first goes first", messages: [99, 90], claimed: [0], dueAt: 150),
    Row(testDescription: "one is in flight, so that the other waits", messages: [-120, 90], claimed: [], dueAt: 120),
    Row(testDescription: "a claim has run out", messages: [-100], claimed: [0], dueAt: 150),
    Row(testDescription: "no place", messages: [90], room: 0, claimed: [], dueAt: 100),
    Row(
      testDescription: "two at once, by time", messages: [99, 90, 95], perDestination: 2, claimed: [1, 2], dueAt: 150),
    Row(
      testDescription: "two at once, one is in flight", messages: [-120, 90, 95], perDestination: 2, claimed: [1],
      dueAt: 120),
    Row(
      testDescription: "two at once, one is due later", messages: [90, 130], perDestination: 2, claimed: [0], dueAt: 130
    ),
    Row(testDescription: "two at once, only one waits", messages: [90], perDestination: 2, claimed: [0], dueAt: 150),
    Row(
      testDescription: "two at once, room for one", messages: [90, 95], perDestination: 2, room: 1, claimed: [0],
      dueAt: 100),
    Row(
      testDescription: "two failures do not open the breaker", messages: [90, 95], perDestination: 2, failures: 2,
      claimed: [0, 1], dueAt: 150),
    Row(
      testDescription: "an open breaker lets one through", messages: [90, 95], perDestination: 2, failures: 3,
      claimed: [0], dueAt: 150),
    Row(
      testDescription: "an open breaker with a probe in flight", messages: [-120, 95], perDestination: 2, failures: 3,
      claimed: [], dueAt: 120),
    Row(testDescription: "held", messages: [90], heldUntil: 160, claimed: [], dueAt: 160),
    Row(testDescription: "held, and due later still", messages: [170], heldUntil: 160, claimed: [], dueAt: 170),
    Row(testDescription: "held until now", messages: [90], failures: 3, heldUntil: 100, claimed: [0], dueAt: 150),
    Row(testDescription: "held, and nothing waits", messages: [], failures: 3, heldUntil: 160, claimed: [], dueAt: nil),
  ]

  @Test(arguments: rows)
  func aDestinationGivesWhatItMay(_ row: Row) {
    let queue = DestinationQueue(
      destination: "a", health: DestinationHealth(failures: row.failures, heldUntil: at(row.heldUntil)),
      messages: row.messages.enumerated().map { index, moment in
        .init(sequence: Int64(index), nextAt: at(abs(moment)), isClaimed: moment < 0)
      })
    let plan = ClaimPlan(
      [queue], room: row.room, perDestination: row.perDestination, breaker: BreakerPolicy(failures: 3), now: at(100),
      leaseEnd: at(150))
    #expect(plan.claimed == row.claimed)
    #expect(plan.dueAt == [row.dueAt.map(at)])
  }

  @Test func destinationsTakeTurns() {
    let queues = (0..<3).map { number in
      DestinationQueue(
        destination: "\(number)",
        messages: (0..<Int64(number == 1 ? 1 : 3)).map { .init(sequence: Int64(number) * 10 + $0, nextAt: at(90)) })
    }
    let plan = ClaimPlan(
      queues, room: 4, perDestination: 2, breaker: BreakerPolicy(), now: at(100), leaseEnd: at(150))
    #expect(plan.claimed == [0, 10, 20, 1])
    #expect(plan.dueAt == [at(150), at(150), at(100)])
  }
}

struct DeliveryPolicyTests {
  struct Row: Sendable {
    var answer: SendAnswer
    var attempt = 1
    var age: Int64 = 0
    var verdict: DeliveryPolicy.Verdict
  }

  static let rows = [
    Row(answer: .delivered, attempt: 99, age: 9999, verdict: .remove),
    Row(answer: .rejected(reason: "HTTP 401"), verdict: .bury(.rejected, reason: "HTTP 401")),
    Row(answer: .retry(reason: "down"), verdict: .keep(until: at(1010), reason: "down")),
    Row(answer: .retry(reason: "down"), attempt: 3, verdict: .keep(until: at(1040), reason: "down")),
    Row(answer: .retry(reason: "down"), attempt: 8, verdict: .keep(until: at(1060), reason: "down")),
    Row(
      answer: .retry(reason: "down"), attempt: 9,
      verdict: .bury(.givenUp, reason: "given up after 9 attempts; the last one: down")),
    Row(answer: .retry(reason: "down"), age: 499, verdict: .keep(until: at(1010), reason: "down")),
    Row(
      answer: .retry(reason: "down"), age: 500,
      verdict: .bury(.givenUp, reason: "given up 500.0 seconds after it was added; the last attempt: down")),
    Row(answer: .retry(after: .seconds(200), reason: "busy"), verdict: .keep(until: at(1200), reason: "busy")),
    Row(answer: .retry(after: .seconds(2), reason: "busy"), verdict: .keep(until: at(1010), reason: "busy")),
    Row(answer: .retry(after: .seconds(-2), reason: "busy"), verdict: .keep(until: at(1010), reason: "busy")),
    Row(answer: .retry(after: .seconds(9999), reason: "busy"), verdict: .keep(until: at(1300), reason: "busy")),
    Row(answer: .retry(reason: "a\0b"), verdict: .keep(until: at(1010), reason: "a\u{FFFD}b")),
  ]

  @Test(arguments: rows)
  func anAnswerDecidesWhatBecomesOfTheMessage(_ row: Row) {
    let policy = DeliveryPolicy(
      backoff: Backoff(base: .seconds(10), maximum: .seconds(60), jitter: 0), maximumAttempts: 9,
      maximumAge: .seconds(500), longestRetryAfter: .seconds(300))
    let verdict = policy.verdict(
      row.answer, attempt: row.attempt, createdAt: at(1000 - row.age), now: at(1000), random: 0)
    #expect(verdict == row.verdict)
  }

  struct Waiting: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var attempts = 0
    var isAbandoned = false
    var isUnanswered = true
    var age: Int64 = 0
    var lastError: String?
    var reason: String?
  }

  static let waiting = [
    Waiting(testDescription: "new"),
    Waiting(testDescription: "nearly too old", age: 499),
    Waiting(
      testDescription: "too old, and never tried", age: 500,
      reason: "given up 500.0 seconds after it was added; its destination does not answer"),
    Waiting(
      testDescription: "too old, and tried", attempts: 3, age: 501, lastError: "HTTP 503",
      reason: "given up 501.0 seconds after it was added; the last attempt: HTTP 503"),
    Waiting(testDescription: "too old for a destination that answers", isUnanswered: false, age: 5000),
    Waiting(
      testDescription: "too old, and its claim ran out", attempts: 1, isAbandoned: true, age: 500,
      reason: "given up 500.0 seconds after it was added; its destination does not answer"),
    Waiting(testDescription: "the claim ran out", attempts: 8, isAbandoned: true, isUnanswered: false),
    Waiting(
      testDescription: "the claim of the last attempt ran out", attempts: 9, isAbandoned: true, isUnanswered: false,
      reason: "given up after 9 attempts; how the last one ended was not recorded"),
    Waiting(testDescription: "as many attempts as are allowed since they became fewer", attempts: 9),
  ]

  @Test(arguments: waiting)
  func whatIsHopelessIsGivenUpWithoutAnotherAttempt(_ row: Waiting) {
    let policy = DeliveryPolicy(maximumAttempts: 9, maximumAge: .seconds(500))
    let reason = policy.hopelessness(
      attempts: row.attempts, isAbandoned: row.isAbandoned, isUnanswered: row.isUnanswered,
      createdAt: at(1000 - row.age), lastError: row.lastError, now: at(1000))
    #expect(reason == row.reason)
  }

  @Test func aLongReasonIsCut() {
    let verdict = DeliveryPolicy().verdict(
      .rejected(reason: String(repeating: "x", count: 5000)), attempt: 1, createdAt: at(0), now: at(0), random: 0)
    #expect(verdict == .bury(.rejected, reason: String(repeating: "x", count: 1000)))
  }
}

struct DestinationHealthTests {
  private static let breaker = BreakerPolicy(failures: 3, probeInterval: .seconds(60))

  private static func health(after answers: [(SendAnswer, Duration?)]) -> DestinationHealth {
    var health = DestinationHealth()
    for (answer, retryAfter) in answers {
      health.note(answer, retryAfter: retryAfter, breaker: breaker, now: at(1000))
    }
    return health
  }

  @Test func failuresInARowOpenTheBreakerAndASuccessClosesIt() {
    let failure: (SendAnswer, Duration?) = (.retry(reason: "down"), nil)
    #expect(Self.health(after: [failure, failure]) == DestinationHealth(failures: 2))
    #expect(Self.health(after: [failure, failure, failure]) == DestinationHealth(failures: 3, heldUntil: at(1060)))
    #expect(Self.health(after: [failure, failure, failure, (.delivered, nil)]) == DestinationHealth())
    #expect(
      Self.health(after: [failure, failure, (.rejected(reason: "no"), nil), failure]) == DestinationHealth(failures: 1))
  }

  @Test func whatTheReceiverAsksForHoldsTheWholeDestination() {
    let busy: (SendAnswer, Duration?) = (.retry(after: .seconds(90), reason: "busy"), .seconds(90))
    #expect(Self.health(after: [busy]) == DestinationHealth(failures: 1, heldUntil: at(1090)))
    #expect(Self.health(after: [busy, busy, busy]) == DestinationHealth(failures: 3, heldUntil: at(1090)))
  }
}
