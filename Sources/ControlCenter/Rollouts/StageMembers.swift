import Database
import FleetKinds
import FleetPlanning
import WireFormats

/// Who takes part in a rollout: the rows of `gcc_deployment_target` are made here, each bound to release, rollout and stage.
///
/// They are made in sets of some thousands, each in a transaction of its own, so that a hundred thousand of them hold nobody up.
/// A process that is killed half-way leaves members that wait; whoever goes on makes the rest. A stage that has not started
/// offers nothing.
struct StageMembers: Sendable {
  static let setCount = 2_000
  private static let pageCount = 10_000

  /// A stage of a rollout, and the release it is for.
  struct Place: Sendable, Hashable {
    var rollout: String
    var stage: String
    var index: Int
    var releaseID: String
    var version: String
  }

  /// An organization that a stage may take.
  struct Candidate: Sendable, Hashable {
    var name: String
    var labels: [String: String]
    /// The stage of this rollout that it is in; nil for none.
    var stage: Int?
    /// It has a target of the release that is another rollout's, and not over.
    var isTakenElsewhere: Bool
  }

  let database: any Database

  /// All organizations, by name.
  /// - Parameter withLabels: false where nobody looks at them.
  func candidates(_ place: Place, withLabels: Bool) async throws -> [Candidate] {
    var candidates: [Candidate] = []
    var last = ""
    while true {
      let rows = try await database.transaction(.read) { [last] connection in
        let bytewise = connection.dialect == .postgresql ? " COLLATE \"C\"" : ""
        return try connection.query(
          """
          SELECT o.name, \(withLabels ? "CAST(o.labels AS text)" : "'{}'"), t."rolloutName", t."stageIndex", t.bucket
          FROM organizational_service AS o
          LEFT JOIN gcc_deployment_target AS t ON t."releaseId" = $2 AND t."organizationName" = o.name
          WHERE o.name\(bytewise) > $1 ORDER BY o.name\(bytewise) LIMIT \(Self.pageCount)
          """, [.text(last), .text(place.releaseID)])
      }
      for row in rows {
        let isOurs = row[2].text == place.rollout
        candidates.append(
          Candidate(
            name: row[0].text ?? "", labels: Self.labels(row[1].text),
            stage: isOurs ? row[3].integer.map { Int($0) } : nil,
            isTakenElsewhere: !isOurs && row[4].text.map { $0 != TargetBucket.cancelled.rawValue } ?? false))
      }
      guard rows.count == Self.pageCount, let next = rows.last?[0].text else { return candidates }
      last = next
    }
  }

  static func labels(_ text: String?) -> [String: String] {
    guard let text, text != "{}", let json = try? JSONValue(parsing: Array(text.utf8)) else { return [:] }
    return (json.object ?? [:]).compactMapValues(\.string)
  }

  /// Makes the targets of these organizations, as far as they are not there. What another rollout of the release cancelled is taken over.
  func add(_ names: [String], to place: Place, while current: RolloutGuard) async throws {
    for start in stride(from: 0, to: names.count, by: Self.setCount) {
      let set = RowSet("name", of: names[start..<min(start + Self.setCount, names.count)].sorted())
      try await database.transaction(.write) { connection in
        try current.require(connection)
        _ = try connection.execute(
          Self.insert(
            from: "\(set.source(connection.dialect, "$6")) JOIN organizational_service AS o ON o.name = r.name",
            place, connection.dialect), Self.parameters(place) + [set.parameter])
      }
    }
  }

  /// Removes targets of a stage that has not begun.
  func remove(_ names: [String], from place: Place, while current: RolloutGuard) async throws {
    for start in stride(from: 0, to: names.count, by: Self.setCount) {
      let set = RowSet("name", of: names[start..<min(start + Self.setCount, names.count)].sorted())
      try await database.transaction(.write) { connection in
        try current.require(connection)
        _ = try connection.execute(
          """
          DELETE FROM gcc_deployment_target
          WHERE "releaseId" = $1 AND "rolloutName" = $2 AND "stageIndex" = $3 AND bucket = 'waiting'
            AND "organizationName" IN (SELECT r.name FROM \(set.source(connection.dialect, "$4")))
          """, [.text(place.releaseID), .text(place.rollout), .integer(Int64(place.index)), set.parameter])
      }
    }
  }

