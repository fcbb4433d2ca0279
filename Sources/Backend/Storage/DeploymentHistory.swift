import Database
import OfferPlanning
import WireFormats

/// How one deployment or rollback ended: a row of `deployment_history` (spec §13).
struct DeploymentHistory: Sendable, Hashable {
  /// The task's, where a task led to it.
  var id: String
  /// Empty where nothing was offered, such as of a record that somebody applied.
  var releaseID: String
  var releaseName: String
  var version: String
  var deployedAt: Timestamp
  /// The column's word: `success`, `failed` or `rolledBack`.
  var status: String
  /// Helm's revision; with Compose the count of releases.
  var revision: Int64?
  var isRollback = false
  /// Whether this is what runs.
  var isCurrent = false
  /// The offer (spec §5.2).
  var releaseData: JSONValue?
  var taskID: String?
  var startedAt: Timestamp?
  var errorMessage: String?
  var failureReason: String?
  var requestedBy: String?
  var chartBucketPath: String?
  var artifactSha256: String?
  /// Of the `.env` that a rollback to it needs.
  var envBucketPath: String?

  static let success = LocalDeploymentStatus.success.rawValue

  static func columns(_ dialect: SQLDialect) -> String {
    func time(_ name: String) -> String { dialect.text(ofTime: "h.\"\(name)\"") }
    return [
      "h.id", "h.\"gccReleaseId\"", "h.\"releaseName\"", "h.version", time("deployedAt"), "h.status",
      "h.\"helmRevision\"", "h.\"isRollback\"", "h.\"isCurrent\"", "CAST(h.\"releaseData\" AS text)", "h.\"taskId\"",
      time("startedAt"), "h.\"errorMessage\"", "h.\"failureReason\"", "h.\"requestedBy\"", "h.\"chartBucketPath\"",
      "h.\"artifactSha256\"", "h.\"envBucketPath\"",
    ].joined(separator: ", ")
  }

  init(
    id: String, releaseID: String, releaseName: String, version: String, deployedAt: Timestamp, status: String
  ) {
    self.id = id
    self.releaseID = releaseID
    self.releaseName = releaseName
    self.version = version
    self.deployedAt = deployedAt
    self.status = status
  }

  /// - Parameter row: of a query that begins with `columns`.
  init(_ row: SQLRow) {
    id = row[0].text ?? ""
    releaseID = row[1].text ?? ""
    releaseName = row[2].text ?? ""
    version = row[3].text ?? ""
    deployedAt = row[4].time ?? Timestamp(seconds: 0)
    status = row[5].text ?? ""
    revision = row[6].integer
    isRollback = row[7].boolean ?? false
    isCurrent = row[8].boolean ?? false
    releaseData = row[9].text.flatMap { try? JSONValue(parsing: Array($0.utf8)) }
    taskID = row[10].text
    startedAt = row[11].time
    errorMessage = row[12].text
    failureReason = row[13].text
    requestedBy = row[14].text
    chartBucketPath = row[15].text
    artifactSha256 = row[16].text
    envBucketPath = row[17].text
  }

  /// Keeps the row; that of a task takes the place of what was kept of it before. What is current takes that from all others.
  func save(_ connection: any SQLConnection) throws {
    let dialect = connection.dialect
    let json = dialect.json("$9")
    if isCurrent {
      try connection.execute(
        """
        UPDATE deployment_history SET "isCurrent" = \(dialect.boolean(false)) WHERE "isCurrent" AND id <> $1
        """, [.text(id)])
    }
    let mutable = [
      "\"gccReleaseId\"", "\"releaseName\"", "version", "\"deployedAt\"", "status", "\"helmRevision\"",
      "\"releaseData\"", "\"taskId\"", "\"startedAt\"", "\"errorMessage\"", "\"failureReason\"", "\"requestedBy\"",
      "\"chartBucketPath\"", "\"artifactSha256\"", "\"envBucketPath\"", "\"isRollback\"", "\"isCurrent\"",
    ]
    try connection.execute(
      """
      INSERT INTO deployment_history (id, "gccReleaseId", "releaseName", version, "deployedAt", status, "helmRevision",
        "taskId", "releaseData", "startedAt", "errorMessage", "failureReason", "requestedBy", "chartBucketPath",
        "artifactSha256", "envBucketPath", "isRollback", "isCurrent")
      VALUES ($1, $2, $3, $4, \(dialect.time("$5")), $6, $7, $8, \(json), \(dialect.time("$10")), $11, $12, $13, $14, $15,
        $16, \(dialect.boolean(isRollback)), \(dialect.boolean(isCurrent)))
      ON CONFLICT (id) DO UPDATE SET \(mutable.map { "\($0) = excluded.\($0)" }.joined(separator: ", "))
      """,
      [
        .text(id), .text(releaseID), .text(releaseName), .text(version), deployedAt.column, .text(status),
        SQLValue(revision), SQLValue(taskID), SQLValue(releaseData?.text), SQLValue(startedAt?.columnText),
        SQLValue(errorMessage), SQLValue(failureReason), SQLValue(requestedBy), SQLValue(chartBucketPath),
        SQLValue(artifactSha256), SQLValue(envBucketPath),
      ])
  }

  /// Of those that tasks led to, and of others.
  private static let maximumCount = (ofTasks: 1_000, ofOthers: 100)

  /// Removes what is older than anybody looks, of either kind for itself.
  static func removeOld(_ connection: any SQLConnection) throws {
    for (condition, count) in [
      ("\"taskId\" IS NOT NULL", maximumCount.ofTasks), ("\"taskId\" IS NULL", maximumCount.ofOthers),
    ] {
      try connection.execute(
        """
        DELETE FROM deployment_history WHERE NOT "isCurrent" AND id IN (
          SELECT h.id FROM deployment_history AS h WHERE h.\(condition)
          ORDER BY h."deployedAt" DESC, h.id DESC LIMIT 500 OFFSET \(count))
        """)
    }
  }

  /// The last time that a version ran in full health here. What a task led to counts before what a status alone says.
  static func lastSuccess(version: String, in connection: any SQLConnection) throws -> DeploymentHistory? {
    try first("h.version = $1", .text(version), connection)
  }

  /// The release that became a revision.
  static func lastSuccess(revision: Int64, in connection: any SQLConnection) throws -> DeploymentHistory? {
    try first("h.\"helmRevision\" = $1", .integer(revision), connection)
  }

  private static func first(
    _ condition: String, _ parameter: SQLValue, _ connection: any SQLConnection
  ) throws -> DeploymentHistory? {
    try connection.query(
      """
      SELECT \(columns(connection.dialect)) FROM deployment_history AS h WHERE \(condition) AND h.status = '\(success)'
      ORDER BY CASE WHEN h."taskId" IS NULL THEN 1 ELSE 0 END, h."deployedAt" DESC LIMIT 1
      """, [parameter]
    ).first.map(DeploymentHistory.init)
  }

  /// Whether it is known that a version began to run at a time.
  static func isKnown(version: String, since: Timestamp, in connection: any SQLConnection) throws -> Bool {
    try !connection.query(
      """
      SELECT 1 FROM deployment_history WHERE version = $1 AND "deployedAt" = \(connection.dialect.time("$2"))
        AND status = '\(success)'
      """, [.text(version), since.column]
    ).isEmpty
  }
}
