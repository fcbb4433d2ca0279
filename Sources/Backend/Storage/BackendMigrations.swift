import Access
import Accounts
import Audit
import Database
import Outbox
import ResourceStorage

/// The Backend's schema.
enum BackendMigrations {
  /// Every migration: the stored kinds', the tokens' and the Backend's own.
  static var all: [Migration] {
    SQLResourceStore.migrations(for: BackendKinds.stored) + TokenStore.migrations + Outbox.migrations + own
      + DeploymentTables.migrations + SchedulingTables.migrations + IntakeTables.migrations + DownloadMigrations.all
      + AuditLedger.migrations + accounts + SettingMigrations.all + LicenseStore.migrations
      + NoticeMigrations.all + WindowTables.migrations
  }

  private static var accounts: [Migration] {
    AccountTables.migrations(owner: "backend.accounts", roles: BackendAccess.accounts.roles)
  }

  static let own: [Migration] = [
    // Columns as the specification names them (spec §13): the Control Tower reads and edits this table.
    Migration(owner: "backend", version: 1, name: "non-essential settings") { dialect in
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
    Migration(owner: "backend", version: 2, name: "times of settings") { dialect in
      switch dialect {
      case .sqlite: Self.sqliteSettingTimes
      case .postgresql: Self.postgreSQLSettingTimes
      }
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
