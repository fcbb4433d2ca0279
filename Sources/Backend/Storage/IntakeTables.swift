import Database

/// What the way of a release from the vendor into the bucket needs beside the specification's columns.
enum IntakeTables {
  static let migrations = [
    Migration(owner: "backend.intake", version: 1, name: "polls, heartbeats, downloads") { dialect in
      let types = PrismaTypes(dialect)
      func add(_ column: String, to table: String) -> String { "ALTER TABLE \(table) ADD COLUMN \(column)" }
      return [
        // Which process is at it, and how often it failed in a row.
        add("\"pollClaimedUntil\" \(types.time)", to: "deployment_config"),
        add("\"pollFailures\" integer NOT NULL DEFAULT 0", to: "deployment_config"),
        add("\"heartbeatClaimedUntil\" \(types.time)", to: "deployment_config"),
        add("\"heartbeatFailures\" integer NOT NULL DEFAULT 0", to: "deployment_config"),
        // What the answer of updatesTag offered, and why an offer was refused that was told already.
        add("\"offeredReleaseId\" text", to: "deployment_config"),
        add("\"offerProblem\" text", to: "deployment_config"),
        // When the vendor took the report of the present status, or would never take it.
        add("\"reportedAt\" \(types.time)", to: "scheduled_deployment"),
        // Versions that somebody asked for lately: they stay in the bucket until then.
        "CREATE TABLE kept_artifact (version text PRIMARY KEY, \"keptUntil\" \(types.time) NOT NULL)",
      ]
    },
    Migration(owner: "backend.intake", version: 2, name: "offers that are taken back") { dialect in
      let types = PrismaTypes(dialect)
      func add(_ column: String) -> String { "ALTER TABLE scheduled_deployment ADD COLUMN \(column)" }
      return [
        // Whether a report has ended the offer at the vendor's, though the release may still be deployed here.
        add("\"offerEnded\" \(types.boolean) NOT NULL DEFAULT \(types.no)"),
        // When the vendor was found to offer it no more.
        add("\"withdrawnAt\" \(types.time)"),
      ]
    },
  ]
}
