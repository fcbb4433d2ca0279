import Audit
import Database
import DeploymentKinds
import FleetProtocol
import Logging
import OfferPlanning
import Reconciliation
import ResourceModel
import ResourceStorage
import ServerPrograms
import ServiceLifecycle
import Timing
import WireFormats

/// Watches what was deployed for as long as the customer wants (`healthWatchMinutes`), and returns to the version before where it
/// goes bad: once for each deployment.
///
/// All that is known stands in `health_watch`. A look is one transaction, which begins with the lock of `deployment_config`; where it
/// leads to a rollback, that is part of it. Admins are told in the next one, which a process that was killed in between makes up for.
final class HealthWatchService: Service {
  /// Between two looks.
  static let interval: Duration = .seconds(20)
  /// An Agent that was not heard of for so long says nothing of now. It writes signs of life once a minute.
  static let longestSilence: Duration = .seconds(180)
  /// What admins, the vendor and the history see as the cause.
  static let reason = "UnhealthyAfterDeployment"
  static let actor = "health-watch"

  private let database: any Database
  private let store: SQLResourceStore
  private let record: ObjectKey
  private let notices: NoticeLedger
  private let audit: AuditLedger
  private let actions: DeploymentActions
  private let now: @Sendable () -> Timestamp
  private let logger: Logger
  private let loop: DueLoop

  /// - Parameter record: of the DesiredDeployment.
  init(
    database: any Database, store: SQLResourceStore, record: ObjectKey, notices: NoticeLedger, audit: AuditLedger,
    actions: DeploymentActions, clock: any Clock<Duration> = ContinuousClock(),
    now: @escaping @Sendable () -> Timestamp, logger: Logger
  ) {
    var logger = logger
    logger[metadataKey: "controller"] = "health-watch"
    self.database = database
    self.store = store
    self.record = record
    self.notices = notices
    self.audit = audit
    self.actions = actions
    self.now = now
    self.logger = logger
    loop = DueLoop(longestWait: Self.interval, backoff: Backoff(maximum: .seconds(60)), clock: clock, logger: logger)
  }

  func run() async throws {
    await loop.runUntilShutdown {
      try await self.pass()
      return .after(Self.interval)
    }
  }

  /// One look.
  func pass() async throws {
    let now = now()
    let isWatching = try await database.transaction(.write) { connection in
      let state = try PolicyState.read(connection, locked: true)
      guard state.healthWatchMinutes > 0 else {
        try WatchedDeployment.endOthers(than: nil, at: now, connection)
        return false
      }
      try WatchedDeployment.begin(length: state.healthWatchLength, at: now, connection)
      let watched = try WatchedDeployment.watched(connection)
      try WatchedDeployment.endOthers(than: watched?.id, at: now, connection)
      return watched != nil
    }
    if isWatching {
      let status = try await status()
      do {
        try await look(at: status, now, mayRollBack: true)
      } catch let error as StatusError {
        // Nothing of that look was kept.
        logger.error("A release has gone bad and cannot be rolled back", metadata: ["error": "\(error)"])
        try await look(at: status, now, mayRollBack: false, refusal: error.message)
      }
    }
    try await tell(at: now)
  }

  private func status() async throws -> DesiredDeploymentStatus? {
    guard let stored = try await store.get(DesiredDeploymentKind.definition, record),
      let desired = try? stored.value().decoded(as: DesiredDeployment.self)
    else { return nil }
    return desired.status
  }

  /// - Parameter refusal: why a rollback cannot be; nil where that was not tried.
  private func look(
    at status: DesiredDeploymentStatus?, _ now: Timestamp, mayRollBack: Bool, refusal: String? = nil
  ) async throws {
    try await database.transaction(.write) { connection in
      let state = try PolicyState.read(connection, locked: true)
      guard var watched = try WatchedDeployment.watched(connection) else { return }
      let isAgentThere = state.lastAgentPoll.map { now - $0 <= Self.longestSilence } ?? true
      let look = HealthWatch.Look(status, version: watched.version, isAgentThere: isAgentThere)
      let verdict = watched.watch.note(look, at: now, length: state.healthWatchLength)
      switch verdict {
      case .watching: break
      case .passed: watched.state = .passed
      case .superseded: watched.state = .superseded
      case .unhealthy(let message): try self.end(&watched, message, mayRollBack ? nil : refusal ?? "", connection)
      }
      if verdict != .watching { watched.endedAt = now }
      try watched.save(connection)
      guard watched.state == .rolledBack, let version = watched.returnsTo else { return }
      try Self.noteCause(watched, connection)
      try self.actions.rollBack(version, "\(Self.reason): \(watched.message ?? "")", connection)
    }
  }

  private func end(
    _ watched: inout WatchedDeployment, _ message: String, _ refusal: String?, _ connection: any SQLConnection
  ) throws {
    watched.message = ReportText.cleaned(message)
    watched.state = .unhealthy
    if let refusal {
      watched.message = ReportText.cleaned("\(message) It cannot be rolled back: \(refusal)")
    } else if let version = try watched.versionBefore(connection) {
      watched.state = .rolledBack
      watched.returnsTo = version
    } else {
      watched.message = ReportText.cleaned("\(message) No other version ran here that it could return to.")
    }
  }

  /// The cause stands with the deployment, from where it is reported to the vendor once the rollback is done.
  private static func noteCause(_ watched: WatchedDeployment, _ connection: any SQLConnection) throws {
    guard let deploymentID = watched.deploymentID else { return }
    try connection.execute(
      """
      UPDATE scheduled_deployment SET "failureReason" = $2, "errorMessage" = $3 WHERE id = $1 AND status = 'success'
      """, [.text(deploymentID), .text(reason), SQLValue(watched.message)])
  }

  /// Tells admins of what has gone bad. The policy Automatic is off from then on.
  private func tell(at now: Timestamp) async throws {
    try await database.transaction(.write) { connection in
      var state = try PolicyState.read(connection, locked: true)
      guard var watched = try WatchedDeployment.untold(connection) else { return }
      watched.toldAt = now
      try watched.save(connection)
      let sentence = Self.sentence(version: watched.version, watched.message)
      let off = try state.turnAutomaticOff(because: sentence, at: now, self.audit, connection)
      let bad = AdminNotice(
        .unhealthyAfterDeployment, fact: watched.id, version: watched.version, time: watched.watch.badSince,
        detail: watched.returnsTo.map { "\(watched.message ?? "") It is rolled back to v\($0)." } ?? watched.message)
      try self.notices.record([bad, off].compactMap(\.self), in: connection)
    }
  }

  static func sentence(version: String, _ message: String?) -> String {
    "v\(version) went bad after its deployment: \(message ?? "")"
  }
}
