import Database

/// Indexes that make lists of customers quick, beside those of `gcc.jobs` 2.
enum SearchTables {
  static let migrations = [
    Migration(owner: "gcc.search", version: 1, name: "customers behind numbers, by name") { dialect in
      let name = "\"organizationName\"" + (dialect == .postgresql ? " COLLATE \"C\"" : "")
      return [
        // Failures of a release in the order of their customers; few beside all that ever were targets.
        """
        CREATE INDEX gcc_deployment_target_failed ON gcc_deployment_target ("releaseId", \(name)) WHERE bucket = 'failed'
        """,
        "CREATE INDEX gcc_deployment_target_passed_over ON gcc_deployment_target (\"releaseId\") WHERE bucket = 'blocked'",
        // Those that no counter counts.
        """
        CREATE INDEX gcc_deployment_target_unplanned ON gcc_deployment_target ("releaseId", bucket)
          WHERE "rolloutName" IS NULL
        """,
        // The list behind a stage.
        """
        CREATE INDEX gcc_deployment_target_member ON gcc_deployment_target ("rolloutName", "stageIndex", \(name))
        """,
      ]
    }
  ]
}
