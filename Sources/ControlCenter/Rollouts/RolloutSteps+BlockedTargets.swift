import Database
import FleetKinds
import FleetPlanning
import WireFormats

extension RolloutSteps {
  /// Looks again at targets that were passed over: a licence may have been renewed, or a version in between reached. Those for
  /// which nothing speaks against the offer any more wait to be offered the release by their rollout.
  /// - Parameter after: the id with which the set before ended; empty for the first.
  /// - Returns: the id with which the next set begins; nil where this was the last.
  func recheckBlocked(after last: String) async throws -> String? {
    let now = now()
    return try await database.transaction(.write) { connection in
      let rows = try connection.query(
        """
        SELECT t.id, t."releaseVersion", t."rolloutName" FROM gcc_deployment_target AS t
        JOIN gcc_release AS g ON g.id = t."releaseId" AND g.status = 'published'
          AND g.withdrawn = \(connection.dialect.boolean(false))
        WHERE t.bucket = 'blocked' AND t.id > $1 ORDER BY t.id LIMIT 1000
        """, [.text(last)])
      let byVersion = Dictionary(grouping: rows) { $0[1].text ?? "" }
      for (version, rows) in byVersion.sorted(by: { $0.key < $1.key }) {
        guard let release = try Self.release(version, connection) else { continue }
        let waiting = try self.offers.unblock(
          rows.compactMap { $0[0].text }, of: release.facts, at: now, in: connection)
        // Those of no rollout have nobody who would offer to them.
        let alone = Set(rows.filter { $0[2].text == nil }.compactMap { $0[0].text }).intersection(waiting)
        try self.offers.offer(.targets(alone.sorted()), of: release.facts, at: now, in: connection)
      }
      return rows.count == 1000 ? rows.last?[0].text : nil
    }
  }
}
