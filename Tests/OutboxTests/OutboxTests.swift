import Database
import Reconciliation
import Synchronization
import TestSupport
import Testing
import WireFormats

@testable import Outbox

/// What the tables promise, a pass at a time, with a time that the test moves.
@Suite(.postgreSQLServer, .timeLimit(.minutes(5)))
struct OutboxTests {
  @Test(arguments: TestDatabase.available)
  func aMessageIsThereExactlyWhenItsCauseIs(_ kind: TestDatabase) async throws {
    struct Refused: Error {}
    try await OutboxFixture.with(kind) { fixture in
      let message = OutboxMessage(id: "one", topic: "release", destination: "a", payload: "text \" \\ é")
      await #expect(throws: Refused.self) {
        try await fixture.database.transaction(.write) { connection in
          try Outbox.add([message], to: connection, now: OutboxFixture.start)
          throw Refused()
        }
      }
      #expect(try await fixture.count("outbox") == 0)
      #expect(try await fixture.count("outbox_destination") == 0)
      try await fixture.add([message])
      let claimed = try await ManualProcess(fixture).claim()
      #expect(claimed.map(\.message) == [message])
      #expect(claimed.map(\.attempt) == [1])
      #expect(claimed.map(\.createdAt) == [OutboxFixture.start])
    }
  }

  @Test(arguments: TestDatabase.available)
  func whatIsDeliveredLeavesNothing(_ kind: TestDatabase) async throws {
    try await OutboxFixture.with(kind) { fixture in
      try await fixture.add(OutboxFixture.messages(1, to: "a") + OutboxFixture.messages(1, to: "b"))
      let process = ManualProcess(fixture)
      let claimed = try await process.claim()
      #expect(claimed.count == 2)
      #expect(try await process.claim().isEmpty)
      try await process.record(claimed, .delivered)
      for table in ["outbox", "outbox_destination", "outbox_dead"] { #expect(try await fixture.count(table) == 0) }
    }
  }

  /// An attempt outlives its claim, and the same process has claimed the message once more.
  @Test(arguments: TestDatabase.available)
  func ofTwoAttemptsAtOneMessageOnlyTheOneThatHoldsItCounts(_ kind: TestDatabase) async throws {
    try await OutboxFixture.with(kind) { fixture in
      try await fixture.add(OutboxFixture.messages(1, to: "a"))
      let process = ManualProcess(fixture)
      let stale = try #require(try await process.claim().first)
      fixture.advance(by: fixture.configuration.lease + .seconds(1))
      let held = try #require(try await process.claim().first)
      #expect(held.sequence == stale.sequence)
      _ = try await process.pass(
        [process.end(stale, .rejected(reason: "late")), process.end(held, .rejected(reason: "no"))], room: 0)
      #expect(try await fixture.column("reason", of: "outbox_dead") == [.text("no")])
      #expect(fixture.reported.withLock { $0.map(\.reason) } == ["no"])
    }
  }

  @Test(arguments: TestDatabase.available)
  func claimsThatRanOutDoNotHideThoseThatHold(_ kind: TestDatabase) async throws {
    try await OutboxFixture.with(kind, OutboxFixture.configuration(perDestination: 2)) { fixture in
      try await fixture.add(OutboxFixture.messages(20, to: "a"))
      let process = ManualProcess(fixture)
      for _ in 1...3 {
        #expect(try await process.claim().count == 2)
        #expect(try await process.claim().isEmpty, "two are in flight")
        fixture.advance(by: fixture.configuration.lease + .seconds(1))
      }
    }
  }

  @Test(arguments: TestDatabase.available)
  func textsThatTheDatabaseCannotKeepAreRefusedByName(_ kind: TestDatabase) async throws {
    try await OutboxFixture.with(kind) { fixture in
      let error = await #expect(throws: OutboxMessageError.self) {
        try await fixture.add([OutboxMessage(id: "one", topic: "a", destination: "b", payload: "x\0y")])
      }
      #expect(error?.description.hasPrefix("the payload of outbox message one holds the character NUL") == true)
    }
  }

  @Test(arguments: TestDatabase.available)
  func namesThatLookAlikeAreDifferentDestinations(_ kind: TestDatabase) async throws {
    try await OutboxFixture.with(kind) { fixture in
      let (composed, decomposed) = ("caf\u{E9}", "cafe\u{301}")
      try await fixture.add(OutboxFixture.messages(1, to: composed) + OutboxFixture.messages(1, to: decomposed))
      let process = ManualProcess(fixture)
      let claimed = try await process.claim()
      #expect(claimed.map { Array($0.message.destination.utf8) } == [decomposed, composed].map { Array($0.utf8) })
      try await process.record(claimed, .delivered)
      #expect(try await fixture.count("outbox_destination") == 0)
    }
  }

  @Test(arguments: TestDatabase.available)
  func aProcessKilledBetweenSendingAndRecordingLeavesTheMessageToAnother(_ kind: TestDatabase) async throws {
    try await OutboxFixture.with(kind) { fixture in
      try await fixture.add(OutboxFixture.messages(1, to: "a"))
      let (killed, other) = (ManualProcess(fixture, "killed"), ManualProcess(fixture, "other"))
      let first = try await killed.claim()
      fixture.advance(by: .seconds(119))
      #expect(try await other.claim().isEmpty)
      fixture.advance(by: .seconds(1))
      let second = try await other.claim()
      #expect(second.map(\.message) == first.map(\.message))
      #expect(second.map(\.attempt) == [2])
      // It was not dead, only slow: the message is not its own any more.
      try await killed.record(first, .rejected(reason: "no"))
      #expect(try await fixture.count("outbox") == 1)
      #expect(fixture.reported.withLock { $0.isEmpty })
      try await other.record(second, .delivered)
      #expect(try await fixture.count("outbox") == 0)
    }
  }

  @Test(arguments: TestDatabase.available)
  func messagesOfATopicGoOutInOrderEachAfterTheOneBefore(_ kind: TestDatabase) async throws {
    try await OutboxFixture.with(kind) { fixture in
      try await fixture.add(OutboxFixture.messages(3, to: "a"))
      try await fixture.add(OutboxFixture.messages(1, to: "a", topic: "health"))
      let process = ManualProcess(fixture)
      var order: [String] = []
      for attempt in 1... {
        let claimed = try await process.claim()
        guard let delivery = claimed.first else {
          if try await fixture.count("outbox") == 0 { break }
          fixture.advance(by: .seconds(1))
          continue
        }
        #expect(claimed.count == 1)
        order.append("\(delivery.message.topic) \(delivery.message.payload)")
        // The second has to be tried twice; of the other topic that is no concern.
        let answer: SendAnswer = attempt == 2 ? .retry(reason: "down") : .delivered
        try await process.record(claimed, answer)
      }
      #expect(order == ["release 1", "release 2", "health 1", "release 2", "release 3"])
    }
  }

  @Test(arguments: TestDatabase.available)
  func aLimitOfTwoIsKeptByAllProcessesTogether(_ kind: TestDatabase) async throws {
    try await OutboxFixture.with(kind, OutboxFixture.configuration(perDestination: 2)) { fixture in
      try await fixture.add(OutboxFixture.messages(5, to: "a"))
      let (one, two) = (ManualProcess(fixture, "one"), ManualProcess(fixture, "two"))
      let first = try await one.claim(room: 1)
      let second = try await two.claim()
      #expect((first + second).map(\.message.payload) == ["1", "2"])
      #expect(try await one.claim().isEmpty)
      try await one.record(first, .delivered)
      #expect(try await two.claim().map(\.message.payload) == ["3"])
      #expect(try await two.claim().isEmpty)
    }
  }

  @Test(arguments: TestDatabase.available)
  func tenThousandMessagesToOneDestinationKeepNoOtherWaiting(_ kind: TestDatabase) async throws {
    try await OutboxFixture.with(kind) { fixture in
      try await fixture.add(OutboxFixture.messages(10_000, to: "busy"))
      let process = ManualProcess(fixture)
      var busy = try await process.claim(room: 2)
      #expect(busy.map(\.message.payload) == ["1"])
      fixture.advance(by: .seconds(1))
      try await fixture.add(OutboxFixture.messages(3, to: "quiet"))
      for number in 1...3 {
        // Two places: one for each.
        let claimed = try await process.pass(busy.map { process.end($0, .delivered) }, room: 2).deliveries
        #expect(
          Set(claimed.map { "\($0.message.destination) \($0.message.payload)" }) == [
            "busy \(number + 1)", "quiet \(number)",
          ])
        busy = claimed
      }
    }
  }

  @Test(arguments: TestDatabase.available)
  func longQueuesTakeTurnsWhereThereAreFewerPlacesThanDestinations(_ kind: TestDatabase) async throws {
    try await OutboxFixture.with(kind) { fixture in
      for name in ["a", "b", "c"] { try await fixture.add(OutboxFixture.messages(100, to: name)) }
      let process = ManualProcess(fixture)
      var served: [String] = []
      var ended: [EndedAttempt] = []
      for _ in 0..<6 {
        let claimed = try await process.pass(ended, room: 1).deliveries
        served += claimed.map(\.message.destination)
        ended = claimed.map { process.end($0, .delivered) }
        fixture.advance(by: .milliseconds(10))
      }
      #expect(served.count == 6)
      #expect(Set(served.prefix(3)) == ["a", "b", "c"])
      #expect(Set(served.suffix(3)) == ["a", "b", "c"])
    }
  }

  /// A connection that counts the statements.
  private final class CountingConnection: SQLConnection {
    let base: any SQLConnection
    var statements = 0
    var dialect: SQLDialect { base.dialect }

    init(_ base: any SQLConnection) { self.base = base }

    func query(_ sql: String, _ parameters: [SQLValue]) throws -> [SQLRow] {
      statements += 1
      return try base.query(sql, parameters)
    }

    func execute(_ sql: String, _ parameters: [SQLValue]) throws -> Int {
      statements += 1
      return try base.execute(sql, parameters)
    }

    func notify(channel: String, payload: String) throws { try base.notify(channel: channel, payload: payload) }
  }

  @Test(arguments: TestDatabase.available)
  func aHundredMessagesCostAsManyStatementsAsOne(_ kind: TestDatabase) async throws {
    func statements(_ count: Int) async throws -> [Int] {
      var counts: [Int] = []
      try await OutboxFixture.with(kind, OutboxFixture.configuration(maximumInFlight: 200)) { fixture in
        let ledger = ManualProcess(fixture).ledger
        let messages = (1...count).flatMap { OutboxFixture.messages(1, to: "destination \($0)") }
        counts = try await fixture.database.transaction(.write) { base in
          let connection = CountingConnection(base)
          var counts: [Int] = []
          func note() { counts.append(connection.statements - counts.reduce(0, +)) }
          try Outbox.add(messages, to: connection, now: OutboxFixture.start)
          note()
          let claimed = try ledger.claim("a", room: 200, probes: 1, now: OutboxFixture.start, connection)
          #expect(claimed.deliveries.count == count)
          note()
          let answers: [SendAnswer] = [.delivered, .rejected(reason: "no"), .retry(reason: "down")]
          for answer in answers where count > 3 || answer == .delivered {
            let number = answers.firstIndex(of: answer) ?? 0
            let ended = claimed.deliveries.enumerated().filter { $0.offset % (count > 3 ? 3 : 1) == number }.map {
              EndedAttempt(
                delivery: $0.element,
                outcome: .answered(
                  answer,
                  DeliveryPolicy().verdict(
                    answer, attempt: 1, createdAt: OutboxFixture.start, now: OutboxFixture.start, random: 0)))
            }
            try ledger.record(
              ended, look: .init(sound: 200, failing: 16), now: OutboxFixture.start, connection
            ) { _, _ in [] }
            note()
          }
          return counts
        }
      }
      return counts
    }
    let (one, hundred) = (try await statements(1), try await statements(100))
    #expect(Array(hundred.prefix(3)) == one)
    #expect(hundred.allSatisfy { $0 <= 8 })
  }

  @Test(arguments: TestDatabase.available)
  func whatIsRejectedOrGivenUpIsReportedOnceAndKept(_ kind: TestDatabase) async throws {
    let configuration = OutboxFixture.configuration(policy: OutboxFixture.policy(maximumAttempts: 2))
    try await OutboxFixture.with(kind, configuration) { fixture in
      try await fixture.add([
        OutboxMessage(id: "refused", topic: "release", destination: "a", payload: "1"),
        OutboxMessage(id: "unheard", topic: "release", destination: "b", payload: "2"),
        OutboxMessage(id: "next", topic: "release", destination: "b", payload: "3"),
      ])
      let process = ManualProcess(fixture)
      let claimed = try await process.claim()
      let ended = [
        process.end(claimed[0], .rejected(reason: "HTTP 401")), process.end(claimed[1], .retry(reason: "down")),
      ]
      _ = try await process.pass(ended, room: 0)
      // As after a commit whose acknowledgement was lost.
      _ = try await process.pass(ended, room: 0)
      fixture.advance(by: .seconds(10))
      let again = try await process.claim()
      #expect(again.map(\.message.id) == ["unheard"])
      #expect(try await fixture.column("last_error", of: "outbox").contains(.text("down")))
      try await process.record(again, .retry(reason: "still down"))

      #expect(fixture.reported.withLock { $0.map(\.message.id) } == ["refused", "unheard"])
      #expect(fixture.reported.withLock { $0.map(\.cause) } == [.rejected, .givenUp])
      #expect(fixture.reported.withLock { $0.last?.attempts } == 2)
      #expect(
        try await fixture.column("reason", of: "outbox_dead")
          == [.text("HTTP 401"), .text("given up after 2 attempts; the last one: still down")])
      // What comes after it goes on.
      #expect(try await process.claim().map(\.message.id) == ["next"])

      let now = fixture.now
      let removed = try await fixture.database.transaction(.write) { try Outbox.removeDead(before: now, from: $0) }
      #expect(removed == 1)
      #expect(try await fixture.column("id", of: "outbox_dead") == [.text("unheard")])
    }
  }

  @Test(arguments: TestDatabase.available)
  func aReportThatFailsLeavesEverythingAsItWas(_ kind: TestDatabase) async throws {
    struct Broken: Error {}
    try await OutboxFixture.with(kind) { fixture in
      try await fixture.add(OutboxFixture.messages(1, to: "a"))
      let process = ManualProcess(fixture)
      let claimed = try await process.claim()
      let (ledger, now) = (process.ledger, fixture.now)
      let ended = claimed.map { process.end($0, .rejected(reason: "no")) }
      await #expect(throws: Broken.self) {
        try await fixture.database.transaction(.write) { connection in
          try ledger.record(ended, look: .nowhere, now: now, connection) { dead, connection in
            _ = try fixture.report(dead, connection)
            throw Broken()
          }
        }
      }
      #expect(try await fixture.count("outbox_dead") == 0)
      try await process.record(claimed, .rejected(reason: "no"))
      #expect(try await fixture.count("outbox_dead") == 1)
      #expect(try await fixture.count("report") == 1)
    }
  }

  @Test(arguments: TestDatabase.available)
  func nothingGoesToAReceiverBeforeTheTimeItAskedFor(_ kind: TestDatabase) async throws {
    try await OutboxFixture.with(kind) { fixture in
      try await fixture.add(OutboxFixture.messages(1, to: "a") + OutboxFixture.messages(1, to: "a", topic: "health"))
      let process = ManualProcess(fixture)
      try await process.record(try await process.claim(), .retry(after: .seconds(90), reason: "HTTP 429"))
      try await fixture.add(OutboxFixture.messages(1, to: "a", topic: "licence"))
      fixture.advance(by: .seconds(89))
      #expect(try await process.claim().isEmpty)
      fixture.advance(by: .seconds(1))
      #expect(try await process.claim().map(\.message.topic) == ["release"])
    }
  }

  @Test(arguments: TestDatabase.available)
  func anOpenBreakerLetsOneProbeThroughAnIntervalUntilOneIsDelivered(_ kind: TestDatabase) async throws {
    let configuration = OutboxFixture.configuration(
      perDestination: 4, policy: OutboxFixture.policy(base: .zero),
      breaker: BreakerPolicy(failures: 4, probeInterval: .seconds(60)))
    try await OutboxFixture.with(kind, configuration) { fixture in
      try await fixture.add(OutboxFixture.messages(20, to: "a"))
      let (one, two) = (ManualProcess(fixture, "one"), ManualProcess(fixture, "two"))
      let first = try await one.claim()
      #expect(first.count == 4)
      try await one.record(first, .retry(reason: "down"))
      for _ in 1...3 {
        fixture.advance(by: .seconds(59))
        #expect(try await one.claim().isEmpty)
        fixture.advance(by: .seconds(1))
        let probe = try await one.claim()
        #expect(probe.count == 1)
        #expect(probe.map(\.isProbe) == [true])
        #expect(try await two.claim().isEmpty)
        try await one.record(probe, .retry(reason: "down"))
      }
      fixture.advance(by: .seconds(60))
      try await two.record(try await two.claim(), .delivered)
      #expect(try await two.claim().count == 4)
    }
  }

  /// A hundred destinations with four messages each over twenty places; an attempt takes a step of a second, or thirty
  /// where the destination is dead.
  /// - Returns: in which step each message was delivered.
  private func steps(
    _ kind: TestDatabase, deadDestinations: Int
  ) async throws -> [String: Int] {
    var delivered: [String: Int] = [:]
    let configuration = OutboxFixture.configuration(
      maximumInFlight: 24, maximumProbes: 4, breaker: BreakerPolicy(failures: 1, probeInterval: .seconds(60)))
    try await OutboxFixture.with(kind, configuration) { fixture in
      let process = ManualProcess(fixture)
      let dead = Set((0..<deadDestinations).map { "dead \($0)" })
      if !dead.isEmpty {
        // They have not answered before.
        try await fixture.add(dead.sorted().flatMap { OutboxFixture.messages(5, to: $0) })
        try await process.record(try await process.claim(), .retry(reason: "down"))
        fixture.advance(by: .seconds(61))
      }
      let begin = fixture.now
      try await fixture.add((0..<95).flatMap { OutboxFixture.messages(4, to: "sound \($0)") })
      var inFlight: [(delivery: Delivery, endsAt: Timestamp)] = []
      var isProbed = false
      for step in 1...200 where delivered.count < 95 * 4 {
        let ended = inFlight.filter { $0.endsAt <= fixture.now }.map(\.delivery)
        inFlight.removeAll { $0.endsAt <= fixture.now }
        for delivery in ended where !dead.contains(delivery.message.destination) {
          delivered["\(delivery.message.destination) \(delivery.message.payload)"] = step
        }
        let answers = ended.map {
          process.end($0, dead.contains($0.message.destination) ? .retry(reason: "no answer") : .delivered)
        }
        let probes = inFlight.count(where: \.delivery.isProbe)
        // The places that may be probes' are left to them, so that both runs have twenty for the others.
        let claimed = try await process.pass(
          answers, room: 24 - inFlight.count - (dead.isEmpty ? 4 : 0), probes: 4 - probes)
        for delivery in claimed.deliveries {
          isProbed = isProbed || delivery.isProbe
          let isDead = dead.contains(delivery.message.destination)
          inFlight.append((delivery, fixture.now + .seconds(isDead ? 30 : 1)))
        }
        #expect(inFlight.count(where: \.delivery.isProbe) <= 4)
        fixture.advance(by: .seconds(1))
      }
      #expect(isProbed == !dead.isEmpty)
      #expect(fixture.now > begin)
    }
    return delivered
  }

  @Test(arguments: TestDatabase.available)
  func destinationsThatDoNotAnswerDelayTheOthersByNothing(_ kind: TestDatabase) async throws {
    let alone = try await steps(kind, deadDestinations: 0)
    let beside = try await steps(kind, deadDestinations: 5)
    #expect(alone.count == 95 * 4)
    #expect(beside.count == alone.count)
    #expect(beside.values.max() == alone.values.max())
    for (message, step) in beside { #expect(step <= alone[message] ?? 0, "\(message)") }
  }
}
