import Database
import FleetKinds
import ResourceModel
import ResourceStorage

/// The specification's tables (spec §12), with its names of tables, columns, enum types and their values, as Prisma makes them;
/// columns of this program's are added after them.
enum FleetTables {
  static let kinds: [StoredKind] = [
    .columns(
      OrganizationKind.definition, FleetMappings.organization,
      migrations: [
        table(OrganizationKind.definition, FleetMappings.organization, "organizations", organizations)
      ]),
    .columns(
      ReleaseKind.definition, FleetMappings.release,
      migrations: [
        table(ReleaseKind.definition, FleetMappings.release, "releases", releases)
      ]),
    .columns(
      DeploymentTargetKind.definition, FleetMappings.target,
      migrations: [
        table(DeploymentTargetKind.definition, FleetMappings.target, "targets", targets)
      ]),
    .columns(
      EscalationKind.definition, FleetMappings.escalation,
      migrations: [
        table(EscalationKind.definition, FleetMappings.escalation, "escalations", escalations)
      ]),
    .json(RolloutKind.definition, indexedFields: ["spec.release", "status.phase"]),
  ]

  /// Tables that no kind has.
  static let migrations =
    [
      Migration(owner: "gcc", version: 1, name: "artifacts, history, keys", statements: artifactsHistoryAndKeys),
      Migration(owner: "gcc", version: 2, name: "counters of rollouts", statements: counters),
    ] + laterMigrations

  private static func table(
    _ definition: ResourceDefinition, _ mapping: ColumnMapping, _ name: String,
    _ statements: @escaping @Sendable (PrismaTypes) -> [String]
  ) -> Migration {
    Migration(owner: definition.migrationOwner, version: 1, name: name) { dialect in
      statements(PrismaTypes(dialect)) + JournalTriggers(definition, mapping).statements(dialect)
    }
  }

  /// What every table with columns has besides the specification's.
  private static func added(_ types: PrismaTypes) -> String {
    ColumnMapping.addedColumns(types.dialect).joined(separator: ",\n  ")
  }

  static let deploymentTypes = ["kubernetes", "docker"]
  static let releaseStatuses = ["draft", "published", "deprecated"]
  static let deploymentStatuses = [
    "pending", "notified", "webhookFailed", "downloadFailed", "scheduled", "inProgress", "success", "failed",
    "rolledBack", "deadlineExceeded", "cancelled",
  ]
  static let escalationTypes = [
    "FORCED_24H_EXCEEDED", "MIN_VERSION_BLOCKED", "LICENSE_EXPIRED", "DEPLOYMENT_FAILED", "CLIENT_OFFLINE",
  ]

  @Sendable private static func organizations(_ types: PrismaTypes) -> [String] {
    types.type("DeploymentType", deploymentTypes) + [
      """
      CREATE TABLE organizational_service (
        \(types.id),
        name text NOT NULL UNIQUE,
        "servicePath" text NOT NULL DEFAULT '',
        app_version text NOT NULL DEFAULT '',
        "createdAt" \(types.now),
        "updatedAt" \(types.now),
        \(types.enumeration("deploymentType", "DeploymentType", deploymentTypes, default: "kubernetes")),
        "webhookEndpoint" text,
        "webhookSecret" text,
        "isOnline" \(types.boolean) NOT NULL DEFAULT \(types.no),
        "lastSeen" \(types.time),
        "lastHeartbeat" \(types.time),
        "lastWebhookAck" \(types.time),
        "currentVersion" text,
        "agentLastPoll" \(types.time),
        "spocName" text,
        "spocEmail" text,
        "spocPhone" text,
        "accountManagerId" text,
        "health" text,
        "reportedStatus" text,
        "licenseExpiresAt" \(types.time),
        \(added(types)))
      """,
      // Whose health changes by time alone.
      "CREATE INDEX organizational_service_health ON organizational_service (health, \"lastSeen\")",
    ]
  }

  @Sendable private static func releases(_ types: PrismaTypes) -> [String] {
    types.type("ReleaseStatus", releaseStatuses) + [
      """
      CREATE TABLE gcc_release (
        \(types.id),
        version text NOT NULL UNIQUE,
        "releaseNotes" text,
        \(types.enumeration("status", "ReleaseStatus", releaseStatuses, default: "draft")),
        "backendImageTag" text NOT NULL DEFAULT '',
        "mediaImageTag" text NOT NULL DEFAULT '',
        "controlTowerImageTag" text NOT NULL DEFAULT '',
        "agentImageTag" text NOT NULL DEFAULT '',
        "helmChartSha256" text NOT NULL DEFAULT '',
        "composeArtifactSha256" text,
        "isForced" \(types.boolean) NOT NULL DEFAULT \(types.no),
        "isMigrationRequired" \(types.boolean) NOT NULL DEFAULT \(types.no),
        "estimatedDowntime" text,
        "minCurrentVersion" text,
        "newNonEssentialEnvs" \(types.json),
        "createdAt" \(types.now),
        "createdBy" text NOT NULL DEFAULT '',
        "publishedAt" \(types.time),
        "withdrawn" \(types.boolean) NOT NULL DEFAULT \(types.no),
        "manifest" text,
        "isRolloutDecided" \(types.boolean) NOT NULL DEFAULT \(types.no),
        \(added(types)))
      """
    ]
  }

