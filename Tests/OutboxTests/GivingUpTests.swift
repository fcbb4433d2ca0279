import Database
import Synchronization
import TestSupport
import Testing
import WireFormats

@testable import Outbox

/// What is given up without an attempt of its own, what is said about it, and what is forgotten after a time.
@Suite(.postgreSQLServer, .timeLimit(.minutes(5)))
struct GivingUpTests {
  private static let day = Duration.seconds(86_400)

  @Test(arguments: TestDatabase.available)
  func theWholeQueueOfADestinationThatDoesNotAnswerIsGivenUpByItsAge(_ kind: TestDatabase) async throws {
    try await OutboxFixture.with(kind) { fixture in
      try await fixture.add(
        OutboxFixture.messages(1200, to: "a") + OutboxFixture.messages(300, to: "a", topic: "health"))
      let process = ManualProcess(fixture)
      try await process.record(try await process.claim(), .retry(reason: "down"))
      fixture.advance(by: Self.day - .seconds(1))
      try await fixture.add(OutboxFixture.messages(1, to: "a", topic: "young"))
      let probe = try await process.claim()
      #expect(probe.count == 1)
      #expect(try await fixture.count("outbox_dead") == 0)
      fixture.advance(by: .seconds(1))
      try await process.record(probe, .retry(reason: "still down"))
      #expect(try await fixture.count("outbox_dead") == 1)

      // What is given up at once is bounded, so that the transaction is.
      fixture.advance(by: .seconds(60))
      let second = try await process.claim()
      #expect(try await fixture.count("outbox_dead") == 1 + OutboxLedger.mostGivenUp)
      try await process.record(second, .retry(reason: "still down"))
      fixture.advance(by: .seconds(60))
      let third = try await process.claim()
      #expect(third.map(\.message.topic) == ["young"])
      #expect(try await fixture.count("outbox") == 1)
      #expect(try await fixture.count("report") == 1500)
      #expect(Set(try await fixture.column("cause", of: "outbox_dead")) == [.text("GivenUp")])
      try await process.record(third, .delivered)
      #expect(try await fixture.count("outbox_destination") == 0)
    }
  }

  /// The program was away for longer than messages are kept.
  @Test(arguments: TestDatabase.available)
  func whatIsOldIsStillSentToADestinationThatAnswers(_ kind: TestDatabase) async throws {
    try await OutboxFixture.with(kind) { fixture in
      try await fixture.add(OutboxFixture.messages(2, to: "a"))
      fixture.advance(by: Self.day * 5)
      let process = ManualProcess(fixture)
      for payload in ["1", "2"] {
        let claimed = try await process.claim()
        #expect(claimed.map(\.message.payload) == [payload])
        try await process.record(claimed, .delivered)
      }
      #expect(fixture.reported.withLock { $0.isEmpty })
    }
  }

  @Test(arguments: TestDatabase.available)
  func everyTopicHasItsAge(_ kind: TestDatabase) async throws {
    let configuration = OutboxFixture.configuration(
      policies: ["health": OutboxFixture.policy(maximumAge: .seconds(600))])
    try await OutboxFixture.with(kind, configuration) { fixture in
      for topic in ["health", "release"] { try await fixture.add(OutboxFixture.messages(3, to: "a", topic: topic)) }
      let process = ManualProcess(fixture)
      try await process.record(try await process.claim(), .retry(reason: "down"))
      fixture.advance(by: .seconds(600))
      _ = try await process.claim()
      #expect(fixture.reported.withLock { $0.map(\.message.topic) } == ["health", "health", "health"])
      #expect(try await fixture.count("outbox") == 3)
    }
  }

  @Test(arguments: TestDatabase.available)
  func whatIsOnItsWayIsNotGivenUp(_ kind: TestDatabase) async throws {
    let configuration = OutboxFixture.configuration(
      perDestination: 3, policy: OutboxFixture.policy(base: .zero, maximumAge: .seconds(100)))
    try await OutboxFixture.with(kind, configuration) { fixture in
      try await fixture.add(OutboxFixture.messages(3, to: "a"))
      let process = ManualProcess(fixture)
      try await process.record(try await process.claim(room: 1), .retry(reason: "down"))
      fixture.advance(by: .seconds(99))
      let claimed = try await process.claim(room: 2)
      #expect(claimed.count == 2)
      fixture.advance(by: .seconds(1))
      _ = try await process.claim(room: 1)
      #expect(fixture.reported.withLock { $0.map(\.message.payload) } == ["3"])
      try await process.record(claimed, .delivered)
      #expect(fixture.reported.withLock { $0.count } == 1)
      #expect(try await fixture.count("outbox") == 0)
    }
  }

