import Accounts
import Audit
import Cryptography
import Database
import Reconciliation
import ResourceModel
import ResourceStorage
import WireFormats

extension FleetJobs {
  /// Whom a job is for.
  enum Selection: Sendable, Hashable {
    case filter(OrganizationFilter)
    case names([String])

    /// In short: of many names how many there are, the first of them, and a digest of all.
    var json: JSONValue {
      switch self {
      case .filter(let filter): return filter.json
      case .names(let names):
        let names = Set(names).sorted()
        let digest = SHA256.digest(of: names.joined(separator: "\n")).hexadecimal
        return [
          "organizations": [
            "count": .integer(Int64(names.count)), "first": .array(names.prefix(20).map { .string($0) }),
            "sha256": .string(digest),
          ]
        ]
      }
    }
  }

  /// Fixes for whom a job would be, and does nothing yet: started within `preparedLifetime`, it is for exactly those.
  /// - Throws: `notFound` for a customer or release that there is not; `conflict` where nothing is to be done; `tooManyRequests`.
  func prepare(
    _ action: FleetJob.Action, for selection: Selection, by actor: AuditActor
  ) async throws -> FleetJob {
    let (now, id) = (now(), makeID())
    return try await database.transaction(.write) { connection in
      try Self.dropPrepared(at: now, connection)
      let mine = try connection.query(
        """
        SELECT id FROM gcc_fleet_job WHERE state = 'Prepared' AND "createdBy" = $1 ORDER BY "createdAt" DESC, id
        """, [.text(actor.name)]
      ).compactMap { $0[0].text }
      for old in mine.dropFirst(Self.maximumPreparedOfOne - 1) {
        try connection.execute("DELETE FROM gcc_fleet_job WHERE id = $1 AND state = 'Prepared'", [.text(old)])
      }
      guard try Self.count(.prepared, connection) < Self.maximumPrepared else {
        throw StatusError(
          .tooManyRequests, "many jobs are prepared and not started: try again in some minutes", retryAfterSeconds: 60)
      }
      if case .retry(let release) = action { try Self.requireRetryable(release, connection) }
      return try Self.insert(id, action, for: selection, by: actor, at: now, connection)
    }
  }

  /// Starts a job at once.
  /// - Throws: as `prepare` and `start(_:by:)`.
  func start(_ action: FleetJob.Action, for selection: Selection, by actor: AuditActor) async throws -> FleetJob {
    let (now, id) = (now(), makeID())
    let job = try await database.transaction(.write) { connection in
      try self.begin(
        try Self.insert(id, action, for: selection, by: actor, at: now, connection), by: actor, at: now, connection)
    }
    loop.wake()
    return job
  }

  /// Starts what the same person has prepared. What is started already is answered as it is.
  /// - Throws: `notFound` where that is too long ago, and without such a job; `tooManyRequests` where too many run; `conflict`.
  func start(_ id: String, by actor: AuditActor) async throws -> FleetJob {
    let now = now()
    let job = try await database.transaction(.write) { connection in
      try Self.dropPrepared(at: now, connection)
      let job = try Self.find(id, isLocked: true, connection)
      guard job.createdBy == actor.name else {
        throw StatusError(.forbidden, "the job was prepared by \(job.createdBy): who has seen whom it is for starts it")
      }
      return job.state == .prepared ? try self.begin(job, by: actor, at: now, connection) : job
    }
    loop.wake()
    return job
  }

  private static func count(_ state: FleetJob.State, _ connection: any SQLConnection) throws -> Int64 {
    try connection.query("SELECT count(*) FROM gcc_fleet_job WHERE state = $1", [.text(state.rawValue)])
      .first?[0].integer ?? 0
  }

  static func dropPrepared(at now: Timestamp, _ connection: any SQLConnection) throws {
    try connection.execute(
      "DELETE FROM gcc_fleet_job WHERE state = 'Prepared' AND \"createdAt\" <= \(connection.dialect.time("$1"))",
      [(now + (Duration.zero - preparedLifetime)).column])
  }

  private static func insert(
    _ id: String, _ action: FleetJob.Action, for selection: Selection, by actor: AuditActor, at now: Timestamp,
    _ connection: any SQLConnection
  ) throws -> FleetJob {
    if case .names(let names) = selection { try requireOrganizations(names, connection) }
    try connection.execute(
      """
      INSERT INTO gcc_fleet_job (id, action, parameters, filter, state, total, "createdBy", "createdAt")
      VALUES ($1, $2, $3, $4, $5, 0, $6, \(connection.dialect.time("$7")))
      """,
      [
        .text(id), .text(action.name), .text(action.json.text), .text(selection.json.text),
        .text(FleetJob.State.prepared.rawValue), .text(actor.name), now.column,
      ])
    let (source, parameters) = try members(selection, now: now, connection)
    let total = try connection.execute(
      "INSERT INTO gcc_fleet_job_member (job, organization) SELECT CAST($\(parameters.count + 1) AS text), m.name FROM (\(source)) AS m",
      parameters + [.text(id)])
    guard total > 0 else { throw StatusError(.conflict, "there is no such customer (any more): nothing was begun") }
    try connection.execute("UPDATE gcc_fleet_job SET total = $2 WHERE id = $1", [.text(id), .integer(Int64(total))])
    return try find(id, connection)
  }

  /// - Parameter job: that is prepared, and locked.
  private func begin(
    _ job: FleetJob, by actor: AuditActor, at now: Timestamp, _ connection: any SQLConnection
  ) throws -> FleetJob {
    let running = try Self.count(.running, connection)
    guard running < Self.maximumRunning else {
      throw StatusError(
        .tooManyRequests, "\(running) jobs run already: try again once some are done", retryAfterSeconds: 30)
    }
    if case .retry(let release) = try job.action() { try Self.requireRetryable(release, connection) }
    try connection.execute(
      """
      UPDATE gcc_fleet_job SET state = $2, "createdAt" = \(connection.dialect.time("$3")), turn = \(Self.lastTurn)
      WHERE id = $1
      """, [.text(job.id), .text(FleetJob.State.running.rawValue), now.column])
    try connection.execute(
      """
      DELETE FROM gcc_fleet_job WHERE state NOT IN ('Running', 'Prepared') AND id NOT IN
        (SELECT id FROM gcc_fleet_job ORDER BY "createdAt" DESC, id LIMIT \(Self.kept))
      """)
    try audit.record(
      [
        actor.entry(
          "FleetJobStarted", job.id,
          [
            "action": .string(job.actionName), "parameters": job.parameters, "filter": job.filter,
            "organizations": .integer(job.total),
          ])
      ], in: connection)
    return try Self.find(job.id, connection)
  }

  /// - Throws: `notFound`, which names the first of them that there is not.
  private static func requireOrganizations(_ names: [String], _ connection: any SQLConnection) throws {
    let set = RowSet("name", of: Set(names).sorted())
    let missing = try connection.query(
      """
      SELECT r.name FROM \(set.source(connection.dialect)) LEFT JOIN organizational_service AS o ON o.name = r.name
      WHERE o.name IS NULL ORDER BY r.name LIMIT 1
      """, [set.parameter]
    ).first?[0].text
    if let missing { throw StatusError.noOrganization(String(missing.prefix(180))) }
  }

  /// A statement that gives the names.
  private static func members(
    _ selection: Selection, now: Timestamp, _ connection: any SQLConnection
  ) throws -> (String, [SQLValue]) {
    switch selection {
    case .filter(let filter):
      var statement = SQLConditions(connection.dialect, table: "o")
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
}
