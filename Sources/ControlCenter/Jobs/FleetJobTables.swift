import Database

/// Jobs for many customers, those of them that are still to be done, and what makes searching for customers quick.
enum FleetJobTables {
  static let migrations = [
    Migration(owner: "gcc.jobs", version: 1, name: "jobs for many customers") { dialect in
      let types = PrismaTypes(dialect)
      return [
        """
        CREATE TABLE gcc_fleet_job (
          id text PRIMARY KEY, action text NOT NULL, parameters text NOT NULL, filter text NOT NULL, state text NOT NULL,
          total bigint NOT NULL, done bigint NOT NULL DEFAULT 0, changed bigint NOT NULL DEFAULT 0,
          "createdBy" text NOT NULL, "createdAt" \(types.time) NOT NULL, "finishedAt" \(types.time))
        """,
        "CREATE INDEX gcc_fleet_job_state ON gcc_fleet_job (state, \"createdAt\", id)",
        """
        CREATE TABLE gcc_fleet_job_member (
          job text NOT NULL REFERENCES gcc_fleet_job (id) ON DELETE CASCADE, organization text NOT NULL,
          PRIMARY KEY (job, organization))
        """,
      ]
    },
    Migration(owner: "gcc.jobs", version: 2, name: "quick searches for customers") { _ in
      [
        "CREATE INDEX organizational_service_version ON organizational_service (\"currentVersion\")",
        // Offers that have not ended, by their age: few beside all that ever were.
        """
        CREATE INDEX gcc_deployment_target_open ON gcc_deployment_target ("offeredAt", "organizationName")
          WHERE bucket IN (\(OrganizationFilter.unansweredBuckets))
        """,
        "CREATE INDEX gcc_escalation_unresolved ON gcc_escalation (\"organizationName\") WHERE \"resolvedAt\" IS NULL",
      ]
    },
    Migration(owner: "gcc.jobs", version: 3, name: "jobs that are prepared, fail and take turns") { dialect in
      [
        "ALTER TABLE gcc_fleet_job ADD COLUMN refused bigint NOT NULL DEFAULT 0",
        "ALTER TABLE gcc_fleet_job ADD COLUMN reason text",
        "ALTER TABLE gcc_fleet_job ADD COLUMN failures bigint NOT NULL DEFAULT 0",
        // The number of the last turn that it had: who waits longest is next.
        "ALTER TABLE gcc_fleet_job ADD COLUMN turn bigint NOT NULL DEFAULT 0",
        "ALTER TABLE gcc_fleet_job ADD COLUMN \"nextTurnAt\" \(PrismaTypes(dialect).time)",
      ]
    },
  ]
}