  /// Makes the targets of all who have none, in one set.
  /// - Parameter after: the name with which the set before ended; empty for the first.
  /// - Returns: the name with which the next set begins; nil where there is none left.
  func addEveryoneLeft(to place: Place, after: String, while current: RolloutGuard) async throws -> String? {
    try await database.transaction(.write) { connection in
      try current.require(connection)
      let dialect = connection.dialect
      let bytewise = dialect == .postgresql ? " COLLATE \"C\"" : ""
      let names = try connection.query(
        """
        SELECT o.name FROM organizational_service AS o WHERE o.name\(bytewise) > $1 AND NOT EXISTS
          (SELECT 1 FROM gcc_deployment_target AS t WHERE t."releaseId" = $2 AND t."organizationName" = o.name
            AND (t.bucket <> 'cancelled' OR t."rolloutName" = $3))
        ORDER BY o.name\(bytewise) LIMIT \(Self.setCount)
        """, [.text(after), .text(place.releaseID), .text(place.rollout)]
      ).compactMap { $0[0].text }
      guard let last = names.last else { return nil }
      let rows = RowSet("name", of: names)
      try connection.execute(
        Self.insert(
          from: "\(rows.source(dialect, "$6")) JOIN organizational_service AS o ON o.name = r.name", place, dialect),
        Self.parameters(place) + [rows.parameter])
      return last
    }
  }

  private static func parameters(_ place: Place) -> [SQLValue] {
    [
      .text(place.releaseID), .text(place.version), .text(place.rollout), .text(place.stage),
      .integer(Int64(place.index)),
    ]
  }

  private static func insert(from source: String, _ place: Place, _ dialect: SQLDialect) -> String {
    """
    INSERT INTO gcc_deployment_target
      ("releaseId", "organizationName", "objectName", "releaseVersion", "rolloutName", "stageName", "stageIndex", offline)
    SELECT $1, o.name, o.name || '.' || $2, $2, $3, $4, CAST($5 AS integer),
      coalesce(o.health IN ('Offline', 'Critical'), \(dialect.boolean(false)))
    FROM \(source) WHERE true ORDER BY o.name
    ON CONFLICT ("releaseId", "organizationName") DO UPDATE SET "rolloutName" = excluded."rolloutName",
      "stageName" = excluded."stageName", "stageIndex" = excluded."stageIndex", offline = excluded.offline,
      \(reset(dialect))
    WHERE gcc_deployment_target.bucket = 'cancelled'
      AND gcc_deployment_target."rolloutName" IS DISTINCT FROM excluded."rolloutName"
    """
  }

  /// What makes a target one that was never offered.
  static func reset(_ dialect: SQLDialect) -> String {
    """
    status = \(dialect.word("'pending'", "DeploymentStatus")), "offeredAt" = NULL, blocked = NULL, "blockedOn" = NULL,
    silent = \(dialect.boolean(false)), "webhookSent" = \(dialect.boolean(false)),
    "webhookAcked" = \(dialect.boolean(false)), "webhookRetries" = 0, "webhookError" = NULL, "scheduledFor" = NULL,
    "attemptId" = CASE WHEN gcc_deployment_target."attemptId" LIKE '\(TargetFacts.endedPrefix)%'
      THEN gcc_deployment_target."attemptId" ELSE '\(TargetFacts.endedPrefix)' || gcc_deployment_target."attemptId" END,
    "startedAt" = NULL, "completedAt" = NULL, "errorMessage" = NULL, "failureReason" = NULL, component = NULL,
    resource_version = 0
    """
  }
}
