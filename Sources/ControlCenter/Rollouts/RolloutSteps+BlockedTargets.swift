import Database
import FleetKinds
import FleetPlanning
import WireFormats

extension RolloutSteps {
  private static let recheckCount = 1_000

  /// Looks again at targets that were passed over where something has changed since: a licence may have been renewed, or another
  /// version run. Those for which nothing speaks against the offer any more wait to be offered the release by their rollout.
  /// - Parameter after: the id with which the set before ended; empty for the first.
  /// - Returns: the id with which the next set begins; nil where this was the last.
  func recheckBlocked(after last: String) async throws -> String? {
    let now = now()
    let rows = try await database.transaction(.read) { connection in
      try connection.query(
        """
        SELECT t.id, t."releaseVersion", t."rolloutName" FROM gcc_deployment_target AS t
        JOIN gcc_release AS g ON g.id = t."releaseId" AND g.status = 'published'
          AND g.withdrawn = \(connection.dialect.boolean(false))
        JOIN organizational_service AS o ON o.name = t."organizationName"
        WHERE t.bucket = 'blocked' AND t.id > $1
          AND t."blockedOn" IS DISTINCT FROM \(OfferLedger.decidedOn(connection.dialect))
        ORDER BY t.id LIMIT \(Self.recheckCount)
        """, [.text(last)])
    }
    guard let end = rows.last?[0].text else { return nil }
    let byVersion = Dictionary(grouping: rows) { $0[1].text ?? "" }.sorted { $0.key < $1.key }
    try await database.transaction(.write) { connection in
      let releases = try byVersion.map { try Self.release($0.key, isLocked: true, connection) }
      for ((_, rows), release) in zip(byVersion, releases) {
        guard let release, release.facts.state == .published, !release.facts.isWithdrawn else { continue }
        let waiting = try self.offers.unblock(
          rows.compactMap { $0[0].text }, of: release.facts, at: now, in: connection)
        // Those of no rollout have nobody who would offer to them.
        let alone = Set(rows.filter { $0[2].text == nil }.compactMap { $0[0].text }).intersection(waiting)
        try self.offers.offer(.targets(alone.sorted()), of: release.facts, at: now, in: connection)
      }
    }
    return rows.count == Self.recheckCount ? end : nil
  }
}
