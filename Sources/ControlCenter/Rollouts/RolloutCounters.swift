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

  /// Of all rollouts, by their keys.
  static func all(_ connection: any SQLConnection) throws -> [String: [Int: StageCounts]] {
    read(try connection.query("SELECT rollout, stage, bucket, count FROM gcc_rollout_counter WHERE count <> 0"))
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
