import CoreKinds
import Database
import FleetKinds
import Logging
import Reconciliation
import ServiceLifecycle
import Timing
import WireFormats

/// Notices who was not seen for long (spec §11.1): online for 10 minutes after a customer was last seen, then degraded, offline
/// after an hour, critical after a day.
///
/// While this server was down it saw nobody, so nobody loses health before the server has been up for as long as a customer
/// may be silent.
final class HealthSweep: Service {
  struct Step: Sendable {
    var from: OrganizationHealth
    var to: OrganizationHealth
    var after: Duration
  }

  static let steps = [
    Step(from: .online, to: .degraded, after: .seconds(600)),
    Step(from: .degraded, to: .offline, after: .seconds(3600)),
    Step(from: .offline, to: .critical, after: .seconds(86_400)),
  ]
  private static let setCount = 500

  private let database: any Database
  private let events: FleetEvents
  private let escalations: EscalationLedger
  private let mails: InternalMails
  private let now: @Sendable () -> Timestamp
  private let upSince: Timestamp
  private let loop: DueLoop
  private let interval: Duration

  init(
    database: any Database, events: FleetEvents, escalations: EscalationLedger, mails: InternalMails,
    interval: Duration = .seconds(15), clock: any Clock<Duration> = ContinuousClock(),
    now: @escaping @Sendable () -> Timestamp, logger: Logger
  ) {
    var logger = logger
    logger[metadataKey: "controller"] = "health"
    self.database = database
    self.events = events
    self.escalations = escalations
    self.mails = mails
    self.now = now
    self.interval = interval
    upSince = now()
    loop = DueLoop(longestWait: interval, backoff: Backoff(maximum: .seconds(60)), clock: clock, logger: logger)
  }

  func run() async throws {
    await withGracefulShutdownHandler {
      await loop.run { try await self.pass() }
    } onGracefulShutdown: { [loop] in
      loop.stop()
    }
  }

  /// One set for each step.
  func pass() async throws -> DueLoop.Next {
    let now = now()
    try await database.transaction(.write) { connection in
      _ = try self.escalations.closeResolved(at: now, in: connection)
    }
    var isMore = false
    for step in Self.steps where now - upSince >= Self.steps[0].after {
      let changed = try await database.transaction(.write) { connection in
        try self.change(step, at: now, connection)
      }
      isMore = isMore || changed == Self.setCount
    }
    return isMore ? .now : .after(interval)
  }

  private func change(_ step: Step, at now: Timestamp, _ connection: any SQLConnection) throws -> Int {
    let dialect = connection.dialect
    let limit = now + (.zero - step.after)
    let names = try connection.query(
      """
      SELECT name FROM organizational_service WHERE health = '\(step.from.columnWord)'
        AND "lastSeen" <= \(dialect.time("$1")) ORDER BY name LIMIT \(Self.setCount)
      """ + dialect.forUpdate(of: "organizational_service", skipsLocked: true), [limit.column]
    ).compactMap { $0[0].text }
    guard !names.isEmpty else { return 0 }
    let rows = RowSet("name", of: names)
    try connection.execute(
      """
      UPDATE organizational_service SET health = '\(step.to.columnWord)', "isOnline" = \(dialect.boolean(false)),
        resource_version = 0
      WHERE name IN (SELECT r.name FROM \(rows.source(dialect)))
      """, [rows.parameter])
    if step.to == .offline { try OfflineMarks.set(true, names, connection) }
    let message = "The customer was not seen for \(step.after.components.seconds / 60) minutes."
    var mail: [InternalMails.Fact] = []
    if step.to == .critical {
      mail = names.map {
        .init(
          subject: "Customers offline for more than 24 hours", about: $0,
          text: "Customer \($0) was not seen for 24 hours.")
      }
      let forced = try connection.query(
        """
        SELECT DISTINCT t."organizationName", t."releaseVersion" FROM gcc_deployment_target AS t
        JOIN gcc_release AS g ON g.id = t."releaseId"
        WHERE t."organizationName" IN (SELECT r.name FROM \(rows.source(dialect))) AND g."isForced"
          AND t.bucket NOT IN ('succeeded', 'failed', 'cancelled')
        """, [rows.parameter])
      _ = try escalations.open(
        forced.map { row in
          EscalationFact(
            organization: row[0].text ?? "", type: .clientOffline, subject: "",
            reason: "The customer was not seen for 24 hours, and the forced release \(row[1].text ?? "") waits for it.")
        }, at: now, in: connection)
    }
    try events.record(
      names.map {
        FleetEvent(
          names: OrganizationKind.names, name: $0, level: step.to == .degraded ? .normal : .warning,
          reason: step.to.rawValue, message: message)
      }, in: connection)
    try mails.record(mail, in: connection)
    return names.count
  }
}
