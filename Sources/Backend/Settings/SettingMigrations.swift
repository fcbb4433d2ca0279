import Database

/// What is kept beside `non_essential_env`.
enum SettingMigrations {
  static let all = [
    Migration(owner: "backend.settings", version: 1, name: "history of settings") { dialect in
      let types = PrismaTypes(dialect)
      let sequence =
        dialect == .postgresql
        ? "bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY" : "integer PRIMARY KEY AUTOINCREMENT"
      return [
        """
        CREATE TABLE non_essential_env_history (
          sequence \(sequence), key text NOT NULL, action text NOT NULL, "oldValue" text, "newValue" text,
          "changedBy" text NOT NULL, "changedAt" \(types.now))
        """,
        "CREATE INDEX non_essential_env_history_key ON non_essential_env_history (key, sequence)",
        // Which keys a release has brought, or an admin removed: none comes back by itself.
        "CREATE TABLE non_essential_env_known (key text PRIMARY KEY)",
        "INSERT INTO non_essential_env_known (key) SELECT key FROM non_essential_env",
      ]
    }
  ]
}
