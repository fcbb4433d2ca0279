import Audit
import Database
import FleetProtocol
import Logging
import MaintenanceWindows
import OfferPlanning
import Reconciliation
import ResourceModel
import ServerPrograms
import ServiceLifecycle
import Synchronization
import Timing
import WireFormats

/// The policy Automatic: schedules what was downloaded for the next window that fits, and turns itself off where a deployment failed
/// or was rolled back, so that nothing goes wrong twice unseen.
///
/// A pass is one transaction that begins with the lock of `deployment_config`: of several processes one at a time decides, by what the
/// others have left.
final class AutomaticDeployments: Service {
  /// How often it is looked at what there is.
  static let interval: Duration = .seconds(30)
  /// The record must reach the Agent before the time has come.
  static let lead: Duration = .seconds(60)
  /// What must be left of a window: as long as a deployment may begin late.
  static let room: Duration = .seconds(600)
  private static let candidateCount = 100

  private let database: any Database
  private let windows: WindowStore
  private let notices: NoticeLedger
  private let audit: AuditLedger
  private let actions: DeploymentActions
  private let now: @Sendable () -> Timestamp
  private let logger: Logger
  private let loop: DueLoop
  /// Why the last pass scheduled nothing, so that it is logged once.
  private let refusal = Mutex<String?>(nil)

  init(
    database: any Database, windows: WindowStore, notices: NoticeLedger, audit: AuditLedger,
    actions: DeploymentActions, clock: any Clock<Duration> = ContinuousClock(),
    now: @escaping @Sendable () -> Timestamp, logger: Logger
  ) {
    var logger = logger
    logger[metadataKey: "controller"] = "deployment-policy"
    self.database = database
    self.windows = windows
    self.notices = notices
    self.audit = audit
    self.actions = actions
    self.now = now
    self.logger = logger
    loop = DueLoop(longestWait: Self.interval, backoff: Backoff(maximum: .seconds(60)), clock: clock, logger: logger)
  }

  /// Something may have changed.
  func wake() { loop.wake() }

  func run() async throws {
    await loop.runUntilShutdown {
      try await self.pass()
      return .after(Self.interval)
    }
  }

  /// Schedules at most one release.
  func pass() async throws {
    let now = now()
    do {
      let scheduled = try await database.transaction(.write) { connection in try self.step(at: now, connection) }
      refusal.withLock { $0 = nil }
      if let scheduled {
        logger.info(
          "Scheduled a release for the next maintenance window",
          metadata: ["version": "\(scheduled.version)", "scheduledFor": "\(scheduled.start)"])
      }
    } catch let error as StatusError {
      noteRefusal(error.message)
    } catch let error as CalendarError {
      noteRefusal("the maintenance windows cannot be read: \(error)")
    }
  }

  private func noteRefusal(_ message: String) {
    let isNew = refusal.withLock { known in
      defer { known = message }
      return known != message
    }
    if isNew { logger.warning("Nothing is scheduled automatically", metadata: ["error": "\(message)"]) }
  }

  /// - Returns: what was scheduled; nil where nothing was.
  private func step(
    at now: Timestamp, _ connection: any SQLConnection
  ) throws -> (version: String, start: Timestamp)? {
    var state = try PolicyState.read(connection, locked: true)
    try actions.cancelWithdrawn(connection)
    guard state.policy == .automatic else { return nil }
    if let failure = try Self.failure(since: state.automaticSince ?? now, connection) {
      let notice = try state.turnAutomaticOff(because: failure, at: now, audit, connection)
      try notices.record([notice].compactMap(\.self), in: connection)
      try actions.cancelAutomatic(because: failure, connection)
      return nil
    }
    guard let candidate = AutomaticDecision.next(try Self.facts(state, connection)) else { return nil }
    let earliest = (now + Self.lead).nextWholeMinute
    guard let start = try windows.calendar(connection).start(from: earliest, room: Self.room) else {
      throw StatusError(.conflict, "no maintenance window within ten years has room for v\(candidate.version)")
    }
    try actions.schedule(candidate.id, start, connection)
    return (candidate.version, start)
  }

