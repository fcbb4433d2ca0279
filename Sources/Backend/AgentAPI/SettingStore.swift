import Database
import ResourceModel

/// The table `non_essential_env`: settings that a release brings and an administrator may change.
struct SettingStore: Sendable {
  let database: any Database
  let makeID: @Sendable () -> String

  /// How many settings there are at most, and bytes of their keys and values.
  static let maximumCount: Int64 = 1_000
  static let maximumBytes: Int64 = 4 << 20

  /// Adds the setting unless there is one of that key: what an administrator set is never overwritten.
  /// - Returns: true where it was added.
  /// - Throws: `StatusError` `forbidden` where there is no room for it.
  func insertIfAbsent(key: String, value: String) async throws -> Bool {
    let id = makeID()
    return try await database.transaction(.write) { connection in
      let isKnown = try !connection.query("SELECT 1 FROM non_essential_env WHERE key = $1", [.text(key)]).isEmpty
      if isKnown { return false }
      let kept = try connection.query(
        "SELECT count(*), CAST(coalesce(sum(length(key) + length(value)), 0) AS bigint) FROM non_essential_env"
      ).first
      let (count, bytes) = (kept?[0].integer ?? 0, kept?[1].integer ?? 0)
      guard count < Self.maximumCount, bytes + Int64(key.utf8.count + value.utf8.count) <= Self.maximumBytes else {
        throw StatusError(
          .forbidden,
          "exceeded quota: there are \(count) settings with \(bytes) characters, limited to \(Self.maximumCount) and "
            + "\(Self.maximumBytes); remove some from the table non_essential_env first")
      }
      return try connection.execute(
        "INSERT INTO non_essential_env (id, key, value) VALUES ($1, $2, $3) ON CONFLICT (key) DO NOTHING",
        [.text(id), .text(key), .text(value)]) > 0
    }
  }
}
