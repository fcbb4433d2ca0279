import Database
import FleetKinds

/// The table `gcc_rollout_counter`, which the triggers of the targets keep.
enum RolloutCounters {
  /// By the index of the stage.
  static func counts(of rollout: String, _ connection: any SQLConnection) throws -> [Int: StageCounts] {
    let rows = try connection.query(
      "SELECT stage, bucket, count FROM gcc_rollout_counter WHERE rollout = $1", [.text(rollout)])
    var counts: [Int: StageCounts] = [:]
    for row in rows {
      guard let stage = row[0].integer, let bucket = row[1].text.flatMap(TargetBucket.init(rawValue:)) else { continue }
      counts[Int(stage), default: StageCounts()][bucket] += Int(row[2].integer ?? 0)
    }
    return counts
  }
}
