import Database
import Reconciliation
import Synchronization
import TestSupport
import Testing
import WireFormats

@testable import Outbox

/// What receivers saw.
private final class Receivers: Sendable {
  struct State {
    var attempts: [String: Int] = [:]
    /// Payloads by destination, in the order of delivery.
    var delivered: [String: [String]] = [:]
    var inFlight: [String: Int] = [:]
    var collisions: [String] = []
    var deliveredCount = 0
  }

  let state = Mutex(State())
  let progress: AsyncStream<Int>
  private let report: AsyncStream<Int>.Continuation

  init() { (progress, report) = AsyncStream.makeStream(of: Int.self) }

  func begin(_ delivery: Delivery) {
    state.withLock { state in
      state.attempts[delivery.message.id, default: 0] += 1
      let destination = delivery.message.destination
      if state.inFlight[destination, default: 0] > 0 { state.collisions.append(destination) }
      state.inFlight[destination, default: 0] += 1
    }
  }

  func end(_ delivery: Delivery, isDelivered: Bool) {
    let count = state.withLock { state in
      let destination = delivery.message.destination
      state.inFlight[destination, default: 0] -= 1
      if isDelivered {
        state.delivered[destination, default: []].append(delivery.message.payload)
        state.deliveredCount += 1
      }
      return state.deliveredCount
    }
    report.yield(count)
  }

  /// Waits until so many messages were delivered.
  func wait(for count: Int) async {
    if state.withLock({ $0.deliveredCount }) >= count { return }
    for await delivered in progress where delivered >= count { return }
  }
}

@Suite(.postgreSQLServer, .timeLimit(.minutes(5)))
struct OutboxRunnerTests {
  @Test(arguments: TestDatabase.available)
  func everyMessageIsDeliveredOnce(_ kind: TestDatabase) async throws {
    try await OutboxFixture.with(kind) { fixture in
      let receivers = Receivers()
      let runner = fixture.runner { delivery in
        receivers.begin(delivery)
        receivers.end(delivery, isDelivered: true)
        return .delivered
      }
      try await fixture.add((0..<10).flatMap { OutboxFixture.messages(10, to: "destination \($0)") })
      let running = Task { await runner.run() }
      await receivers.wait(for: 100)
      runner.stop()
      await running.value
      #expect(receivers.state.withLock { $0.attempts.values.allSatisfy { $0 == 1 } })
      #expect(receivers.state.withLock { $0.delivered.values.allSatisfy { $0 == (1...10).map(String.init) } })
      #expect(try await fixture.count("outbox") == 0)
    }
  }

  @Test(arguments: TestDatabase.available)
  func severalRunnersNeverSendToOneDestinationAtOnceAndKeepItsOrder(_ kind: TestDatabase) async throws {
    let configuration = OutboxFixture.configuration(
      maximumInFlight: 5, policy: OutboxFixture.policy(base: .zero), breaker: BreakerPolicy(failures: 1000))
    try await OutboxFixture.with(kind, configuration) { fixture in
      let receivers = Receivers()
      var runners: [OutboxRunner] = []
      for _ in 0..<3 {
        runners.append(
          fixture.runner(over: try await fixture.anotherConnection()) { delivery in
            receivers.begin(delivery)
            for _ in 0..<Int.random(in: 0..<5) { await Task.yield() }
            let isDelivered = delivery.attempt > 1 || Int.random(in: 0..<4) > 0
            receivers.end(delivery, isDelivered: isDelivered)
            return isDelivered ? .delivered : .retry(reason: "busy")
          })
      }
      try await fixture.add((0..<20).flatMap { OutboxFixture.messages(5, to: "destination \($0)") })
      await withDiscardingTaskGroup { group in
        for runner in runners { group.addTask { await runner.run() } }
        await receivers.wait(for: 100)
        for runner in runners { runner.stop() }
      }
      #expect(receivers.state.withLock { $0.collisions } == [])
      #expect(receivers.state.withLock { $0.deliveredCount } == 100)
      #expect(receivers.state.withLock { $0.delivered.values.allSatisfy { $0 == (1...5).map(String.init) } })
      #expect(try await fixture.count("outbox") == 0)
    }
  }

  @Test(arguments: TestDatabase.available)
  func aNotificationWakesARunnerThatHasNothingToDo(_ kind: TestDatabase) async throws {
    try await OutboxFixture.with(kind) { fixture in
      let receivers = Receivers()
      // This clock never moves: no wait comes to its end.
      let runner = fixture.runner(clock: ManualClock()) { delivery in
        receivers.begin(delivery)
        receivers.end(delivery, isDelivered: true)
        return .delivered
      }
      let running = Task { await runner.run() }
      for number in 1...3 {
        try await fixture.add(OutboxFixture.messages(1, to: "a"))
        await receivers.wait(for: number)
      }
      runner.stop()
      await running.value
      #expect(try await fixture.count("outbox") == 0)
    }
  }

