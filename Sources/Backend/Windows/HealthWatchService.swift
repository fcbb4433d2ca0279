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
/// goes bad: a wish that is kept and acted on until something else runs.
///
/// All that is known stands in `health_watch`. A look is one transaction, which begins with the lock of `deployment_config`; asking
/// for the return is the next, so that one which is refused leaves the wish. Whoever is killed in between leaves what the next pass
/// makes up for.
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
      try await look(at: status, now)
      try await returnWhereWanted(status, now)
    }
    try await tell(at: now)
  }

  private func status() async throws -> DesiredDeploymentStatus? {
    guard let stored = try await store.get(DesiredDeploymentKind.definition, record),
      let desired = try? stored.value().decoded(as: DesiredDeployment.self)
    else { return nil }
    return desired.status
  }

  private static func look(
    _ status: DesiredDeploymentStatus?, _ watched: WatchedDeployment, _ state: PolicyState, _ now: Timestamp
  ) -> HealthWatch.Look {
    let isAgentThere = state.lastAgentPoll.map { now - $0 <= longestSilence } ?? true
    return HealthWatch.Look(status, version: watched.version, isAgentThere: isAgentThere)
  }

  private func look(at status: DesiredDeploymentStatus?, _ now: Timestamp) async throws {
    try await database.transaction(.write) { connection in
      let state = try PolicyState.read(connection, locked: true)
      guard var watched = try WatchedDeployment.watched(connection), watched.state == .watching else { return }
      let verdict = watched.watch.note(
        Self.look(status, watched, state, now), at: now, length: state.healthWatchLength)
      switch verdict {
      case .watching: break
      case .passed: watched.state = .passed
      case .unknown:
        watched.state = .unknown
        watched.message =
          "No Agent said to its end how v\(watched.version) is: nothing was rolled back, and it may be bad."
      case .superseded: watched.state = .superseded
      case .unhealthy(let message):
        watched.returnsTo = try watched.versionBefore(connection)
        watched.state = watched.returnsTo == nil ? .unhealthy : .returning
        watched.message = ReportText.cleaned(
          message + (watched.returnsTo == nil ? " No other version ran here that it could return to." : ""))
      }
      if verdict != .watching { watched.endedAt = now }
      try watched.save(connection)
    }
  }

  /// Brings the return forward, if one is wanted.
  private func returnWhereWanted(_ status: DesiredDeploymentStatus?, _ now: Timestamp) async throws {
    do {
      try await database.transaction(.write) { connection in try self.stepReturn(status, now, connection) }
    } catch let error as StatusError {
      // Nothing of it was kept, and it is asked for again.
      try await database.transaction(.write) { connection in
        _ = try PolicyState.read(connection, locked: true)
        guard var watched = try WatchedDeployment.watched(connection), watched.refusal != error.message else { return }
        self.logger.error(
          "A release has gone bad and cannot be rolled back yet",
          metadata: ["version": "\(watched.version)", "error": "\(error)"])
        watched.refusal = ReportText.cleaned(error.message)
        try watched.save(connection)
      }
    }
  }

  private func stepReturn(
    _ status: DesiredDeploymentStatus?, _ now: Timestamp, _ connection: any SQLConnection
  ) throws {
    let state = try PolicyState.read(connection, locked: true)
    guard var watched = try WatchedDeployment.watched(connection), watched.state == .returning,
      let version = watched.returnsTo
    else { return }
    let attempt = try watched.taskID.flatMap { try AgentTask.find(id: $0, in: connection) }.map {
      ReturnDecision.Attempt(
        status: $0.status, isCancelled: TaskFailure.deliberate.contains($0.failureReason ?? ""), endedAt: $0.completedAt
      )
    }
    let decision = ReturnDecision.decide(
      Self.look(status, watched, state, now), runsStill: state.currentVersion == watched.version, after: attempt,
      attempts: watched.returnAttempts, now: now)
    switch decision {
    case .wait: return
    case .done: watched.state = .rolledBack
    case .recovered: watched.end(.unhealthy, "It has recovered before it was rolled back.")
    case .cancelled: watched.end(.unhealthy, "Its rollback was cancelled.")
    case .givenUp: watched.end(.unhealthy, "Its rollback has failed \(watched.returnAttempts) times.")
    case .ask:
      try Self.noteCause(watched, connection)
      // What the policy has put into the next window gives way.
      try actions.cancelAutomatic(
        because: Self.sentence(version: watched.version, watched.message), connection)
      watched.taskID = try actions.rollBack(version, "\(Self.reason): \(watched.message ?? "")", connection)
      watched.returnAttempts += 1
      watched.refusal = nil
    }
    try watched.save(connection)
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
        detail: watched.outlook)
      try self.notices.record([bad, off].compactMap(\.self), in: connection)
      if off != nil { try self.actions.cancelAutomatic(because: sentence, connection) }
    }
  }

  static func sentence(version: String, _ message: String?) -> String {
    "v\(version) went bad after its deployment: \(message ?? "")"
  }
}

extension WatchedDeployment {
  fileprivate mutating func end(_ state: State, _ sentence: String) {
    self.state = state
    message = "\(message ?? "") \(sentence)"
  }

  /// What is bad, and what is done about it.
  fileprivate var outlook: String? {
    guard let returnsTo else { return message }
    let bad = message ?? ""
    return refusal.map { "\(bad) It will be rolled back to v\(returnsTo) as soon as that can be: \($0)" }
      ?? "\(bad) It is rolled back to v\(returnsTo)."
  }
}