  /// A message that ends every process which sends it has no attempt that ends.
  @Test(arguments: TestDatabase.available)
  func aMessageWhoseAttemptsAreNeverRecordedIsGivenUp(_ kind: TestDatabase) async throws {
    let configuration = OutboxFixture.configuration(policy: OutboxFixture.policy(maximumAttempts: 3))
    try await OutboxFixture.with(kind, configuration) { fixture in
      try await fixture.add(OutboxFixture.messages(2, to: "a"))
      for number in 1...3 {
        let claimed = try await ManualProcess(fixture, "process \(number)").claim()
        #expect(claimed.map(\.message.payload) == ["1"])
        #expect(claimed.map(\.attempt) == [number])
        fixture.advance(by: fixture.configuration.lease)
      }
      #expect(try await ManualProcess(fixture, "last").claim().map(\.message.payload) == ["2"])
      #expect(
        fixture.reported.withLock { $0.map(\.reason) }
          == ["given up after 3 attempts; how the last one ended was not recorded"])
    }
  }

  /// The attempt took longer than its claim, and no other process has taken the message meanwhile.
  @Test(arguments: TestDatabase.available)
  func anAttemptThatOutlivedItsClaimDecidesAboutItsMessage(_ kind: TestDatabase) async throws {
    let configuration = OutboxFixture.configuration(policy: OutboxFixture.policy(maximumAttempts: 1))
    try await OutboxFixture.with(kind, configuration) { fixture in
      try await fixture.add(OutboxFixture.messages(1, to: "a"))
      let process = ManualProcess(fixture)
      let claimed = try await process.claim()
      fixture.advance(by: fixture.configuration.lease)
      _ = try await process.pass(claimed.map { process.end($0, .rejected(reason: "no")) })
      #expect(fixture.reported.withLock { $0.map(\.reason) } == ["no"])
      #expect(try await fixture.column("cause", of: "outbox_dead") == [.text("Rejected")])
    }
  }

  @Test(arguments: TestDatabase.available)
  func whatAReportReturnsIsSent(_ kind: TestDatabase) async throws {
    try await OutboxFixture.with(kind) { fixture in
      try await fixture.add(OutboxFixture.messages(2, to: "a"))
      let process = ManualProcess(fixture)
      let (ledger, now) = (process.ledger, fixture.now)
      let ended = try await process.claim().map { process.end($0, .rejected(reason: "no")) }
      _ = try await fixture.database.transaction(.write) { connection in
        try ledger.record(ended, look: .nowhere, now: now, connection) { dead, _ in
          ["a", "mail"].map { OutboxMessage(topic: "given-up", destination: $0, payload: dead[0].reason) }
        }
      }
      let claimed = try await process.claim().map(\.message)
      #expect(Set(claimed.map(\.destination)) == ["a", "mail"])
      #expect(try await fixture.column("destination", of: "outbox") == [.text("a"), .text("a"), .text("mail")])
    }
  }

  /// Whoever adds for several destinations has one of them and wants the other, while a report wants both.
  @Test(.enabled(if: TestDatabase.available.contains(.postgresql)))
  func aReportThatSendsSomethingWaitsForNobodyWhoWaitsForIt() async throws {
    try await OutboxFixture.with(.postgresql) { fixture in
      try await fixture.add(OutboxFixture.messages(1, to: "a"))
      let process = ManualProcess(fixture)
      let ended = try await process.claim().map { process.end($0, .rejected(reason: "no")) }
      let (hasFirst, reports) = (BlockingGate(), BlockingGate())
      let (ledger, now, database) = (process.ledger, fixture.now, try await fixture.anotherConnection())
      async let adding: Void = fixture.database.transaction(.write) { connection in
        try Outbox.add(OutboxFixture.messages(1, to: "a"), to: connection, now: now)
        hasFirst.open()
        reports.wait()
        try Outbox.add(OutboxFixture.messages(1, to: "mail"), to: connection, now: now)
      }
      async let recording = database.transaction(.write) { connection in
        hasFirst.wait()
        try ledger.record(ended, look: .nowhere, now: now, connection) { _, _ in
          reports.open()
          return OutboxFixture.messages(1, to: "mail", topic: "given-up")
        }
      }
      _ = try await (adding, recording)
      #expect(try await fixture.count("outbox") == 3)
      #expect(try await fixture.count("outbox_dead") == 1)
    }
  }

  @Test(arguments: TestDatabase.available)
  func aDestinationForWhichNothingWaitsIsForgottenAfterATime(_ kind: TestDatabase) async throws {
    let configuration = OutboxFixture.configuration(policy: OutboxFixture.policy(maximumAttempts: 1))
    try await OutboxFixture.with(kind, configuration) { fixture in
      try await fixture.add(["idle", "waiting", "again"].flatMap { OutboxFixture.messages(1, to: $0) })
      let process = ManualProcess(fixture)
      try await process.record(try await process.claim(), .retry(reason: "down"))
      try await fixture.add(OutboxFixture.messages(1, to: "waiting"))
      #expect(try await fixture.count("outbox_destination") == 3)
      func forget() async throws -> Int {
        let moment = fixture.now + (.zero - .seconds(3600))
        return try await fixture.database.transaction(.write) {
          try Outbox.removeIdleDestinations(since: moment, from: $0)
        }
      }
      fixture.advance(by: .seconds(3600))
      #expect(try await forget() == 0)
      try await fixture.add(OutboxFixture.messages(1, to: "again"))
      fixture.advance(by: .seconds(1))
      #expect(try await forget() == 1)
      #expect(try await fixture.column("destination", of: "outbox_destination") == [.text("again"), .text("waiting")])
      // A destination that is forgotten is one like any other.
      try await fixture.add(OutboxFixture.messages(1, to: "idle"))
      #expect(try await process.claim().count == 3)
    }
  }

  @Test(arguments: TestDatabase.available)
  func aRunnerForgetsWhatIsOver(_ kind: TestDatabase) async throws {
    let configuration = OutboxFixture.configuration(policy: OutboxFixture.policy(maximumAttempts: 1))
    try await OutboxFixture.with(kind, configuration) { fixture in
      try await fixture.add(OutboxFixture.messages(1, to: "a"))
      let process = ManualProcess(fixture)
      try await process.record(try await process.claim(), .retry(reason: "down"))
      #expect(try await fixture.count("outbox_dead") == 1)
      #expect(try await fixture.count("outbox_destination") == 1)
      fixture.advance(by: configuration.retention.dead + .seconds(1))
      let runner = fixture.runner { _ in .delivered }
      let running = Task { await runner.run() }
      for table in ["outbox_dead", "outbox_destination"] {
        while try await fixture.count(table) > 0 { await Task.yield() }
      }
      runner.stop()
      await running.value
    }
  }
}