  @Test(arguments: TestDatabase.available)
  func aSenderThatThrowsIsCalledAgainWithTheSameMessageWhenItIsDue(_ kind: TestDatabase) async throws {
    struct Down: Error {}
    try await OutboxFixture.with(kind) { fixture in
      let (clock, receivers) = (ManualClock(), Receivers())
      let runner = fixture.runner(clock: clock) { delivery in
        receivers.begin(delivery)
        receivers.end(delivery, isDelivered: delivery.attempt == 3)
        if delivery.attempt < 3 { throw Down() }
        return .delivered
      }
      let message = OutboxFixture.messages(1, to: "a")
      try await fixture.add(message)
      let running = Task { await runner.run() }
      var waited = Duration.zero
      for delay in [10, 20] {
        waited += .seconds(delay)
        await clock.waitForSleeper(until: waited)
        clock.advance(by: .seconds(delay))
      }
      await receivers.wait(for: 1)
      runner.stop()
      await running.value
      #expect(receivers.state.withLock { $0.attempts } == [message[0].id: 3])
      #expect(try await fixture.count("outbox") == 0)
    }
  }

  @Test(arguments: TestDatabase.available)
  func anAttemptThatTakesTooLongIsCancelledAndRepeated(_ kind: TestDatabase) async throws {
    try await OutboxFixture.with(kind) { fixture in
      let clock = ManualClock()
      let runner = fixture.runner(clock: clock) { _ in
        try await untilCancelled()
        return .delivered
      }
      try await fixture.add(OutboxFixture.messages(1, to: "a"))
      let running = Task { await runner.run() }
      await clock.waitForSleeper(until: .seconds(30))
      clock.advance(by: .seconds(30))
      await clock.waitForSleeper(until: .seconds(40))
      runner.stop()
      await running.value
      #expect(try await fixture.column("last_error", of: "outbox") == [.text("no answer within 30.0 seconds")])
      #expect(
        try await fixture.column("next_at", of: "outbox") == [
          .integer((OutboxFixture.start + .seconds(40)).microseconds)
        ])
    }
  }

  @Test(arguments: TestDatabase.available)
  func aStopLetsWhatIsInFlightEnd(_ kind: TestDatabase) async throws {
    try await OutboxFixture.with(kind) { fixture in
      let clock = ManualClock()
      let (began, begin) = AsyncStream.makeStream(of: Void.self)
      let (gate, open) = AsyncStream.makeStream(of: Void.self)
      let runner = fixture.runner(clock: clock) { _ in
        begin.yield()
        for await _ in gate { break }
        try Task.checkCancellation()
        return .delivered
      }
      try await fixture.add(OutboxFixture.messages(2, to: "a"))
      let running = Task { await runner.run() }
      for await _ in began { break }
      running.cancel()
      open.yield()
      await running.value
      #expect(try await fixture.column("payload", of: "outbox") == [.text("2")])
    }
  }

  @Test(arguments: TestDatabase.available)
  func whatDoesNotEndInTimeIsCutShortAndFreeForAnotherAtOnce(_ kind: TestDatabase) async throws {
    try await OutboxFixture.with(kind) { fixture in
      let clock = ManualClock()
      let (began, begin) = AsyncStream.makeStream(of: Void.self)
      let runner = fixture.runner(clock: clock) { _ in
        begin.yield()
        try await untilCancelled()
        return .delivered
      }
      try await fixture.add(OutboxFixture.messages(1, to: "a"))
      let running = Task { await runner.run() }
      for await _ in began { break }
      runner.stop()
      await clock.waitForSleeper(until: .seconds(5))
      clock.advance(by: .seconds(5))
      await running.value
      fixture.advance(by: .seconds(5))
      let other = try await ManualProcess(fixture).claim()
      #expect(other.map(\.attempt) == [1])
      #expect(other.map(\.isProbe) == [false])
    }
  }

  @Test(arguments: TestDatabase.available)
  func whatIsClaimedWhileTheStopComesIsNotSentAndFreeAtOnce(_ kind: TestDatabase) async throws {
    try await OutboxFixture.with(kind) { fixture in
      let runner = fixture.runner(clock: ManualClock()) { _ in
        Issue.record("sent after the stop")
        return .delivered
      }
      try await fixture.add(OutboxFixture.messages(1, to: "a"))
      runner.stop()
      _ = try await runner.pass()
      #expect(try await ManualProcess(fixture).claim().isEmpty)
      await runner.run()
      #expect(try await ManualProcess(fixture).claim().map(\.attempt) == [1])
    }
  }

  @Test(arguments: TestDatabase.available)
  func aRunnerThatCannotRecordBeforeItsEndLeavesTheMessagesToTheirClaims(_ kind: TestDatabase) async throws {
    try await OutboxFixture.with(kind) { fixture in
      let clock = ManualClock()
      let (began, begin) = AsyncStream.makeStream(of: Void.self)
      let database = MortalDatabase(fixture.database, dieAt: 2, diesAfterCommit: false)
      let runner = fixture.runner(clock: clock, over: database) { _ in
        begin.yield()
        try await untilCancelled()
        return .delivered
      }
      try await fixture.add(OutboxFixture.messages(1, to: "a"))
      _ = try await runner.pass()
      for await _ in began { break }
      runner.cancel()
      await runner.run()
      #expect(try await ManualProcess(fixture).claim().isEmpty)
      fixture.advance(by: .seconds(120))
      #expect(try await ManualProcess(fixture).claim().map(\.attempt) == [2])
    }
  }

  /// The process dies at each of its transactions, one after the other, and another goes on once the claims have run out.
  @Test(arguments: TestDatabase.available, [false, true])
  func deathAtAnyTransactionLosesNothingAndReportsNothingTwice(_ kind: TestDatabase, diesAfterCommit: Bool) async throws
  {
    var dieAt = 1
    var isOver = false
    while !isOver {
      try await OutboxFixture.with(kind, OutboxFixture.configuration(maximumInFlight: 3)) { fixture in
        let receivers = Receivers()
        let send: OutboxRunner.Send = { delivery in
          receivers.begin(delivery)
          let isRefused = delivery.message.payload == "2"
          receivers.end(delivery, isDelivered: !isRefused)
          return isRefused ? .rejected(reason: "no") : .delivered
        }
        try await fixture.add((0..<3).flatMap { OutboxFixture.messages(3, to: "destination \($0)") })
        let mortal = MortalDatabase(fixture.database, dieAt: dieAt, diesAfterCommit: diesAfterCommit)
        let first = fixture.runner(over: mortal, send: send)
        isOver = try await work(first, fixture)
        if !isOver {
          fixture.advance(by: .seconds(120))
          #expect(try await work(fixture.runner(send: send), fixture))
        }
        #expect(receivers.state.withLock { $0.attempts.count } == 9, "dead at \(dieAt)")
        for delivered in receivers.state.withLock({ $0.delivered.values }) {
          // In order, and what was sent but not recorded once more.
          #expect(delivered.sorted() == delivered, "dead at \(dieAt)")
          #expect(Set(delivered) == ["1", "3"], "dead at \(dieAt)")
          #expect(delivered.count <= 3, "dead at \(dieAt)")
        }
        #expect(try await fixture.count("outbox_dead") == 3, "dead at \(dieAt)")
        #expect(try await fixture.count("report") == 3, "dead at \(dieAt)")
        #expect(try await fixture.count("outbox_destination") == 0, "dead at \(dieAt)")
      }
      dieAt += 1
    }
    #expect(dieAt > 4)
  }

  /// Makes passes until nothing is left.
  /// - Returns: false where the process died.
  private func work(_ runner: OutboxRunner, _ fixture: OutboxFixture) async throws -> Bool {
    repeat {
      do { _ = try await runner.pass() } catch is MortalDatabase.Killed { return false }
      while runner.sendCount > 0 { await Task.yield() }
    } while try await fixture.count("outbox") > 0
    return true
  }
}

