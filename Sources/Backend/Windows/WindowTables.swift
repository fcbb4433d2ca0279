import Database

/// What windows, policy and health watch keep beside the columns of the specification's tables.
enum WindowTables {
  static let migrations = [
    Migration(owner: "backend.windows", version: 1, name: "deployment policy, health watch") { dialect in
      let types = PrismaTypes(dialect)
      return [
        """
        ALTER TABLE deployment_config ADD COLUMN "automaticMigrations" \(types.boolean) NOT NULL DEFAULT \(types.no)
        """,
        // When an admin turned the policy Automatic on; what failed before does not turn it off.
        "ALTER TABLE deployment_config ADD COLUMN \"automaticSince\" \(types.time)",
        // One row for each deployment that is or was watched.
        """
        CREATE TABLE health_watch (
          "historyId" text PRIMARY KEY,
          version text NOT NULL,
          "deploymentId" text,
          state text NOT NULL,
          "startedAt" \(types.time) NOT NULL,
          "badSince" \(types.time),
          "badLooks" integer NOT NULL DEFAULT 0,
          "lastLookAt" \(types.time),
          message text,
          "returnsTo" text,
          "endedAt" \(types.time),
          "toldAt" \(types.time))
        """,
      ]
    },
    Migration(owner: "backend.windows", version: 2, name: "the return of a health watch until it is done") { _ in
      [
        // The task that was made last for the return, and how many were.
        "ALTER TABLE health_watch ADD COLUMN \"taskId\" text",
        "ALTER TABLE health_watch ADD COLUMN \"returnAttempts\" integer NOT NULL DEFAULT 0",
        // Why it cannot be made now.
        "ALTER TABLE health_watch ADD COLUMN refusal text",
      ]
    },
    Migration(owner: "backend.windows", version: 3, name: "when a watched deployment was seen healthy") { dialect in
      ["ALTER TABLE health_watch ADD COLUMN \"lastHealthyAt\" \(PrismaTypes(dialect).time)"]
    },
  ]
}