  /// What of a target was counted as what at first.
  private static let bucket = """
    CASE
      WHEN status = 'cancelled' THEN 'cancelled'
      WHEN status = 'success' THEN 'succeeded'
      WHEN status IN ('failed', 'rolledBack', 'downloadFailed', 'deadlineExceeded') THEN 'failed'
      WHEN status = 'inProgress' THEN 'inProgress'
      WHEN status = 'scheduled' THEN 'scheduled'
      WHEN "blocked" IS NOT NULL THEN 'blocked'
      WHEN "offeredAt" IS NULL THEN 'waiting'
      WHEN "offline" THEN 'offline'
      WHEN "silent" THEN 'silent'
      WHEN status = 'pending' THEN 'notifying'
      ELSE 'consent'
    END
    """

  @Sendable private static func targets(_ types: PrismaTypes) -> [String] {
    types.type("DeploymentStatus", deploymentStatuses) + [
      """
      CREATE TABLE gcc_deployment_target (
        \(types.id),
        "releaseId" text NOT NULL REFERENCES gcc_release (id) ON DELETE CASCADE ON UPDATE CASCADE,
        "organizationName" text NOT NULL
          REFERENCES organizational_service (name) ON DELETE CASCADE ON UPDATE CASCADE,
        "webhookSent" \(types.boolean) NOT NULL DEFAULT \(types.no),
        "webhookAcked" \(types.boolean) NOT NULL DEFAULT \(types.no),
        "webhookRetries" integer NOT NULL DEFAULT 0,
        "webhookError" text,
        "scheduledFor" \(types.time),
        \(types.enumeration("status", "DeploymentStatus", deploymentStatuses, default: "pending")),
        "startedAt" \(types.time),
        "completedAt" \(types.time),
        "helmRevision" integer,
        "errorMessage" text,
        "createdAt" \(types.now),
        "updatedAt" \(types.now),
        "objectName" text NOT NULL DEFAULT \(types.uniqueName),
        "releaseVersion" text NOT NULL DEFAULT '',
        "rolloutName" text,
        "stageName" text,
        "stageIndex" integer,
        "offeredAt" \(types.time),
        "blocked" text,
        "offline" \(types.boolean) NOT NULL DEFAULT \(types.no),
        "silent" \(types.boolean) NOT NULL DEFAULT \(types.no),
        "failureReason" text,
        "component" text,
        "attemptId" text,
        "attempt" bigint,
        "endedAttempts" \(types.json),
        "reportedAt" \(types.time),
        "bucket" text GENERATED ALWAYS AS (\(bucket)) STORED,
        \(added(types)),
        UNIQUE ("releaseId", "organizationName"))
      """,
      """
      CREATE INDEX gcc_deployment_target_stage ON gcc_deployment_target ("rolloutName", "stageIndex", "bucket", "offeredAt")
      """,
      "CREATE INDEX gcc_deployment_target_organization ON gcc_deployment_target (\"organizationName\", \"bucket\")",
      // Those that were passed over are few, and are looked at again from time to time.
      "CREATE INDEX gcc_deployment_target_blocked ON gcc_deployment_target (id) WHERE bucket = 'blocked'",
    ]
  }

  @Sendable private static func escalations(_ types: PrismaTypes) -> [String] {
    types.type("EscalationType", escalationTypes) + [
      """
      CREATE TABLE gcc_escalation (
        \(types.id),
        "organizationName" text NOT NULL
          REFERENCES organizational_service (name) ON DELETE CASCADE ON UPDATE CASCADE,
        \(types.enumeration("type", "EscalationType", escalationTypes)),
        "reason" text NOT NULL,
        "metadata" \(types.json),
        "escalatedAt" \(types.now),
        "resolvedAt" \(types.time),
        "resolution" text,
        "objectName" text NOT NULL DEFAULT \(types.uniqueName),
        "fact" text NOT NULL DEFAULT \(types.uniqueName),
        \(added(types)))
      """,
      // One open escalation for one fact.
      """
      CREATE UNIQUE INDEX gcc_escalation_open ON gcc_escalation ("organizationName", "fact")
        WHERE "resolvedAt" IS NULL
      """,
    ]
  }

