import Database
import OfferPlanning
import WireFormats

/// A deployment that is watched after its success: a row of `health_watch`.
struct WatchedDeployment: Sendable, Hashable {
  enum State: String, Sendable, CaseIterable {
    case watching
    case passed
    /// Nobody said to the end how it is, such as where the Agent is away, or polls for tasks and watches nothing.
    case unknown
    /// Something else was deployed meanwhile, or nothing is watched any more.
    case superseded
    /// It has gone bad, and the version before it is wanted until it runs.
    case returning
    /// It has gone bad, and something else runs.
    case rolledBack
    /// It has gone bad, and there is nothing to return to, or the return was given up.
    case unhealthy
  }

  /// Of the history's entry.
  var id: String
  var version: String
  var deploymentID: String?
  var state: State
  var watch: HealthWatch
  /// What was bad, and what became of it.
  var message: String?
  /// The version that is wanted instead.
  var returnsTo: String?
  /// That was made last for the return.
  var taskID: String?
  var returnAttempts: Int64
  /// Why the return cannot be made now.
  var refusal: String?
  /// When it was known to be good or bad, or was not looked at any more.
  var endedAt: Timestamp?
  /// When admins were told that it has gone bad.
  var toldAt: Timestamp?

  private static func columns(_ dialect: SQLDialect) -> String {
    func time(_ name: String) -> String { dialect.text(ofTime: "w.\"\(name)\"") }
    return [
      "w.\"historyId\"", "w.version", "w.\"deploymentId\"", "w.state", time("startedAt"), time("badSince"),
      "w.\"badLooks\"", time("lastLookAt"), "w.message", "w.\"returnsTo\"", time("endedAt"), time("toldAt"),
      "w.\"taskId\"", "w.\"returnAttempts\"", "w.refusal", time("lastHealthyAt"),
    ].joined(separator: ", ")
  }

  private init(_ row: SQLRow) {
    id = row[0].text ?? ""
    version = row[1].text ?? ""
    deploymentID = row[2].text
    state = row[3].text.flatMap(State.init) ?? .superseded
    watch = HealthWatch(
      startedAt: row[4].time ?? Timestamp(seconds: 0), badSince: row[5].time, badLooks: row[6].integer ?? 0,
      lastLookAt: row[7].time, lastHealthyAt: row[15].time)
    message = row[8].text
    returnsTo = row[9].text
    endedAt = row[10].time
    toldAt = row[11].time
    taskID = row[12].text
    returnAttempts = row[13].integer ?? 0
    refusal = row[14].text
  }

  /// The one that is watched, or returned from; there is at most one, since at most one thing runs.
  static func watched(_ connection: any SQLConnection) throws -> WatchedDeployment? {
    try first("w.state IN (\(open))", connection)
  }

  private static let open = "'watching', 'returning'"

  /// One that has gone bad, and admins were not told.
  static func untold(_ connection: any SQLConnection) throws -> WatchedDeployment? {
    try first("w.state IN ('returning', 'rolledBack', 'unhealthy') AND w.\"toldAt\" IS NULL", connection)
  }

  /// The last one that began.
  static func latest(_ connection: any SQLConnection) throws -> WatchedDeployment? { try first("true", connection) }

  private static func first(_ condition: String, _ connection: any SQLConnection) throws -> WatchedDeployment? {
    try connection.query(
      """
      SELECT \(columns(connection.dialect)) FROM health_watch AS w WHERE \(condition)
      ORDER BY w."startedAt" DESC, w."historyId" LIMIT 1
      """
    ).first.map(WatchedDeployment.init)
  }

  /// Begins to watch what was deployed last, unless it was watched before or its time has passed.
  ///
  /// Only what a task has deployed: that is a deployment by this program's clock, and one that it can take back.
  static func begin(length: Duration, at now: Timestamp, _ connection: any SQLConnection) throws {
    let dialect = connection.dialect
    try connection.execute(
      """
      INSERT INTO health_watch ("historyId", version, "deploymentId", state, "startedAt")
      SELECT h.id, h.version, t."deploymentId", 'watching', t."completedAt"
      FROM deployment_history AS h JOIN agent_task AS t ON t.id = h."taskId"
      WHERE h."isCurrent" AND h.status = 'success' AND NOT h."isRollback" AND t."completedAt" > \(dialect.time("$1"))
      ON CONFLICT ("historyId") DO NOTHING
      """, [(now + (.zero - length)).column])
  }

  /// What else was watched is not any more.
  static func endOthers(than id: String?, at now: Timestamp, _ connection: any SQLConnection) throws {
    try connection.execute(
      """
      UPDATE health_watch SET state = 'superseded', "endedAt" = \(connection.dialect.time("$1"))
      WHERE state IN (\(open)) AND "historyId" <> $2
      """, [now.column, .text(id ?? "")])
  }

  func save(_ connection: any SQLConnection) throws {
    let dialect = connection.dialect
    try connection.execute(
      """
      UPDATE health_watch SET state = $2, "badSince" = \(dialect.time("$3")), "badLooks" = $4,
        "lastLookAt" = \(dialect.time("$5")), message = $6, "returnsTo" = $7, "endedAt" = \(dialect.time("$8")),
        "toldAt" = \(dialect.time("$9")), "taskId" = $10, "returnAttempts" = $11, refusal = $12,
        "lastHealthyAt" = \(dialect.time("$13"))
      WHERE "historyId" = $1
      """,
      [
        .text(id), .text(state.rawValue), SQLValue(watch.badSince?.columnText), .integer(watch.badLooks),
        SQLValue(watch.lastLookAt?.columnText), SQLValue(message), SQLValue(returnsTo),
        SQLValue(endedAt?.columnText), SQLValue(toldAt?.columnText),
        SQLValue(taskID), .integer(returnAttempts), SQLValue(refusal), SQLValue(watch.lastHealthyAt?.columnText),
      ])
  }

  /// The version that ran before, by the history; nil where no task ever led to another one. What a status alone says was never
  /// decided by anybody here.
  func versionBefore(_ connection: any SQLConnection) throws -> String? {
    try connection.query(
      """
      SELECT h.version FROM deployment_history AS h, deployment_history AS own
      WHERE own.id = $1 AND h.status = 'success' AND h.version <> own.version AND h.version <> ''
        AND h."deployedAt" <= own."deployedAt" AND h."taskId" IS NOT NULL
      ORDER BY h."deployedAt" DESC, h.id LIMIT 1
      """, [.text(id)]
    ).first?[0].text
  }
}
