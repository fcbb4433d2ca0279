import Database
import FleetKinds
import ResourceStorage

/// As what a target is counted, since a customer that let a deadline pass has not failed: it may deploy yet.
enum BucketTables {
  static let migrations = [
    Migration(owner: "gcc.buckets", version: 1, name: "a deadline that passed is no failure", statements: rebuilt)
  ]

  /// `TargetFacts.bucket`.
  private static let bucket = """
    CASE
      WHEN status = 'cancelled' THEN 'cancelled'
      WHEN status = 'success' THEN 'succeeded'
      WHEN status IN ('failed', 'rolledBack', 'downloadFailed') THEN 'failed'
      WHEN status = 'inProgress' AND "offline" THEN 'offline'
      WHEN status = 'inProgress' AND "silent" THEN 'silent'
      WHEN status = 'inProgress' THEN 'inProgress'
      WHEN status = 'scheduled' THEN 'scheduled'
      WHEN status = 'deadlineExceeded' AND "scheduledFor" IS NOT NULL THEN 'scheduled'
      WHEN "blocked" IS NOT NULL THEN 'blocked'
      WHEN "offeredAt" IS NULL THEN 'waiting'
      WHEN "offline" THEN 'offline'
      WHEN "silent" THEN 'silent'
      WHEN status = 'pending' THEN 'notifying'
      ELSE 'consent'
    END
    """

  /// Whatever rests on the column goes with it and is made anew.
  @Sendable private static func rebuilt(_ dialect: SQLDialect) -> [String] {
    let name = "\"organizationName\"" + (dialect == .postgresql ? " COLLATE \"C\"" : "")
    let indexes = [
      ("stage", "(\"rolloutName\", \"stageIndex\", bucket, \"offeredAt\")"),
      ("organization", "(\"organizationName\", bucket)"),
      ("blocked", "(id) WHERE bucket = 'blocked'"),
      ("begun", "(\"rolloutName\", \"stageIndex\", \"startedAt\") WHERE bucket = 'inProgress'"),
      ("away", "(\"rolloutName\", \"releaseId\") WHERE \(FleetTables.hasBegunAndIsAway)"),
      (
        "open",
        "(\"offeredAt\", \"organizationName\") WHERE bucket IN ('notifying', 'consent', 'inProgress', 'silent', 'offline')"
      ),
      ("failed", "(\"releaseId\", \(name)) WHERE bucket = 'failed'"),
      ("passed_over", "(\"releaseId\") WHERE bucket = 'blocked'"),
      ("unplanned", "(\"releaseId\", bucket) WHERE \"rolloutName\" IS NULL"),
    ]
    let column: [String]
    switch dialect {
    case .postgresql:
      column = [
        "ALTER TABLE gcc_deployment_target DROP COLUMN bucket",
        "ALTER TABLE gcc_deployment_target ADD COLUMN bucket text GENERATED ALWAYS AS (\(bucket)) STORED",
      ]
    case .sqlite:
      let triggers = ["counted_insert", "counted_delete", "counted_update", "inserted", "updated", "deleted"]
      column =
        triggers.map { "DROP TRIGGER gcc_deployment_target_\($0)" }
        + indexes.map { "DROP INDEX gcc_deployment_target_\($0.0)" } + [
          "ALTER TABLE gcc_deployment_target DROP COLUMN bucket",
          "ALTER TABLE gcc_deployment_target ADD COLUMN bucket text GENERATED ALWAYS AS (\(bucket)) VIRTUAL",
        ]
        // All but the index, which is there.
        + JournalTriggers(DeploymentTargetKind.definition, FleetMappings.target).statements(dialect).dropFirst()
        + FleetTables.countingTriggers(dialect)
    }
    return column + indexes.map { "CREATE INDEX gcc_deployment_target_\($0.0) ON gcc_deployment_target \($0.1)" } + [
      // Whoever has seen an older revision looks again.
      "DELETE FROM gcc_rollout_counter",
      """
      INSERT INTO gcc_rollout_counter (rollout, stage, bucket, count, changed)
      SELECT "rolloutName" || '/' || "releaseId", "stageIndex", bucket, count(*),
        (SELECT revision FROM resource_revision WHERE id = 1)
      FROM gcc_deployment_target WHERE "rolloutName" IS NOT NULL AND "stageIndex" IS NOT NULL GROUP BY 1, 2, 3
      """,
    ]
  }
}
