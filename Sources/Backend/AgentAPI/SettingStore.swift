import Database

/// The table `non_essential_env`: settings that a release brings and an administrator may change.
struct SettingStore: Sendable {
  let database: any Database
  let makeID: @Sendable () -> String

  /// Adds the setting unless there is one of that key: what an administrator set is never overwritten.
  /// - Returns: true where it was added.
  func insertIfAbsent(key: String, value: String) async throws -> Bool {
    let id = makeID()
    return try await database.transaction(.write) { connection in
      try connection.execute(
        "INSERT INTO non_essential_env (id, key, value) VALUES ($1, $2, $3) ON CONFLICT (key) DO NOTHING",
        [.text(id), .text(key), .text(value)]) > 0
    }
  }
}
