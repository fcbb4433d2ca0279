import Accounts
import Database
import Logging
import ResourceModel
import Timing
import WireFormats

extension FleetJobs {
  private static let failureBackoff = Backoff(base: .seconds(2), maximum: .seconds(60), jitter: 0)

  /// One set of the job that waits longest.
  /// - Returns: whether there was any.
  func pass() async throws -> Bool {
    let now = now()
    do {
      return try await database.transaction(.write) { try self.takeTurn(at: now, $0) }
    } catch let failure as FailedTurn {
      logger.error("A set of a job failed", metadata: ["job": "\(failure.job)", "error": "\(failure.cause)"])
      try await database.transaction(.write) { try self.keep(failure, at: now, $0) }
      return true
    }
  }

  private struct FailedTurn: Error {
    var job: String
    var cause: any Error
  }

  /// - Throws: `FailedTurn` where the job is at fault; everything else concerns all of them.
  private func takeTurn(at now: Timestamp, _ connection: any SQLConnection) throws -> Bool {
    let dialect = connection.dialect
    // What a later version does is left to its processes.
    let known = FleetJob.Action.names.map { "'\($0)'" }.joined(separator: ", ")
    let row = try connection.query(
      """
      SELECT \(FleetJob.columns(dialect)) FROM gcc_fleet_job AS j WHERE j.state = 'Running' AND j.action IN (\(known))
        AND (j."nextTurnAt" IS NULL OR j."nextTurnAt" <= \(dialect.time("$1")))
      ORDER BY j.turn, j."createdAt", j.id LIMIT 1
      """ + dialect.forUpdate(of: "j", skipsLocked: true), [now.column]
    ).first
    guard let job = row.flatMap(FleetJob.init) else {
      try Self.dropPrepared(at: now, connection)
      return false
    }
    do {
      try carryOutSet(of: job, at: now, connection)
    } catch let error as DatabaseError where error.concernsEverybody {
      throw error
    } catch {
      throw FailedTurn(job: job.id, cause: error)
    }
    return true
  }

  private func carryOutSet(of job: FleetJob, at now: Timestamp, _ connection: any SQLConnection) throws {
    let dialect = connection.dialect
    let starter = AuditActor(name: job.createdBy)
    let action = try job.action()
    if case .retry(let release) = action {
      do {
        try Self.requireRetryable(release, connection)
      } catch let error as StatusError {
        return try finish(job, .cancelled, reason: error.message, by: starter, at: now, connection)
      }
    }
    let names = try connection.query(
      "SELECT m.organization FROM gcc_fleet_job_member AS m WHERE m.job = $1 ORDER BY m.organization LIMIT \(Self.setCount)",
      [.text(job.id)]
    ).compactMap { $0[0].text }
    guard !names.isEmpty else { return try finish(job, .completed, by: starter, at: now, connection) }
    let outcome = try Self.carryOut(action, on: names, at: now, connection)
    let set = RowSet("name", of: names)
    try connection.execute(
      """
      DELETE FROM gcc_fleet_job_member WHERE job = $2
        AND organization IN (SELECT r.name FROM \(set.source(dialect)))
      """, [set.parameter, .text(job.id)])
    try connection.execute(
      """
      UPDATE gcc_fleet_job SET done = done + $2, changed = changed + $3, refused = refused + $4, failures = 0,
        "nextTurnAt" = NULL, turn = \(Self.lastTurn)
      WHERE id = $1
      """,
      [
        .text(job.id), .integer(Int64(names.count)), .integer(Int64(outcome.changed)),
        .integer(Int64(outcome.refused)),
      ])
  }

  /// Later again, and not for ever.
  private func keep(_ failure: FailedTurn, at now: Timestamp, _ connection: any SQLConnection) throws {
    let job = try Self.find(failure.job, isLocked: true, connection)
    guard job.state == .running else { return }
    let failures = job.failures + 1
    guard failures < Self.maximumFailures else {
      let cause = (failure.cause as? StatusError)?.message ?? "\(failure.cause)"
      return try finish(
        job, .failed, reason: String(cause.prefix(500)), by: AuditActor(name: job.createdBy), at: now, connection)
    }
    let next = now + Self.failureBackoff.delay(failures: Int(failures), random: 0)
    try connection.execute(
      """
      UPDATE gcc_fleet_job SET failures = $2, "nextTurnAt" = \(connection.dialect.time("$3")), turn = \(Self.lastTurn)
      WHERE id = $1
      """, [.text(job.id), .integer(failures), next.column])
  }
}

extension DatabaseError {
  /// Not the fault of one job.
  fileprivate var concernsEverybody: Bool {
    switch code {
    case .cannotConnect, .connectionLost, .serializationFailure, .diskFull: true
    case .uniqueViolation, .constraintViolation, .timedOut, .invalidURL, .migrationMismatch, .other: false
    }
  }
}