/// Waits until the task is cancelled.
private func untilCancelled() async throws {
  let (stream, continuation) = AsyncStream.makeStream(of: Never.self)
  defer { continuation.finish() }
  for await _ in stream {}
  try Task.checkCancellation()
}

/// The database as a process sees it that is killed at one of its transactions.
private final class MortalDatabase: Database {
  struct Killed: Error {}

  private let base: any Database
  private let dieAt: Int
  private let diesAfterCommit: Bool
  private let transactions = Mutex(0)
  var dialect: SQLDialect { base.dialect }

  init(_ base: any Database, dieAt: Int, diesAfterCommit: Bool) {
    self.base = base
    self.dieAt = dieAt
    self.diesAfterCommit = diesAfterCommit
  }

  func transaction<Value: Sendable>(
    _ mode: TransactionMode, _ body: @escaping @Sendable (any SQLConnection) throws -> Value
  ) async throws -> Value {
    let number = transactions.withLock { transactions in
      transactions += 1
      return transactions
    }
    if number > dieAt || number == dieAt && !diesAfterCommit { throw Killed() }
    let value = try await base.transaction(mode, body)
    if number == dieAt { throw Killed() }
    return value
  }

  func notifications(channel: String) -> AsyncStream<String> { base.notifications(channel: channel) }
  func close() async {}
}
