import Accounts
import Audit
import Database
import Logging
import Reconciliation
import ResourceModel
import ResourceStorage
import ServerPrograms
import ServiceLifecycle
import Timing
import WireFormats

/// Carries jobs out, a set of customers in each transaction, by whichever process comes first: one that is killed has done a set wholly or
/// not at all. Those that run take turns.
///
///     Prepared ──start──▶ Running ──▶ Completed
///         └─10 min─▶ gone    ├──cancel, or nothing is to be retried any more──▶ Cancelled
///                            └──maximumFailures passes in a row failed──▶ Failed
///
/// In the order of locks a job's row comes before the audit's end. What a set changes is never locked together with the latter.
final class FleetJobs: Service {
  static let setCount = 500
  /// Jobs that are kept once they are over, and that may run at once.
  static let kept = 200
  static let maximumRunning: Int64 = 20
  /// How long a job that was prepared can be started, and how many wait for that: of everybody, and of one person.
  static let preparedLifetime = Duration.seconds(600)
  static let maximumPrepared: Int64 = 50
  static let maximumPreparedOfOne = 3
  static let maximumFailures: Int64 = 5

  let database: any Database
  let audit: AuditLedger
  let now: @Sendable () -> Timestamp
  let makeID: @Sendable () -> String
  let loop: DueLoop
  let logger: Logger
  /// Behind every other job.
  static let lastTurn = "(SELECT coalesce(max(o.turn), 0) + 1 FROM gcc_fleet_job AS o)"
  static let interval = Duration.seconds(10)

  init(
    database: any Database, audit: AuditLedger, now: @escaping @Sendable () -> Timestamp,
    makeID: @escaping @Sendable () -> String, logger: Logger
  ) {
    self.database = database
    self.audit = audit
    self.now = now
    self.makeID = makeID
    var logger = logger
    logger[metadataKey: "controller"] = "fleet-jobs"
    self.logger = logger
    loop = DueLoop(
      longestWait: Self.interval, backoff: Backoff(maximum: .seconds(60)), clock: ContinuousClock(), logger: logger)
  }

  func run() async throws {
    await loop.runUntilShutdown { try await self.pass() ? .now : .after(Self.interval) }
  }

  /// Ends a job that was not started, or has more to do, in whatever version's words it says what it does.
  func cancel(_ id: String, by actor: AuditActor) async throws -> FleetJob {
    let now = now()
    return try await database.transaction(.write) { connection in
      let job = try Self.find(id, isLocked: true, connection)
      guard job.state == .running || job.state == .prepared else { return job }
      try self.finish(job, .cancelled, by: actor, at: now, connection)
      return try Self.find(id, connection)
    }
  }

  func find(_ id: String) async throws -> FleetJob {
    try await database.transaction(.read) { try Self.find(id, $0) }
  }

  /// Those that were started, the newest first.
  func list(limit: Int) async throws -> [FleetJob] {
    try await database.transaction(.read) { connection in
      try connection.query(
        """
        SELECT \(FleetJob.columns(connection.dialect)) FROM gcc_fleet_job AS j WHERE j.state <> 'Prepared'
        ORDER BY j."createdAt" DESC, j.id LIMIT \(limit)
        """
      ).compactMap(FleetJob.init)
    }
  }

  static func find(
    _ id: String, isLocked: Bool = false, _ connection: any SQLConnection
  ) throws -> FleetJob {
    let row = try connection.query(
      "SELECT \(FleetJob.columns(connection.dialect)) FROM gcc_fleet_job AS j WHERE j.id = $1"
        + (isLocked ? connection.dialect.forUpdate(of: "j") : ""), [.text(id)]
    ).first
    guard let job = row.flatMap(FleetJob.init) else {
      throw StatusError(.notFound, "there is no job \"\(id.prefix(80))\"")
    }
    return job
  }

  /// What is still to be done is dropped.
  func finish(
    _ job: FleetJob, _ state: FleetJob.State, reason: String? = nil, by actor: AuditActor, at now: Timestamp,
    _ connection: any SQLConnection
  ) throws {
    try connection.execute("DELETE FROM gcc_fleet_job_member WHERE job = $1", [.text(job.id)])
    try connection.execute(
      "UPDATE gcc_fleet_job SET state = $2, reason = $3, \"finishedAt\" = \(connection.dialect.time("$4")) WHERE id = $1",
      [.text(job.id), .text(state.rawValue), SQLValue(reason), now.column])
    // What was never started is nothing that anybody did.
    guard job.state != .prepared else { return }
    var detail: JSONValue = [
      "action": .string(job.actionName), "done": .integer(job.done), "changed": .integer(job.changed),
      "refused": .integer(job.refused),
    ]
    detail["reason"] = reason.map { .string($0) }
    try audit.record([actor.entry("FleetJob\(state.rawValue)", job.id, detail)], in: connection)
  }
}
