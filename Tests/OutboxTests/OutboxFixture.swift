import Database
import Logging
import Synchronization
import TestSupport
import Timing
import WireFormats

@testable import Outbox

/// An outbox over a new database, whose time stands still until a test moves it.
final class OutboxFixture: Sendable {
  static let start = Timestamp(seconds: 1_800_000_000)

  let instance: TestDatabase.Instance
  let database: any Database
  let configuration: OutboxConfiguration
  /// All messages that were reported dead.
  let reported = Mutex<[DeadMessage]>([])
  private let time = Mutex(start)
  private let others = Mutex<[any Database]>([])

  static func configuration(
    maximumInFlight: Int = 64, maximumProbes: Int = 16, perDestination: Int = 1,
    policy: DeliveryPolicy = policy(), policies: [String: DeliveryPolicy] = [:],
    breaker: BreakerPolicy = BreakerPolicy()
  ) -> OutboxConfiguration {
    OutboxConfiguration(
      maximumInFlight: maximumInFlight, maximumProbes: maximumProbes, perDestination: perDestination,
      sendTimeout: .seconds(30), lease: .seconds(120), policy: policy, policies: policies,
      breaker: breaker, stopGrace: .seconds(5),
      longestWait: .seconds(3600), shortestWait: .milliseconds(5),
      databaseBackoff: Backoff(base: .seconds(1), jitter: 0))
  }

  static func policy(
    base: Duration = .seconds(10), maximumAttempts: Int = 1000, maximumAge: Duration = .seconds(86_400)
  ) -> DeliveryPolicy {
    DeliveryPolicy(
      backoff: Backoff(base: base, maximum: base * 8, jitter: 0), maximumAttempts: maximumAttempts,
      maximumAge: maximumAge)
  }

  private init(_ instance: TestDatabase.Instance, _ database: any Database, _ configuration: OutboxConfiguration) {
    self.instance = instance
    self.database = database
    self.configuration = configuration
  }

  /// Runs `body` with an empty outbox, then closes everything.
  static func with(
    _ kind: TestDatabase, _ configuration: OutboxConfiguration = configuration(),
    _ body: (OutboxFixture) async throws -> Void
  ) async throws {
    let instance = try await kind.create()
    let database = try await openDatabase(instance.url)
    try await Migrator(Outbox.migrations, logger: logger) { "2026-01-01T00:00:00Z" }.migrate(database)
    let fixture = OutboxFixture(instance, database, configuration)
    try await body(fixture)
    for other in fixture.others.withLock({ $0 }) { await other.close() }
    await database.close()
  }

  static var logger: Logger {
    var logger = Logger(label: "test")
    logger.logLevel = .critical
    return logger
  }

  /// The database as another process sees it; SQLite has one process only.
  func anotherConnection() async throws -> any Database {
    guard database.dialect == .postgresql else { return database }
    let another = try await openDatabase(instance.url)
    others.withLock { $0.append(another) }
    return another
  }

  var now: Timestamp { time.withLock { $0 } }
  func advance(by duration: Duration) { time.withLock { $0 = $0 + duration } }

  static func messages(_ count: Int, to destination: String, topic: String = "release") -> [OutboxMessage] {
    (1...max(count, 1)).prefix(count).map { number in
      OutboxMessage(topic: topic, destination: destination, payload: "\(number)")
    }
  }

  func add(_ messages: [OutboxMessage]) async throws {
    let now = now
    try await database.transaction(.write) { try Outbox.add(messages, to: $0, now: now) }
  }

  /// - Parameter clock: moves the time of the runner along; nil where nothing of the test depends on it.
  func runner(
    clock: ManualClock? = nil, over database: (any Database)? = nil, send: @escaping OutboxRunner.Send
  ) -> OutboxRunner {
    OutboxRunner(
      configuration, database: database ?? self.database, logger: Self.logger, clock: clock ?? ContinuousClock(),
      now: { self.now + (clock?.now.offset ?? .zero) }, random: { 0 },
      reportDead: { dead, connection in try self.report(dead, connection) }, send: send)
  }

  /// Reports into a table as a program would, so that it is undone with the transaction.
  func report(_ dead: [DeadMessage], _ connection: any SQLConnection) throws -> [OutboxMessage] {
    try connection.execute("CREATE TABLE IF NOT EXISTS report (id text NOT NULL)")
    for message in dead { try connection.execute("INSERT INTO report (id) VALUES ($1)", [.text(message.message.id)]) }
    reported.withLock { $0 += dead }
    return []
  }

  func count(_ table: String) async throws -> Int {
    try await database.transaction(.read) { Int(try $0.query("SELECT count(*) FROM \(table)")[0][0].integer ?? -1) }
  }

  func column(_ name: String, of table: String) async throws -> [SQLValue] {
    try await database.transaction(.read) { try $0.query("SELECT \(name) FROM \(table) ORDER BY 1").map { $0[0] } }
  }
}

/// A process whose passes are made by the test, one by one, and which sends nothing by itself.
final class ManualProcess {
  let fixture: OutboxFixture
  let name: String
  private var claims = 0

  init(_ fixture: OutboxFixture, _ name: String = "process") {
    self.fixture = fixture
    self.name = name
  }

  var ledger: OutboxLedger { OutboxLedger(configuration: fixture.configuration) }

  /// Records how attempts ended and claims what is due, as a pass of a runner does.
  func pass(
    _ ended: [EndedAttempt] = [], room: Int? = nil, probes: Int? = nil
  ) async throws -> OutboxLedger.Claimed {
    claims += 1
    let (ledger, fixture, claim, now) = (ledger, fixture, "\(name)/\(claims)", fixture.now)
    let room = room ?? fixture.configuration.maximumInFlight
    let probes = probes ?? fixture.configuration.maximumProbes
    return try await fixture.database.transaction(.write) { connection in
      let look = OutboxLedger.Look(sound: room, failing: min(room, probes))
      try ledger.record(ended, look: look, now: now, connection, report: fixture.report)
      return try ledger.claim(claim, room: room, probes: probes, now: now, connection)
    }
  }

  func claim(room: Int? = nil) async throws -> [Delivery] { try await pass(room: room).deliveries }

  func end(_ delivery: Delivery, _ answer: SendAnswer) -> EndedAttempt {
    EndedAttempt(
      delivery: delivery,
      outcome: .answered(
        answer,
        fixture.configuration.policy(of: delivery.message.topic).verdict(
          answer, attempt: delivery.attempt, createdAt: delivery.createdAt, now: fixture.now, random: 0)))
  }

  /// Records the same answer for each, and claims nothing.
  func record(_ deliveries: [Delivery], _ answer: SendAnswer) async throws {
    _ = try await pass(deliveries.map { end($0, answer) }, room: 0)
  }
}
