import Database
import FleetKinds
import FleetPlanning
import ResourceModel
import WireFormats

/// What jobs do.
extension FleetJobs {
  /// What waits in a rollout that is halted is taken back at once; what waits in none is never offered.
  static func requireRetryable(_ release: String, _ connection: any SQLConnection) throws {
    guard let known = try RolloutSteps.release(release, connection) else {
      throw StatusError(.notFound, "there is no release \"\(release.prefix(80))\"")
    }
    guard known.facts.state == .published, !known.facts.isWithdrawn else {
      throw StatusError(.conflict, "release \(release) is not offered any more: nothing is to be retried")
    }
    let rollouts = try connection.query(
      """
      SELECT o.name, \(RolloutFields.phase("o", connection.dialect)) FROM gcc_rollout AS o
      WHERE \(RolloutFields.release("o", connection.dialect)) = $1 ORDER BY o.name
      """, [.text(release)])
    guard let first = rollouts.first?[0].text else {
      throw StatusError(.conflict, "release \(release) has no rollout (any more): start one, which offers it anew")
    }
    guard rollouts.contains(where: { $0[1].text != RolloutStatus.Phase.halted.rawValue }) else {
      throw StatusError(
        .conflict, "the rollout \(first) of release \(release) is halted: retry the rollout, which takes it up again")
    }
  }

  /// - Returns: how many are another now, and how many customers could not be.
  static func carryOut(
    _ action: FleetJob.Action, on names: [String], at now: Timestamp, _ connection: any SQLConnection
  ) throws -> (changed: Int, refused: Int) {
    let (dialect, set) = (connection.dialect, RowSet("name", of: names))
    let among = "IN (SELECT r.name FROM \(set.source(dialect)))"
    switch action {
    case .label(let labels):
      let rows = try connection.query(
        "SELECT o.name, CAST(o.labels AS text) FROM organizational_service AS o WHERE o.name \(among) ORDER BY o.name"
          + dialect.forUpdate(of: "o"), [set.parameter])
      var changed = RowSet([("name", .text), ("labels", .text)])
      var refused = 0
      for row in rows {
        let before = row[1].text.flatMap { try? JSONValue(parsing: Array($0.utf8)) }?.object ?? [:]
        var after = before
        for (key, value) in labels { after[key] = value.map { .string($0) } }
        if after.count > max(before.count, OrganizationKind.maximumLabelCount) {
          refused += 1
        } else if after != before {
          changed.append([row[0], .text(JSONValue.object(after).text)])
        }
      }
      guard changed.count > 0 else { return (0, refused) }
      let count = try connection.execute(
        """
        UPDATE organizational_service SET labels = \(dialect == .postgresql ? "CAST(r.labels AS jsonb)" : "r.labels"),
          "updatedAt" = \(dialect.time("$2")), resource_version = 0
        FROM \(changed.source(dialect)) WHERE organizational_service.name = r.name
        """, [changed.parameter, now.column])
      return (count, refused)
    case .resolveEscalations(let resolution, let type):
      let ofType = type.map { " AND CAST(type AS text) = '\($0.rawValue)'" } ?? ""
      let count = try connection.execute(
        """
        UPDATE gcc_escalation SET "resolvedAt" = \(dialect.time("$2")), resolution = $3, resource_version = 0
        WHERE "resolvedAt" IS NULL AND "organizationName" \(among)\(ofType)
        """, [set.parameter, now.column, .text(resolution)])
      return (count, 0)
    case .retry(let release):
      // Nobody withdraws it until this set is done.
      guard let known = try RolloutSteps.release(release, isLocked: true, connection), known.facts.state == .published,
        !known.facts.isWithdrawn
      else { return (0, 0) }
      let rows = try connection.query(
        """
        SELECT \(TargetRows.columns(dialect)) FROM gcc_deployment_target AS t
        WHERE t."releaseId" = (SELECT g.id FROM gcc_release AS g WHERE g.version = $2) AND t.bucket = 'failed'
          AND t."organizationName" \(among)
          AND t."rolloutName" IN (
            SELECT o.name FROM gcc_rollout AS o WHERE \(RolloutFields.release("o", dialect)) = $2
              AND coalesce(\(RolloutFields.phase("o", dialect)), '') <> '\(RolloutStatus.Phase.halted.rawValue)')
        ORDER BY t.id
        """ + dialect.forUpdate(of: "t"), [set.parameter, .text(release)]
      ).map { row in
        var target = TargetRows.row(row)
        target.facts = target.facts.retried()
        return target
      }
      try TargetRows.write(rows, sentWebhooks: [], at: now, connection)
      return (rows.count, 0)
    }
  }
}
