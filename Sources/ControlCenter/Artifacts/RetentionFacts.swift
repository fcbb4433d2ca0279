import Database
import FleetKinds
import FleetPlanning
import WireFormats

/// What the retention decides upon, read in a few statements over sets.
struct RetentionFacts: Sendable {
  /// Versions that others of the program need, such as those of rollouts that have not ended.
  typealias FurtherNeeds = @Sendable (any SQLConnection) throws -> Set<String>

  let furtherNeeds: FurtherNeeds

  /// - Parameter key: nil for all artifacts there are.
  func candidates(of key: ArtifactKey? = nil, _ connection: any SQLConnection) throws -> [RetentionPlan.Candidate] {
    let dialect = connection.dialect
    let columns = [
      "a.id", "a.version", "a.type", "a.\"bucketPath\"", "a.sha256", "a.\"sizeBytes\"",
      "\(dialect.text(ofTime: "a.\"createdAt\"")) AS \"createdAt\"", "CAST(r.status AS text) AS status", "r.withdrawn",
      "\(dialect.text(ofTime: "r.\"createdAt\"")) AS \"releaseCreatedAt\"",
    ]
    return try connection.query(
      """
      SELECT \(columns.joined(separator: ", ")) FROM gcc_artifact a LEFT JOIN gcc_release r ON r.version = a.version
      \(key == nil ? "" : "WHERE a.version = $1 AND a.type = $2")
      """, key.map { [.text($0.version.text), .text($0.type.rawValue)] } ?? []
    ).compactMap { row in
      guard let record = ArtifactRecord(row) else { return nil }
      let release = row["status"].text.map { status in
        RetentionPlan.Candidate.Release(
          isDraft: status == ReleaseState.draft.columnWord && row["withdrawn"].boolean != true,
          createdAt: row["releaseCreatedAt"].time ?? Timestamp(seconds: 0))
      }
      return RetentionPlan.Candidate(record: record, release: release)
    }
  }

  /// Of a target `t` of a release `r`. What failed can be tried again as long as it may be offered and no other success came after.
  private static func hasNotEnded(_ dialect: SQLDialect) -> String {
    """
    (t.status NOT IN ('success', 'failed', 'rolledBack', 'downloadFailed', 'deadlineExceeded', 'cancelled')
      OR t.status IN ('failed', 'rolledBack', 'downloadFailed', 'deadlineExceeded') AND r.status = 'published'
        AND r.withdrawn = \(dialect.boolean(false)) AND NOT EXISTS (SELECT 1 FROM gcc_deployment_target AS s
          WHERE s."organizationName" = t."organizationName" AND s.status = 'success'
            AND s."completedAt" > t."completedAt"))
    """
  }

  /// Whether somebody may still ask for the artifacts of a version, as far as an index says: a look at the whole fleet has no
  /// place in a transaction that writes.
  func isAskedFor(_ version: ReleaseVersion, _ connection: any SQLConnection) throws -> Bool {
    let targets = try connection.query(
      """
      SELECT 1 FROM gcc_release AS r JOIN gcc_deployment_target AS t ON t."releaseId" = r.id
      WHERE r.version = $1 AND \(Self.hasNotEnded(connection.dialect)) LIMIT 1
      """, [.text(version.text)])
    return try !targets.isEmpty || furtherNeeds(connection).contains(version.text)
  }

  /// The versions that somebody may still ask for:
  /// - of a target that has not ended, or has failed and may be tried again;
  /// - that a customer runs;
  /// - to which a customer may return: of its successful ones the latest three, so that one is left after a return.
  func needed(_ connection: any SQLConnection) throws -> Set<String> {
    let rows = try connection.query(
      """
      SELECT r.version FROM gcc_deployment_target t JOIN gcc_release r ON r.id = t."releaseId"
      WHERE \(Self.hasNotEnded(connection.dialect))
      UNION
      SELECT "currentVersion" FROM organizational_service WHERE "currentVersion" IS NOT NULL
      UNION
      SELECT version FROM (
        SELECT "releaseVersion" AS version,
          row_number() OVER (PARTITION BY "organizationName" 
            ORDER BY max(coalesce("recordedAt", "deployedAt")) DESC, "releaseVersion") AS place
        FROM gcc_version_history WHERE lower(status) = 'success' GROUP BY "organizationName", "releaseVersion"
      ) AS latest WHERE place <= 3
      """)
    // Customers say their versions, with or without a "v".
    return Set(rows.compactMap { $0[0].text }.map { (try? ReleaseVersion($0))?.text ?? $0 })
      .union(try furtherNeeds(connection))
  }
}
