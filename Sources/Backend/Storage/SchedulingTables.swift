import Database

/// What scheduling keeps beside the columns of the specification's tables.
enum SchedulingTables {
  static let migrations = [
    Migration(owner: "backend.scheduling", version: 1, name: "claims and orders of tasks") { dialect in
      let types = PrismaTypes(dialect)
      return [
        "ALTER TABLE agent_task ADD COLUMN \"claimedBy\" text",
        "ALTER TABLE agent_task ADD COLUMN \"claimedAt\" \(types.time)",
        "ALTER TABLE agent_task ADD COLUMN \"deploymentOrder\" \(types.json)",
        "ALTER TABLE agent_task ADD COLUMN \"previousSpec\" \(types.json)",
        """
        ALTER TABLE agent_task ADD COLUMN "isEnvironmentSaved" \(types.boolean) NOT NULL DEFAULT \(types.no)
        """,
        // The revision of the DesiredDeployment at the last sign of life: a change of it is one, too.
        "ALTER TABLE agent_task ADD COLUMN \"recordRevision\" bigint",
        // The revision of the Lease when it was last looked at: a change is a sign of life, whatever the Agent's clock says.
        "ALTER TABLE deployment_config ADD COLUMN \"leaseRevision\" bigint",
        "CREATE INDEX agent_task_created ON agent_task (\"createdAt\")",
      ]
    },
    Migration(owner: "backend.scheduling", version: 2, name: "whose copies of .env they are") { dialect in
      let types = PrismaTypes(dialect)
      return [
        // Whether this program has put it into the bucket, and so may remove it.
        "ALTER TABLE compose_env_version ADD COLUMN \"isOwn\" \(types.boolean) NOT NULL DEFAULT \(types.no)",
        "CREATE INDEX deployment_history_task ON deployment_history (\"taskId\", \"deployedAt\")",
      ]
    },
  ]
}
