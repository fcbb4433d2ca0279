import Database
import DeploymentKinds
import ResourceStorage

/// The Backend's schema.
enum BackendMigrations {
  /// Every migration, the stored kinds' and the Backend's own; the latter have versions from 1000 on.
  static var all: [Migration] { SQLResourceStore.migrations(for: BackendKinds.definitions) + own }

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
    Migration(version: 1003, name: "times of settings") { dialect in
      switch dialect {
      case .sqlite: Self.sqliteSettingTimes
      case .postgresql: Self.postgreSQLSettingTimes
      }
    },
    Migration(version: 1004, name: "namespaces of agents' tokens") { _ in
      ["ALTER TABLE api_token ADD COLUMN namespace text", "ALTER TABLE api_token ADD COLUMN lease text"]
    },
    // What a token is bound to is named as every server names it (`TokenStore`).
    Migration(version: 1005, name: "tenants and bindings of tokens") { _ in
      [
        "ALTER TABLE api_token RENAME COLUMN namespace TO tenant",
        "ALTER TABLE api_token ADD COLUMN bindings text",
        "UPDATE api_token SET bindings = '{\"lease\":\"' || lease || '\"}' WHERE lease IS NOT NULL",
        "ALTER TABLE api_token DROP COLUMN lease",
      ]
    },
  ]

  /// Times as RFC 3339, also of the rows that are there; a default cannot be altered, so the table is made anew.
  private static let sqliteSettingTimes = [
    """
    CREATE TABLE non_essential_env_1003 (
      id text PRIMARY KEY, key text NOT NULL UNIQUE, value text NOT NULL, description text, category text,
      "createdAt" text NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now')),
      "updatedAt" text NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now')), "updatedBy" text)
    """,
    """
    INSERT INTO non_essential_env_1003
    SELECT id, key, value, description, category, coalesce(strftime('%Y-%m-%dT%H:%M:%SZ', "createdAt"), "createdAt"),
      coalesce(strftime('%Y-%m-%dT%H:%M:%SZ', "updatedAt"), "updatedAt"), "updatedBy"
    FROM non_essential_env
    """,
    "DROP TABLE non_essential_env",
    "ALTER TABLE non_essential_env_1003 RENAME TO non_essential_env",
    """
    CREATE TRIGGER non_essential_env_updated AFTER UPDATE ON non_essential_env
    WHEN NEW."updatedAt" = OLD."updatedAt" BEGIN
      UPDATE non_essential_env SET "updatedAt" = strftime('%Y-%m-%dT%H:%M:%SZ', 'now') WHERE id = NEW.id;
    END
    """,
  ]

  private static let postgreSQLSettingTimes = [
    """
    CREATE FUNCTION non_essential_env_updated() RETURNS trigger LANGUAGE plpgsql AS $body$
    BEGIN
      IF NEW."updatedAt" = OLD."updatedAt" THEN NEW."updatedAt" := now(); END IF;
      RETURN NEW;
    END
    $body$
    """,
    """
    CREATE TRIGGER non_essential_env_updated BEFORE UPDATE ON non_essential_env
    FOR EACH ROW EXECUTE FUNCTION non_essential_env_updated()
    """,
  ]
}
