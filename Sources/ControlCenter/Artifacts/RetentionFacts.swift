import Database
import WireFormats

/// What the retention decides upon, read in a few statements over sets.
struct RetentionFacts: Sendable {
  /// Versions that others of the program need, such as those of rollouts that have not ended.
  typealias FurtherNeeds = @Sendable (any SQLConnection) throws -> Set<String>

  let furtherNeeds: FurtherNeeds

  func candidates(_ connection: any SQLConnection) throws -> [RetentionPlan.Candidate] {
    let dialect = connection.dialect
    let columns = [
      "a.id", "a.version", "a.type", "a.\"bucketPath\"", "a.sha256", "a.\"sizeBytes\"",
      "\(dialect.text(ofTime: "a.\"createdAt\"")) AS \"createdAt\"", "CAST(r.status AS text) AS status", "r.withdrawn",
      "\(dialect.text(ofTime: "r.\"createdAt\"")) AS \"releaseCreatedAt\"",
    ]
    return try connection.query(
      "SELECT \(columns.joined(separator: ", ")) FROM gcc_artifact a LEFT JOIN gcc_release r ON r.version = a.version"
    ).compactMap { row in
      guard let record = ArtifactRecord(row) else { return nil }
      let release = row["status"].text.map { status in
        RetentionPlan.Candidate.Release(
          isDraft: status == ReleaseRecord.Status.draft.rawValue && row["withdrawn"].boolean != true,
          createdAt: row["releaseCreatedAt"].time ?? Timestamp(seconds: 0))
      }
      return RetentionPlan.Candidate(record: record, release: release)
    }
  }

  /// The versions that somebody may still ask for:
  /// - of a target that has not ended;
  /// - that a customer runs;
  /// - to which a customer may return: of its successful ones the latest three, so that one is left after a return.
  func needed(_ connection: any SQLConnection) throws -> Set<String> {
    let rows = try connection.query(
      """
      SELECT r.version FROM gcc_deployment_target t JOIN gcc_release r ON r.id = t."releaseId"
      WHERE t.status NOT IN ('success', 'failed', 'rolledBack', 'deadlineExceeded', 'cancelled')
      UNION
      SELECT "currentVersion" FROM organizational_service WHERE "currentVersion" IS NOT NULL
      UNION
      SELECT version FROM (
        SELECT "releaseVersion" AS version,
          row_number() OVER (PARTITION BY "organizationName" ORDER BY max("deployedAt") DESC, "releaseVersion") AS place
        FROM gcc_version_history WHERE lower(status) = 'success' GROUP BY "organizationName", "releaseVersion"
      ) AS latest WHERE place <= 3
      """)
    // Customers say their versions, with or without a "v".
    return Set(rows.compactMap { $0[0].text }.map { (try? ArtifactVersion($0))?.text ?? $0 })
      .union(try furtherNeeds(connection))
  }
}
