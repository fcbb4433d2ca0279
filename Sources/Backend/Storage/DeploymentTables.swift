import Database
import OfferPlanning

/// The specification's tables (spec §13), with its names of tables, columns, enum types and their values, as Prisma makes them;
/// columns of this program's are added after them and have defaults, so that other programs may insert rows.
enum DeploymentTables {
  static let migrations = [
    Migration(owner: "backend", version: 3, name: "deployments, tasks, history", statements: tables),
    Migration(owner: "backend", version: 4, name: "notices", statements: notices),
  ]

  @Sendable private static func tables(_ dialect: SQLDialect) -> [String] {
    let types = PrismaTypes(dialect)
    let statuses = LocalDeploymentStatus.allCases.map(\.rawValue)
    let taskTypes = AgentTaskType.allCases.map(\.rawValue)
    let taskStatuses = AgentTaskStatus.allCases.map(\.rawValue)
    return types.type("LocalDeploymentStatus", statuses) + types.type("AgentTaskType", taskTypes)
      + types.type("AgentTaskStatus", taskStatuses) + [
        """
        CREATE TABLE deployment_config (
          id integer PRIMARY KEY DEFAULT 1,
          "gccEndpoint" text NOT NULL DEFAULT '',
          "gccApiKey" text NOT NULL DEFAULT '',
          "webhookSecret" text NOT NULL DEFAULT '',
          "bucketProvider" text NOT NULL DEFAULT '',
          "bucketName" text NOT NULL DEFAULT '',
          "bucketRegion" text,
          "bucketEndpoint" text,
          "pollIntervalSec" integer NOT NULL DEFAULT 300,
          "heartbeatEnabled" \(types.boolean) NOT NULL DEFAULT \(types.yes),
          "currentVersion" text,
          "lastGccPoll" \(types.time),
          "lastHeartbeat" \(types.time),
          "lastAgentPoll" \(types.time),
          "createdAt" \(types.now),
          "updatedAt" \(types.now),
          "executor" text NOT NULL DEFAULT 'record',
          "updatesTag" text,
          "nextGccPoll" \(types.time),
          "nextHeartbeat" \(types.time),
          "license" text,
          "deploymentPolicy" text NOT NULL DEFAULT 'Manual',
          "automaticOffReason" text,
          "windows" \(types.json),
          "healthWatchMinutes" integer NOT NULL DEFAULT 10,
          CHECK (id = 1))
        """,
        "INSERT INTO deployment_config (id) VALUES (1)",
        """
        CREATE TABLE scheduled_deployment (
          \(types.id),
          "gccReleaseId" text NOT NULL,
          "releaseName" text NOT NULL,
          "releaseData" \(types.json) NOT NULL,
          "isForced" \(types.boolean) NOT NULL DEFAULT \(types.no),
          "forceDeadline" \(types.time),
          "remindersSent" integer NOT NULL DEFAULT 0,
          "scheduledFor" \(types.time),
          "scheduledBy" text,
          "chartBucketPath" text,
          "chartDownloaded" \(types.boolean) NOT NULL DEFAULT \(types.no),
          \(types.enumeration("status", "LocalDeploymentStatus", statuses, default: "pending")),
          "startedAt" \(types.time),
          "completedAt" \(types.time),
          "helmRevision" integer,
          "errorMessage" text,
          "reportedToGcc" \(types.boolean) NOT NULL DEFAULT \(types.no),
          "createdAt" \(types.now),
          "updatedAt" \(types.now),
          "version" text NOT NULL DEFAULT '',
          "receivedAt" \(types.now),
          "downloadAttempts" integer NOT NULL DEFAULT 0,
          "nextDownloadAt" \(types.time),
          "downloadedBytes" bigint NOT NULL DEFAULT 0,
          "totalBytes" bigint,
          "downloadError" text,
          "artifactSha256" text,
          "attempt" integer NOT NULL DEFAULT 0,
          "attemptId" text,
          "failureReason" text,
          "declinedAt" \(types.time),
          "declinedBy" text,
          "declinedReason" text,
          "windowOverride" text,
          "isAutomatic" \(types.boolean) NOT NULL DEFAULT \(types.no),
          "preflight" \(types.json))
        """,
        "CREATE INDEX scheduled_deployment_status ON scheduled_deployment (status, \"scheduledFor\")",
        // The same offer once, whatever is repeated.
        "CREATE UNIQUE INDEX scheduled_deployment_release ON scheduled_deployment (\"gccReleaseId\")",
        """
        CREATE TABLE agent_task (
          \(types.id),
          \(types.enumeration("type", "AgentTaskType", taskTypes)),
          \(types.enumeration("status", "AgentTaskStatus", taskStatuses, default: "pending")),
          "deploymentId" text REFERENCES scheduled_deployment (id) ON DELETE SET NULL ON UPDATE CASCADE,
          payload \(types.json) NOT NULL,
          "executeAfter" \(types.now),
          "pickedUpAt" \(types.time),
          "lastHeartbeat" \(types.time),
          "completedAt" \(types.time),
          result \(types.json),
          "errorMessage" text,
          attempts integer NOT NULL DEFAULT 0,
          "maxAttempts" integer NOT NULL DEFAULT 3,
          "createdAt" \(types.now),
          "updatedAt" \(types.now),
          "executor" text,
          "generation" bigint,
          "requestedBy" text,
          "isRollback" \(types.boolean) NOT NULL DEFAULT \(types.no),
          "failureReason" text)
        """,
        "CREATE INDEX agent_task_status ON agent_task (status, \"executeAfter\")",
        // One active deployment or rollback, whatever processes do at the same moment (spec §10.3).
        "CREATE UNIQUE INDEX agent_task_active ON agent_task ((1)) WHERE status IN ('pending', 'inProgress')",
        """
        CREATE TABLE deployment_history (
          \(types.id),
          "gccReleaseId" text NOT NULL,
          "releaseName" text NOT NULL,
          version text NOT NULL,
          "deployedAt" \(types.time) NOT NULL,
          status text NOT NULL,
          "helmRevision" integer,
          "isRollback" \(types.boolean) NOT NULL DEFAULT \(types.no),
          "isCurrent" \(types.boolean) NOT NULL DEFAULT \(types.no),
          "releaseData" \(types.json),
          "taskId" text,
          "startedAt" \(types.time),
          "errorMessage" text,
          "failureReason" text,
          "requestedBy" text,
          "chartBucketPath" text,
          "artifactSha256" text,
          "envBucketPath" text)
        """,
        "CREATE INDEX deployment_history_time ON deployment_history (\"deployedAt\")",
        """
        CREATE TABLE compose_env_version (
          \(types.id),
          version text NOT NULL UNIQUE,
          "bucketPath" text NOT NULL,
          "isCurrent" \(types.boolean) NOT NULL DEFAULT \(types.no),
          "createdAt" \(types.now))
        """,
      ]
  }

  /// What admins were told: one mail for one fact. A fact that is over is marked, so that it is told when it comes again.
  @Sendable private static func notices(_ dialect: SQLDialect) -> [String] {
    let types = PrismaTypes(dialect)
    return [
      """
      CREATE TABLE admin_notice (
        id text PRIMARY KEY, kind text NOT NULL, notice text NOT NULL, "createdAt" \(types.time) NOT NULL)
      """
    ]
  }
}