  /// What went wrong since an admin has turned the policy on; nil where nothing did.
  static func failure(since: Timestamp, _ connection: any SQLConnection) throws -> String? {
    let dialect = connection.dialect
    func first(_ sql: String) throws -> SQLRow? { try connection.query(sql, [since.column]).first }
    let from = dialect.time("$1")
    if let row = try first(
      """
      SELECT w.version, w.message FROM health_watch AS w
      WHERE w.state IN ('returning', 'rolledBack', 'unhealthy') AND w."endedAt" >= \(from) ORDER BY w."endedAt" DESC LIMIT 1
      """)
    {
      return HealthWatchService.sentence(version: row[0].text ?? "", row[1].text)
    }
    if let row = try first(
      """
      SELECT d.version, CAST(d.status AS text), d."errorMessage" FROM scheduled_deployment AS d
      WHERE d.status IN ('failed', 'rolledBack') AND d."completedAt" >= \(from) ORDER BY d."completedAt" DESC LIMIT 1
      """)
    {
      return sentence(row)
    }
    if let row = try first(
      """
      SELECT h.version, h.status, h."errorMessage" FROM deployment_history AS h
      WHERE h.status IN ('failed', 'rolledBack') AND NOT h."isRollback" AND h."deployedAt" >= \(from)
      ORDER BY h."deployedAt" DESC LIMIT 1
      """)
    {
      return sentence(row)
    }
    let isRolledBack =
      try first("SELECT 1 FROM agent_task AS t WHERE t.\"isRollback\" AND t.\"createdAt\" >= \(from) LIMIT 1") != nil
      || first(
        "SELECT 1 FROM deployment_history AS h WHERE h.\"isRollback\" AND h.\"deployedAt\" >= \(from) LIMIT 1") != nil
    return isRolledBack ? "A rollback was asked for." : nil
  }

  private static func sentence(_ row: SQLRow) -> String {
    let version = row[0].text ?? ""
    let what = row[1].text == LocalDeploymentStatus.rolledBack.rawValue ? "was rolled back" : "failed"
    let cause = row[2].text.flatMap { $0.isEmpty ? nil : ": \($0.prefix(500))" } ?? "."
    return "The deployment of v\(version) \(what)\(cause)"
  }

  private static func facts(
    _ state: PolicyState, _ connection: any SQLConnection
  ) throws -> AutomaticDecision.Facts {
    let dialect = connection.dialect
    let isBusy = try !connection.query(
      """
      SELECT 1 FROM agent_task AS t WHERE t.status IN ('pending', 'inProgress')
      UNION ALL SELECT 1 FROM scheduled_deployment AS d WHERE d.status IN ('scheduled', 'inProgress')
      UNION ALL SELECT 1 FROM health_watch AS w WHERE w.state IN ('watching', 'returning') LIMIT 1
      """
    ).isEmpty
    var facts = AutomaticDecision.Facts(
      currentVersion: state.currentVersion, isBusy: isBusy, allowsMigrations: state.allowsMigrations, candidates: [])
    guard !isBusy else { return facts }
    let deployments = try connection.query(
      """
      SELECT \(ScheduledDeployment.columns(dialect)) FROM scheduled_deployment AS d
      WHERE d.status = 'pending' AND d."chartDownloaded" AND d."declinedAt" IS NULL AND d.attempt = 0
      ORDER BY d."receivedAt" DESC, d.id LIMIT \(candidateCount)
      """
    ).map(ScheduledDeployment.init)
    facts.candidates = deployments.compactMap { deployment in
      // What cannot be read cannot be judged.
      guard let offer = deployment.offer else { return nil }
      return AutomaticDecision.Candidate(
        id: deployment.id, version: deployment.version, status: deployment.status,
        isDownloaded: deployment.isDownloaded, isDeclined: deployment.declinedAt != nil,
        attempts: deployment.attempt, isMigrationRequired: offer.isMigrationRequired,
        minCurrentVersion: offer.minCurrentVersion)
    }
    let versions = RowSet("version", of: Set(deployments.map(\.version)))
    let failed = try connection.query(
      """
      SELECT h.version FROM deployment_history AS h
      WHERE h.status IN ('failed', 'rolledBack') AND h.version IN (SELECT r.version FROM \(versions.source(dialect)))
      UNION SELECT d.version FROM scheduled_deployment AS d
      WHERE d.status IN ('failed', 'rolledBack') AND d.version IN (SELECT r.version FROM \(versions.source(dialect)))
      UNION SELECT w.version FROM health_watch AS w
      WHERE w.state NOT IN ('watching', 'passed', 'unknown', 'superseded')
        AND w.version IN (SELECT r.version FROM \(versions.source(dialect)))
      """, [versions.parameter])
    facts.failedVersions = Set(failed.compactMap { $0[0].text })
    return facts
  }
}

extension Timestamp {
  /// The moment itself where it is one.
  fileprivate var nextWholeMinute: Timestamp {
    let minute: Int64 = 60_000_000
    return Timestamp(microseconds: (microseconds + minute - 1) / minute * minute)
  }
}
