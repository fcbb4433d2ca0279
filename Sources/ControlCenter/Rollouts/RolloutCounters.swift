import Database
import FleetKinds

/// The table `gcc_rollout_counter`, which the triggers of the targets keep.
enum RolloutCounters {
  /// How the table names what a rollout does for a release.
  static func key(_ rollout: String, releaseID: String) -> String { "\(rollout)/\(releaseID)" }

  /// By the index of the stage.
  static func counts(
    of rollout: String, releaseID: String, _ connection: any SQLConnection
  ) throws -> [Int: StageCounts] {
    let key = key(rollout, releaseID: releaseID)
    return read(
      try connection.query(
        "SELECT rollout, stage, bucket, count FROM gcc_rollout_counter WHERE rollout = $1", [.text(key)]))[key] ?? [:]
  }

  /// The ids of the releases for which there are targets of a rollout of this name.
  static func releases(of rollout: String, _ connection: any SQLConnection) throws -> [String] {
    let prefix = key(rollout, releaseID: "")
    return try connection.query(
      """
      SELECT DISTINCT rollout FROM gcc_rollout_counter WHERE count <> 0 AND substr(rollout, 1, length($1)) = $1 ORDER BY 1
      """, [.text(prefix)]
    ).compactMap { $0[0].text.map { String($0.dropFirst(prefix.count)) } }
  }

  /// Of several rollouts, by their keys.
  static func counts(_ keys: [String], _ connection: any SQLConnection) throws -> [String: [Int: StageCounts]] {
    let set = RowSet("key", of: keys)
    return read(
      try connection.query(
        """
        SELECT rollout, stage, bucket, count FROM gcc_rollout_counter
        WHERE count <> 0 AND rollout IN (SELECT r.key FROM \(set.source(connection.dialect)))
        """, [set.parameter]))
  }

  private static func read(_ rows: [SQLRow]) -> [String: [Int: StageCounts]] {
    var counts: [String: [Int: StageCounts]] = [:]
    for row in rows {
      guard let rollout = row[0].text, let stage = row[1].integer,
        let bucket = row[2].text.flatMap(TargetBucket.init(rawValue:))
      else { continue }
      counts[rollout, default: [:]][Int(stage), default: StageCounts()][bucket] += Int(row[3].integer ?? 0)
    }
    return counts
  }
}
