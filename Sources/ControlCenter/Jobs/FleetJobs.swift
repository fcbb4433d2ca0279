import Accounts
import Audit
import Database
import FleetKinds
import FleetPlanning
import Logging
import Reconciliation
import ResourceModel
import ServerPrograms
import ServiceLifecycle
import Timing
import WireFormats

/// Carries jobs out, a set of customers in each transaction, by whichever process comes first: one that is killed has done a set wholly or
/// not at all.
final class FleetJobs: Service {
  static let setCount = 500
  /// Jobs that are kept once they are over, and that may run at once.
  static let kept = 200
  static let maximumRunning: Int64 = 20

  private let database: any Database
  private let audit: AuditLedger
  private let now: @Sendable () -> Timestamp
  private let makeID: @Sendable () -> String
  private let loop: DueLoop
  private static let interval = Duration.seconds(10)

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
    loop = DueLoop(
      longestWait: Self.interval, backoff: Backoff(maximum: .seconds(60)), clock: ContinuousClock(), logger: logger)
  }

  func run() async throws {
    await loop.runUntilShutdown { try await self.pass() ? .now : .after(Self.interval) }
  }

  // MARK: - Asking for one

  /// Whom a job is for.
  enum Selection: Sendable, Hashable {
    case filter(OrganizationFilter)
    case names([String])

    var json: JSONValue {
      switch self {
      case .filter(let filter): filter.json
      case .names(let names): ["organizations": .array(names.map { .string($0) })]
      }
    }
  }

  func count(_ selection: Selection) async throws -> Int64 {
    let now = now()
    return try await database.transaction(.read) { connection in
      let (source, parameters) = try Self.members(selection, now: now, connection)
      return try connection.query("SELECT count(*) FROM (\(source)) AS m", parameters).first?[0].integer ?? 0
    }
  }

  /// - Parameter expected: how many customers the person was shown; where there are others now, nothing is begun.
  func start(
    _ action: FleetJob.Action, for selection: Selection, expected: Int64?, by actor: AuditActor
  ) async throws -> FleetJob {
    let (now, id) = (now(), makeID())
    let job = try await database.transaction(.write) { connection in
      let dialect = connection.dialect
      let running =
        try connection.query(
          "SELECT count(*) FROM gcc_fleet_job WHERE state = $1", [.text(FleetJob.State.running.rawValue)]
        ).first?[0].integer ?? 0
      guard running < Self.maximumRunning else {
        throw StatusError(
          .tooManyRequests, "\(running) jobs run already: try again once some are done", retryAfterSeconds: 30)
      }
      if case .retry(let release) = action { try Self.requireRetryable(release, connection) }
      try connection.execute(
        """
        INSERT INTO gcc_fleet_job (id, action, parameters, filter, state, total, "createdBy", "createdAt")
        VALUES ($1, $2, $3, $4, $5, 0, $6, \(dialect.time("$7")))
        """,
        [
          .text(id), .text(action.name), .text(action.json.text), .text(selection.json.text),
          .text(FleetJob.State.running.rawValue), .text(actor.name), now.column,
        ])
      let (source, parameters) = try Self.members(selection, now: now, connection)
      let total = try connection.execute(
        "INSERT INTO gcc_fleet_job_member (job, organization) SELECT CAST($\(parameters.count + 1) AS text), m.name FROM (\(source)) AS m",
        parameters + [.text(id)])
      guard total > 0 else { throw StatusError(.conflict, "there is no such customer (any more): nothing was begun") }
      if let expected, expected != Int64(total) {
        throw StatusError(
          .conflict, "it would be for \(total) customers, and you were shown \(expected): look at them again")
      }
      try connection.execute("UPDATE gcc_fleet_job SET total = $2 WHERE id = $1", [.text(id), .integer(Int64(total))])
      try connection.execute(
        """
        DELETE FROM gcc_fleet_job WHERE state <> 'Running' AND id NOT IN
          (SELECT id FROM gcc_fleet_job ORDER BY "createdAt" DESC, id LIMIT \(Self.kept))
        """)
      try self.audit.record(
        [
          actor.entry(
            "FleetJobStarted", id,
            [
              "action": .string(action.name), "parameters": action.json, "filter": selection.json,
              "organizations": .integer(Int64(total)),
            ])
        ], in: connection)
      return try Self.find(id, connection)
    }
    loop.wake()
    return job
  }

  func cancel(_ id: String, by actor: AuditActor) async throws -> FleetJob {
    let now = now()
    return try await database.transaction(.write) { connection in
      let job = try Self.find(id, isLocked: true, connection)
      guard job.state == .running else { return job }
      try connection.execute("DELETE FROM gcc_fleet_job_member WHERE job = $1", [.text(id)])
      try Self.finish(id, .cancelled, at: now, connection)
      try self.audit.record([actor.entry("FleetJobCancelled", id, ["done": .integer(job.done)])], in: connection)
      return try Self.find(id, connection)
    }
  }

  func find(_ id: String) async throws -> FleetJob {
    try await database.transaction(.read) { try Self.find(id, $0) }
  }

  /// The newest first.
  func list(limit: Int) async throws -> [FleetJob] {
    try await database.transaction(.read) { connection in
      try connection.query(
        """
        SELECT \(FleetJob.columns(connection.dialect)) FROM gcc_fleet_job AS j
        ORDER BY j."createdAt" DESC, j.id LIMIT \(limit)
        """
      ).compactMap(FleetJob.init)
    }
  }

  private static func find(
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

  /// A statement that gives the names.
  private static func members(
    _ selection: Selection, now: Timestamp, _ connection: any SQLConnection
  ) throws -> (String, [SQLValue]) {
    switch selection {
    case .filter(let filter):
      var statement = SQLStatement(connection.dialect)
      try filter.add(to: &statement, now: now) { try RunningVersions(connection) }
      return ("SELECT o.name FROM organizational_service AS o \(statement.clause)", statement.parameters)
    case .names(let names):
      let set = RowSet("name", of: Set(names).sorted())
      return (
        """
        SELECT o.name FROM organizational_service AS o
        WHERE o.name IN (SELECT r.name FROM \(set.source(connection.dialect)))
        """, [set.parameter]
      )
    }
  }

  /// What waits in a rollout that is halted is taken back at once.
  private static func requireRetryable(_ release: String, _ connection: any SQLConnection) throws {
    guard let known = try RolloutSteps.release(release, connection) else {
      throw StatusError(.notFound, "there is no release \"\(release.prefix(80))\"")
    }
    guard known.facts.state == .published, !known.facts.isWithdrawn else {
      throw StatusError(.conflict, "release \(release) is not offered any more: nothing is to be retried")
    }
    let halted = try connection.query(
      """
      SELECT o.name FROM gcc_rollout AS o WHERE \(Self.releaseOfRollout(connection.dialect)) = $1
        AND \(Self.phaseOfRollout(connection.dialect)) = 'Halted' ORDER BY o.name LIMIT 1
      """, [.text(release)]
    ).first?[0].text
    if let halted {
      throw StatusError(
        .conflict, "the rollout \(halted) of release \(release) is halted: retry the rollout, which takes it up again")
    }
  }

  private static func releaseOfRollout(_ dialect: SQLDialect) -> String { field("spec", "release", dialect) }
  private static func phaseOfRollout(_ dialect: SQLDialect) -> String { field("status", "phase", dialect) }

  private static func field(_ parent: String, _ name: String, _ dialect: SQLDialect) -> String {
    dialect == .postgresql
      ? "(CAST(o.object AS jsonb) -> '\(parent)' ->> '\(name)')" : "json_extract(o.object, '$.\(parent).\(name)')"
  }

  private static func finish(
    _ id: String, _ state: FleetJob.State, at now: Timestamp, _ connection: any SQLConnection
  ) throws {
    try connection.execute(
      "UPDATE gcc_fleet_job SET state = $2, \"finishedAt\" = \(connection.dialect.time("$3")) WHERE id = $1",
      [.text(id), .text(state.rawValue), now.column])
  }

  // MARK: - Carrying it out

  /// One set of the job that was asked for first.
  /// - Returns: whether there was any.
  func pass() async throws -> Bool {
    let now = now()
    return try await database.transaction(.write) { connection in
      let dialect = connection.dialect
      let row = try connection.query(
        """
        SELECT \(FleetJob.columns(dialect)) FROM gcc_fleet_job AS j WHERE j.state = 'Running'
        ORDER BY j."createdAt", j.id LIMIT 1
        """ + dialect.forUpdate(of: "j", skipsLocked: true)
      ).first
      guard let job = row.flatMap(FleetJob.init) else { return false }
      let names = try connection.query(
        "SELECT m.organization FROM gcc_fleet_job_member AS m WHERE m.job = $1 ORDER BY m.organization LIMIT \(Self.setCount)",
        [.text(job.id)]
      ).compactMap { $0[0].text }
      guard !names.isEmpty else {
        try Self.finish(job.id, .completed, at: now, connection)
        return true
      }
      let changed = try Self.carryOut(job.action, on: names, at: now, connection)
      let set = RowSet("name", of: names)
      try connection.execute(
        """
        DELETE FROM gcc_fleet_job_member WHERE job = $2
          AND organization IN (SELECT r.name FROM \(set.source(dialect)))
        """, [set.parameter, .text(job.id)])
      try connection.execute(
        "UPDATE gcc_fleet_job SET done = done + $2, changed = changed + $3 WHERE id = $1",
        [.text(job.id), .integer(Int64(names.count)), .integer(Int64(changed))])
      return true
    }
  }

  /// - Returns: how many are another now.
  private static func carryOut(
    _ action: FleetJob.Action, on names: [String], at now: Timestamp, _ connection: any SQLConnection
  ) throws -> Int {
    let (dialect, set) = (connection.dialect, RowSet("name", of: names))
    let among = "IN (SELECT r.name FROM \(set.source(dialect)))"
    switch action {
    case .label(let labels):
      let rows = try connection.query(
        "SELECT o.name, CAST(o.labels AS text) FROM organizational_service AS o WHERE o.name \(among) ORDER BY o.name"
          + dialect.forUpdate(of: "o"), [set.parameter])
      var changed = RowSet([("name", .text), ("labels", .text)])
      for row in rows {
        let before = row[1].text.flatMap { try? JSONValue(parsing: Array($0.utf8)) }?.object ?? [:]
        var after = before
        for (key, value) in labels { after[key] = value.map { .string($0) } }
        if after != before { changed.append([row[0], .text(JSONValue.object(after).text)]) }
      }
      guard changed.count > 0 else { return 0 }
      return try connection.execute(
        """
        UPDATE organizational_service SET labels = \(dialect == .postgresql ? "CAST(r.labels AS jsonb)" : "r.labels"),
          "updatedAt" = \(dialect.time("$2")), resource_version = 0
        FROM \(changed.source(dialect)) WHERE organizational_service.name = r.name
        """, [changed.parameter, now.column])
    case .resolveEscalations(let resolution, let type):
      let ofType = type.map { " AND CAST(type AS text) = '\($0.rawValue)'" } ?? ""
      return try connection.execute(
        """
        UPDATE gcc_escalation SET "resolvedAt" = \(dialect.time("$2")), resolution = $3, resource_version = 0
        WHERE "resolvedAt" IS NULL AND "organizationName" \(among)\(ofType)
        """, [set.parameter, now.column, .text(resolution)])
    case .retry(let release):
      let rows = try connection.query(
        """
        SELECT \(TargetRows.columns(dialect)) FROM gcc_deployment_target AS t
        WHERE t."releaseId" = (SELECT g.id FROM gcc_release AS g WHERE g.version = $2) AND t.bucket = 'failed'
          AND t."organizationName" \(among) ORDER BY t.id
        """ + dialect.forUpdate(of: "t"), [set.parameter, .text(release)]
      ).map { row in
        var target = TargetRows.row(row)
        target.facts = target.facts.retried()
        return target
      }
      try TargetRows.write(rows, sentWebhooks: [], at: now, connection)
      return rows.count
    }
  }
}