  @Sendable private static func artifactsHistoryAndKeys(_ dialect: SQLDialect) -> [String] {
    let types = PrismaTypes(dialect)
    return [
      """
      CREATE TABLE gcc_artifact (
        \(types.id),
        version text NOT NULL,
        type text NOT NULL,
        "bucketPath" text NOT NULL,
        sha256 text NOT NULL,
        "sizeBytes" bigint NOT NULL,
        "createdAt" \(types.now),
        UNIQUE (version, type))
      """,
      """
      CREATE TABLE gcc_version_history (
        \(types.id),
        "organizationName" text NOT NULL
          REFERENCES organizational_service (name) ON DELETE CASCADE ON UPDATE CASCADE,
        "releaseVersion" text NOT NULL,
        "deployedAt" \(types.time) NOT NULL,
        status text NOT NULL,
        "helmRevision" integer,
        "attemptId" text)
      """,
      """
      CREATE INDEX gcc_version_history_organization ON gcc_version_history ("organizationName", "deployedAt")
      """,
      """
      CREATE TABLE gcc_organization_key (
        id text PRIMARY KEY,
        "organizationName" text NOT NULL
          REFERENCES organizational_service (name) ON DELETE CASCADE ON UPDATE CASCADE,
        digest text NOT NULL UNIQUE,
        "createdAt" \(types.time) NOT NULL,
        "lastUsedAt" \(types.time))
      """,
      """
      CREATE INDEX gcc_organization_key_organization ON gcc_organization_key ("organizationName")
      """,
      """
      CREATE TABLE gcc_mail_fact (
        id text PRIMARY KEY, subject text NOT NULL, about text NOT NULL, text text NOT NULL, "createdAt" \(types.now))
      """,
    ]
  }

  /// How many targets of a stage are in which bucket, by the rollout's name, a slash and the release's id, so that what a
  /// rollout of the same name did for another release counts for nothing: kept by the table's own triggers, so that it adds up whoever changes
  /// targets, and is read without counting.
  @Sendable private static func counters(_ dialect: SQLDialect) -> [String] {
    let table = """
      CREATE TABLE gcc_rollout_counter (
        rollout text NOT NULL, stage integer NOT NULL, bucket text NOT NULL, count bigint NOT NULL,
        PRIMARY KEY (rollout, stage, bucket))
      """
    func rows(_ source: String, _ sign: Int) -> String {
      """
      SELECT "rolloutName" || '/' || "releaseId" AS rollout, "stageIndex" AS stage, bucket, \(sign) AS change FROM \(source)
      WHERE "rolloutName" IS NOT NULL AND "stageIndex" IS NOT NULL
      """
    }
    switch dialect {
    case .postgresql:
      func count(_ sources: String) -> String {
        """
        INSERT INTO gcc_rollout_counter (rollout, stage, bucket, count)
        SELECT rollout, stage, bucket, sum(change) FROM (\(sources)) AS changes
        GROUP BY rollout, stage, bucket HAVING sum(change) <> 0 ORDER BY rollout, stage, bucket
        ON CONFLICT (rollout, stage, bucket) DO UPDATE SET count = gcc_rollout_counter.count + excluded.count;
        """
      }
      func trigger(_ event: String, _ tables: String) -> String {
        """
        CREATE TRIGGER gcc_deployment_target_counted_\(event.lowercased()) AFTER \(event) ON gcc_deployment_target
        REFERENCING \(tables) FOR EACH STATEMENT EXECUTE FUNCTION gcc_count_targets()
        """
      }
      return [
        table,
        """
        CREATE FUNCTION gcc_count_targets() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $body$
        BEGIN
          IF TG_OP = 'INSERT' THEN
            \(count(rows("added", 1)))
          ELSIF TG_OP = 'DELETE' THEN
            \(count(rows("removed", -1)))
          ELSE
            \(count(rows("added", 1) + " UNION ALL " + rows("removed", -1)))
          END IF;
          RETURN NULL;
        END
        $body$
        """,
        trigger("INSERT", "NEW TABLE AS added"), trigger("DELETE", "OLD TABLE AS removed"),
        trigger("UPDATE", "NEW TABLE AS added OLD TABLE AS removed"),
      ]
    case .sqlite:
      func change(_ row: String, _ amount: String) -> String {
        """
        INSERT INTO gcc_rollout_counter (rollout, stage, bucket, count)
          SELECT \(row)."rolloutName" || '/' || \(row)."releaseId", \(row)."stageIndex", \(row).bucket, \(amount)
          WHERE \(row)."rolloutName" IS NOT NULL AND \(row)."stageIndex" IS NOT NULL
          ON CONFLICT (rollout, stage, bucket) DO UPDATE SET count = count + excluded.count;
        """
      }
      func trigger(_ event: String, _ condition: String, _ body: String) -> String {
        """
        CREATE TRIGGER gcc_deployment_target_counted_\(event.lowercased()) AFTER \(event) ON gcc_deployment_target\(condition)
        BEGIN \(body) END
        """
      }
      let isOther = """
         WHEN NEW.bucket IS NOT OLD.bucket OR NEW."rolloutName" IS NOT OLD."rolloutName"
          OR NEW."stageIndex" IS NOT OLD."stageIndex"
        """
      return [
        table, trigger("INSERT", "", change("NEW", "1")), trigger("DELETE", "", change("OLD", "-1")),
        trigger("UPDATE", isOther, change("OLD", "-1") + change("NEW", "1")),
      ]
    }
  }
}
