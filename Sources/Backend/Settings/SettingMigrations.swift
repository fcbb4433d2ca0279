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
    },
    Migration(owner: "backend.settings", version: 2, name: "times of settings as the specification has them") {
      dialect in
      dialect == .postgresql ? postgreSQLTimes : []
    },
  ]

  /// As Prisma makes `DateTime`, and as the other tables have it: without a zone, in UTC.
  private static let postgreSQLTimes = [
    """
    ALTER TABLE non_essential_env ALTER COLUMN "createdAt" DROP DEFAULT, ALTER COLUMN "updatedAt" DROP DEFAULT
    """,
    """
    ALTER TABLE non_essential_env
      ALTER COLUMN "createdAt" TYPE timestamp(3) USING "createdAt" AT TIME ZONE 'UTC',
      ALTER COLUMN "updatedAt" TYPE timestamp(3) USING "updatedAt" AT TIME ZONE 'UTC'
    """,
    """
    ALTER TABLE non_essential_env ALTER COLUMN id SET DEFAULT CAST(gen_random_uuid() AS text),
      ALTER COLUMN "createdAt" SET DEFAULT (now() AT TIME ZONE 'UTC'),
      ALTER COLUMN "updatedAt" SET DEFAULT (now() AT TIME ZONE 'UTC')
    """,
    """
    CREATE OR REPLACE FUNCTION non_essential_env_updated() RETURNS trigger LANGUAGE plpgsql AS $body$
    BEGIN
      IF NEW."updatedAt" = OLD."updatedAt" THEN NEW."updatedAt" := now() AT TIME ZONE 'UTC'; END IF;
      RETURN NEW;
    END
    $body$
    """,
  ]
}
