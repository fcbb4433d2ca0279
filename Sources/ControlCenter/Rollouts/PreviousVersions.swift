import Database
import FleetKinds
import FleetPlanning
import WireFormats

/// Offers the version before to those that a halted rollout has brought to its release.
struct PreviousVersions: Sendable {
  private static let setCount = 1_000

  let database: any Database
  let offers: OfferLedger
  let now: @Sendable () -> Timestamp

  /// In sets. Whoever never ran another version that is still published is left as it is.
  func offer(
    toThoseThatRun version: String, by rollout: String, releaseID: String, while current: RolloutGuard
  ) async throws {
    var last = ""
    while true {
      let (next, now) = (last, now())
      let (count, end) = try await database.transaction(.write) { connection in
        try current.require(connection)
        let ids = try self.targets(after: next, version, rollout, releaseID, connection)
        for (release, organizations) in try self.versions(ids, notVersion: version, connection) {
          let made = try Self.reset(organizations, release, connection)
          try self.offers.offer(.targets(made), of: release.facts, at: now, in: connection)
        }
        return (ids.count, ids.last?.id ?? "")
      }
      guard count == Self.setCount else { return }
      last = end
    }
  }

  private struct Release: Hashable {
    var id: String
    var facts: ReleaseFacts
  }

  private func targets(
    after last: String, _ version: String, _ rollout: String, _ releaseID: String, _ connection: any SQLConnection
  ) throws -> [(id: String, organization: String)] {
    try connection.query(
      """
      SELECT t.id, t."organizationName" FROM gcc_deployment_target AS t
      JOIN organizational_service AS o ON o.name = t."organizationName"
        AND o."currentVersion" IN ($4, 'v' || $4)
      WHERE t."rolloutName" = $1 AND t."releaseId" = $3 AND t.bucket = 'succeeded' AND t.id > $2
        AND (t."failureReason" IS NULL OR t."failureReason" <> '\(TargetReason.alreadyThere)')
      ORDER BY t.id LIMIT \(Self.setCount)
      """, [.text(rollout), .text(last), .text(releaseID), .text(version)]
    ).map { (id: $0[0].text ?? "", organization: $0[1].text ?? "") }
  }

  /// What each ran last before, where it is still published; nobody withdraws it until the transaction ends. Whoever ran one that
  /// is published no more is left as it is: an older one yet is nothing that it ran last.
  private func versions(
    _ targets: [(id: String, organization: String)], notVersion version: String, _ connection: any SQLConnection
  ) throws -> [Release: [String]] {
    let dialect = connection.dialect
    let rows = RowSet("name", of: targets.map(\.organization))
    var last: [String: String] = [:]
    for row in try connection.query(
      """
      SELECT h."organizationName", CASE WHEN h."releaseVersion" LIKE 'v%' THEN substr(h."releaseVersion", 2)
        ELSE h."releaseVersion" END FROM gcc_version_history AS h
      WHERE h."organizationName" IN (SELECT r.name FROM \(rows.source(dialect)))
        AND h."releaseVersion" NOT IN ($2, 'v' || $2) AND (h.status = 'success' OR h.status = 'rolledBack' AND NOT EXISTS
          -- A return of which nobody said what ran then names what it came from.
          (SELECT 1 FROM gcc_deployment_target AS own WHERE own.id = h."targetId"
            AND own."releaseVersion" = h."releaseVersion"))
      ORDER BY h."organizationName", coalesce(h."recordedAt", h."deployedAt") DESC
      """, [rows.parameter, .text(version)])
    {
      guard let organization = row[0].text, let version = row[1].text, last[organization] == nil else { continue }
      last[organization] = version
    }
    let wanted = RowSet("version", of: Set(last.values).sorted())
    let found = try connection.query(
      """
      SELECT g.id, g.version, \(RolloutSteps.hasArtifacts) FROM gcc_release AS g
      WHERE g.version IN (SELECT r.version FROM \(wanted.source(dialect))) AND g.status = 'published'
        AND NOT g.withdrawn
      """ + (dialect == .postgresql ? " FOR SHARE OF g" : ""), [wanted.parameter])
    let organizations = Dictionary(grouping: last.keys.sorted()) { last[$0] ?? "" }
    return Dictionary(
      uniqueKeysWithValues: found.map { row in
        // It comes down from a newer version: what a way up would need does not count.
        let facts = ReleaseFacts(
          version: row[1].text ?? "", deploymentTypes: RolloutSteps.deploymentTypes(row[2], row[3]), isReturn: true)
        return (Release(id: row[0].text ?? "", facts: facts), organizations[facts.version] ?? [])
      })
  }

  /// Makes targets that wait: of no rollout, whose counts are over.
  /// - Returns: their ids.
  private static func reset(
    _ organizations: [String], _ release: Release, _ connection: any SQLConnection
  ) throws -> [String] {
    let dialect = connection.dialect
    let rows = RowSet("name", of: organizations.sorted())
    return try connection.query(
      """
      INSERT INTO gcc_deployment_target
        ("releaseId", "organizationName", "objectName", "releaseVersion", offline)
      SELECT $1, o.name, o.name || '.' || $2, $2, coalesce(o.health IN ('Offline', 'Critical'), \(dialect.boolean(false)))
      FROM \(rows.source(dialect, "$3")) JOIN organizational_service AS o ON o.name = r.name WHERE true ORDER BY o.name
      ON CONFLICT ("releaseId", "organizationName") DO UPDATE SET "rolloutName" = NULL, "stageName" = NULL,
        "stageIndex" = NULL, \(StageMembers.reset(dialect))
      WHERE gcc_deployment_target.bucket IN ('succeeded', 'failed', 'cancelled', 'blocked')
      RETURNING id
      """, [.text(release.id), .text(release.facts.version), rows.parameter]
    ).compactMap { $0[0].text }
  }
}
