import CoreKinds
import Database
import FleetKinds
import FleetPlanning
import Logging
import Reconciliation
import ServerPrograms
import ServiceLifecycle
import Timing
import WireFormats

/// Notices who was not seen for long (spec §11.1), step by step as `HealthStatus` has it.
///
/// While this server was down it saw nobody, so nobody loses health before the server has been up for as long as a customer
/// may be silent.
final class HealthSweep: Service {
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

  func run() async throws { await loop.runUntilShutdown { try await self.pass() } }

  /// One set for each step.
  func pass() async throws -> DueLoop.Next {
    let now = now()
    var isMore = try await database.transaction(.write) { connection in
      try self.escalations.closeResolved(at: now, in: connection)
      return try self.escalations.resolvePassedOver(at: now, in: connection) == EscalationLedger.setCount
    }
    for step in HealthStatus.steps where now - upSince >= HealthStatus.steps[0].after {
      let changed = try await database.transaction(.write) { connection in
        try self.change(step, at: now, connection)
      }
      isMore = isMore || changed == Self.setCount
    }
    isMore = try await escalateForced(at: now) || isMore
    return isMore ? .now : .after(interval)
  }

  private func change(_ step: HealthStatus.Step, at now: Timestamp, _ connection: any SQLConnection) throws -> Int {
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
    try events.record(
      names.map {
        FleetEvent(
          names: OrganizationKind.names, name: $0, level: step.to == .degraded ? .normal : .warning,
          reason: step.to.rawValue, message: message)
      }, in: connection)
    if step.to == .critical {
      try mails.record(
        names.map {
          .init(subject: .offline, about: $0, text: "Customer \($0) was not seen for 24 hours.")
        }, in: connection)
    }
    return names.count
  }

  /// Customers that are not seen for a day while a forced release waits for them, whichever came first.
  /// - Returns: whether there may be more.
  private func escalateForced(at now: Timestamp) async throws -> Bool {
    let found = try await database.transaction(.read) { connection in
      try connection.query(
        """
        SELECT o.name, min(t."releaseVersion") FROM organizational_service AS o
        JOIN gcc_deployment_target AS t ON t."organizationName" = o.name
          AND t.bucket IN ('waiting', 'notifying', 'consent', 'scheduled', 'inProgress', 'offline', 'silent')
        JOIN gcc_release AS g ON g.id = t."releaseId" AND g."isForced" AND NOT g.withdrawn
        WHERE o.health = '\(OrganizationHealth.critical.columnWord)' AND NOT EXISTS
          (SELECT 1 FROM gcc_escalation AS e
            WHERE e."organizationName" = o.name AND e.fact = '\(EscalationType.clientOffline.rawValue)'
              AND (e."resolvedAt" IS NULL OR NOT e."isResolvedByItself" AND e."resolvedAt" > o."lastSeen"))
        GROUP BY o.name ORDER BY o.name LIMIT \(Self.setCount)
        """
      ).map { (organization: $0[0].text ?? "", version: $0[1].text ?? "") }
    }
    guard !found.isEmpty else { return false }
    try await database.transaction(.write) { connection in
      let opened = try self.escalations.open(
        found.map {
          EscalationFact(
            organization: $0.organization, type: .clientOffline, subject: "",
            reason: "The customer was not seen for 24 hours, and the forced release \($0.version) waits for it.")
        }, at: now, in: connection)
      try self.mails.record(
        opened.map {
          .init(subject: .offline, about: $0.organization, text: "\($0.organization): \($0.reason)")
        },
        in: connection)
    }
    return found.count == Self.setCount
  }
}
