import Database
import DeploymentKinds
import ResourceServer

/// The Backend's schema.
enum BackendMigrations {
  /// Every migration, the stored kinds' and the Backend's own; the latter have versions from 1000 on.
  static var all: [Migration] { SQLResourceStore.migrations(for: AllKinds.definitions) + own }

  static let own: [Migration] = [
    Migration(version: 1000, name: "api tokens") { _ in
      [
        """
        CREATE TABLE api_token (
          name text PRIMARY KEY, role text NOT NULL, digest text NOT NULL UNIQUE, created_at bigint NOT NULL,
          expires_at bigint)
        """
      ]
    },
    // Columns as the specification names them (spec §13): the Control Tower reads and edits this table.
    Migration(version: 1001, name: "non-essential settings") { dialect in
      let moment =
        dialect == .postgresql ? "timestamptz NOT NULL DEFAULT now()" : "text NOT NULL DEFAULT (datetime('now'))"
      return [
        """
        CREATE TABLE non_essential_env (
          id text PRIMARY KEY, key text NOT NULL UNIQUE, value text NOT NULL, description text, category text,
          "createdAt" \(moment), "updatedAt" \(moment), "updatedBy" text)
        """
      ]
    },
    Migration(version: 1002, name: "last use of tokens") { _ in
      ["ALTER TABLE api_token ADD COLUMN last_used_at bigint"]
    },
  ]
}
