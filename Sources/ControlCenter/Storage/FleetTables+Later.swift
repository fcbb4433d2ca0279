import Database
import FleetKinds
import ResourceStorage

/// What the tables have got since they were made first.
extension FleetTables {
  static let laterMigrations = [
    Migration(owner: "gcc", version: 3, name: "who is away in the midst of a deployment", statements: awayInProgress),
    Migration(owner: "gcc", version: 4, name: "bounds for reports that come without end", statements: bounds),
    Migration(owner: "gcc", version: 5, name: "versions over time", statements: versions),
    Migration(owner: "gcc", version: 6, name: "heartbeats beside no index; changes of keys", statements: cheaperLooks),
    Migration(owner: "gcc", version: 7, name: "whose webhook failed") { _ in
      [
        """
        CREATE INDEX gcc_deployment_target_untold ON gcc_deployment_target ("rolloutName", "releaseId", "stageIndex")
          WHERE status = 'webhookFailed'
        """
      ]
    },
    Migration(owner: "gcc", version: 8, name: "reports that wait at customers") { dialect in
      ["ALTER TABLE organizational_service ADD COLUMN \"pendingReports\" \(PrismaTypes(dialect).integer)"]
    },
  ]

  /// What needs the outbox's table.
  static let outboxMigrations = [
    Migration(owner: "gcc.webhooks", version: 1, name: "no secrets in messages that wait") { dialect in
      switch dialect {
      case .postgresql:
        ["outbox", "outbox_dead"].map {
          "UPDATE \($0) SET payload = CAST(CAST(payload AS jsonb) - 'secret' - 'endpoint' AS text) WHERE topic = 'webhook'"
        }
      case .sqlite:
        ["outbox", "outbox_dead"].map {
          "UPDATE \($0) SET payload = json_remove(payload, '$.secret', '$.endpoint') WHERE topic = 'webhook'"
        }
      }
    }
  ]

  /// One that is in progress at a customer that is not heard of any more is counted apart. `BucketTables` has what holds now.
  private static let bucket = """
    CASE
      WHEN status = 'cancelled' THEN 'cancelled'
      WHEN status = 'success' THEN 'succeeded'
      WHEN status IN ('failed', 'rolledBack', 'downloadFailed', 'deadlineExceeded') THEN 'failed'
      WHEN status = 'inProgress' AND "offline" THEN 'offline'
      WHEN status = 'inProgress' AND "silent" THEN 'silent'
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

  /// True of a target whose deployment has begun at a customer that is away: `TargetFacts.hasBegunAndIsAway`.
  static let hasBegunAndIsAway = "status = 'inProgress' AND bucket IN ('offline', 'silent')"

  @Sendable private static func awayInProgress(_ dialect: SQLDialect) -> [String] {
    let journal = JournalTriggers(DeploymentTargetKind.definition, FleetMappings.target)
    let added =
      switch dialect {
      case .postgresql:
        [
          "ALTER TABLE gcc_deployment_target DROP COLUMN bucket",
          "ALTER TABLE gcc_deployment_target ADD COLUMN bucket text GENERATED ALWAYS AS (\(bucket)) STORED",
        ]
      case .sqlite:
        ["counted_insert", "counted_delete", "counted_update", "inserted", "updated", "deleted"].map {
          "DROP TRIGGER gcc_deployment_target_\($0)"
        } + ["stage", "organization", "blocked"].map { "DROP INDEX gcc_deployment_target_\($0)" } + [
          "ALTER TABLE gcc_deployment_target DROP COLUMN bucket",
          // One that is stored cannot be added.
          "ALTER TABLE gcc_deployment_target ADD COLUMN bucket text GENERATED ALWAYS AS (\(bucket)) VIRTUAL",
        ]
          // All but the index, which is there.
          + journal.statements(dialect).dropFirst()
      }
    return added + [
      """
      CREATE INDEX gcc_deployment_target_stage ON gcc_deployment_target ("rolloutName", "stageIndex", bucket, "offeredAt")
      """,
      "CREATE INDEX gcc_deployment_target_organization ON gcc_deployment_target (\"organizationName\", bucket)",
      "CREATE INDEX gcc_deployment_target_blocked ON gcc_deployment_target (id) WHERE bucket = 'blocked'",
      """
      CREATE INDEX gcc_deployment_target_begun ON gcc_deployment_target ("rolloutName", "stageIndex", "startedAt")
        WHERE bucket = 'inProgress'
      """,
      """
      CREATE INDEX gcc_deployment_target_away ON gcc_deployment_target ("rolloutName", "releaseId")
        WHERE \(hasBegunAndIsAway)
      """,
      // On what it was passed over for, so that it is decided on anew where that has changed.
      "ALTER TABLE gcc_deployment_target ADD COLUMN \"blockedOn\" text",
      // By revision: which counters have changed since.
      "ALTER TABLE gcc_rollout_counter ADD COLUMN changed bigint NOT NULL DEFAULT 0",
      "DELETE FROM gcc_rollout_counter",
      """
      INSERT INTO gcc_rollout_counter (rollout, stage, bucket, count)
      SELECT "rolloutName" || '/' || "releaseId", "stageIndex", bucket, count(*) FROM gcc_deployment_target
      WHERE "rolloutName" IS NOT NULL AND "stageIndex" IS NOT NULL GROUP BY 1, 2, 3
      """,
    ] + countingTriggers(dialect) + removedRollouts(dialect)
  }

  /// Which rollouts were deleted: their targets are taken back.
  private static func removedRollouts(_ dialect: SQLDialect) -> [String] {
    let table = "CREATE TABLE gcc_rollout_removed (\(PrismaTypes(dialect).id), name text NOT NULL)"
    switch dialect {
    case .postgresql:
      return [
        table,
        """
        CREATE FUNCTION gcc_note_rollout() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $body$
        BEGIN
          INSERT INTO gcc_rollout_removed (name) VALUES (OLD.name);
          RETURN NULL;
        END
        $body$
        """,
        """
        CREATE TRIGGER gcc_rollout_removed AFTER DELETE ON gcc_rollout FOR EACH ROW EXECUTE FUNCTION gcc_note_rollout()
        """,
      ]
    case .sqlite:
      return [
        table,
        """
        CREATE TRIGGER gcc_rollout_removed_noted AFTER DELETE ON gcc_rollout
        BEGIN INSERT INTO gcc_rollout_removed (name) VALUES (OLD.name); END
        """,
      ]
    }
  }

  /// The revision in `changed` is not older than the change: whoever has seen an older one looks again.
  static func countingTriggers(_ dialect: SQLDialect) -> [String] {
    switch dialect {
    case .postgresql:
      func rows(_ source: String, _ sign: Int) -> String {
        """
        SELECT "rolloutName" || '/' || "releaseId" AS rollout, "stageIndex" AS stage, bucket, \(sign) AS change
        FROM \(source) WHERE "rolloutName" IS NOT NULL AND "stageIndex" IS NOT NULL
        """
      }
      func count(_ sources: String) -> String {
        """
        INSERT INTO gcc_rollout_counter (rollout, stage, bucket, count, changed)
        SELECT rollout, stage, bucket, sum(change), newest FROM (\(sources)) AS changes
        GROUP BY rollout, stage, bucket HAVING sum(change) <> 0 ORDER BY rollout, stage, bucket
        ON CONFLICT (rollout, stage, bucket) DO UPDATE SET count = gcc_rollout_counter.count + excluded.count,
          changed = greatest(gcc_rollout_counter.changed, excluded.changed);
        """
      }
      return [
        """
        CREATE OR REPLACE FUNCTION gcc_count_targets() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT
        AS $body$
        DECLARE
          newest bigint := nullif(current_setting('wrktalk.revision', true), '');
        BEGIN
          IF newest IS NULL THEN
            SELECT revision INTO STRICT newest FROM resource_revision WHERE id = 1;
          END IF;
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
        """
      ]
    case .sqlite:
      let newest = "(SELECT revision + 1 FROM resource_revision WHERE id = 1)"
      func change(_ row: String, _ amount: String) -> String {
        """
        INSERT INTO gcc_rollout_counter (rollout, stage, bucket, count, changed)
          SELECT \(row)."rolloutName" || '/' || \(row)."releaseId", \(row)."stageIndex", \(row).bucket, \(amount), \(newest)
          WHERE \(row)."rolloutName" IS NOT NULL AND \(row)."stageIndex" IS NOT NULL
          ON CONFLICT (rollout, stage, bucket) DO UPDATE SET count = count + excluded.count, changed = excluded.changed;
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
        trigger("INSERT", "", change("NEW", "1")), trigger("DELETE", "", change("OLD", "-1")),
        trigger("UPDATE", isOther, change("OLD", "-1") + change("NEW", "1")),
      ]
    }
  }

  @Sendable private static func bounds(_ dialect: SQLDialect) -> [String] {
    let types = PrismaTypes(dialect)
    return [
      // By this server's clock; nothing where another program wrote the row.
      "ALTER TABLE gcc_version_history ADD COLUMN \"recordedAt\" \(types.time)",
      "ALTER TABLE gcc_version_history ADD COLUMN \"targetId\" text",
      // How often what was resolved by itself came back.
      "ALTER TABLE gcc_escalation ADD COLUMN reopened integer NOT NULL DEFAULT 0",
      "ALTER TABLE gcc_escalation ADD COLUMN \"isResolvedByItself\" \(types.boolean) NOT NULL DEFAULT \(types.no)",
      "CREATE INDEX gcc_escalation_fact ON gcc_escalation (\"organizationName\", fact, \"resolvedAt\")",
      // Secrets that another program wrote as they are.
      """
      CREATE INDEX organizational_service_unsealed ON organizational_service (name) WHERE \(WebhookSecrets.isUnsealed)
      """,
    ]
  }

  @Sendable private static func versions(_ dialect: SQLDialect) -> [String] {
    let types = PrismaTypes(dialect)
    return [
      "ALTER TABLE organizational_service ADD COLUMN \"versionSince\" \(types.time)",
      // How many organizations ran which version when; `organizations` of the former is all of them.
      "CREATE TABLE gcc_version_snapshot (at \(types.time) PRIMARY KEY, organizations bigint NOT NULL)",
      """
      CREATE TABLE gcc_version_spread (
        at \(types.time) NOT NULL REFERENCES gcc_version_snapshot (at) ON DELETE CASCADE,
        version text NOT NULL, organizations bigint NOT NULL, PRIMARY KEY (at, version))
      """,
    ]
  }

  @Sendable private static func cheaperLooks(_ dialect: SQLDialect) -> [String] {
    let types = PrismaTypes(dialect)
    let index = [
      "DROP INDEX organizational_service_health",
      // Without the time at which they were seen: a heartbeat changes no index then.
      "CREATE INDEX organizational_service_health ON organizational_service (health)",
    ]
    let table = """
      CREATE TABLE gcc_key_change ("organizationName" text NOT NULL, "changedAt" \(types.now))
      """
    let byTime = "CREATE INDEX gcc_key_change_time ON gcc_key_change (\"changedAt\")"
    switch dialect {
    case .postgresql:
      return index + [
        "ALTER TABLE organizational_service SET (fillfactor = 70)", table, byTime,
        "ALTER TABLE gcc_key_change ALTER COLUMN \"changedAt\" SET DEFAULT (clock_timestamp() AT TIME ZONE 'UTC')",
        """
        CREATE FUNCTION gcc_note_key() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $body$
        BEGIN
          IF TG_OP <> 'INSERT' THEN
            INSERT INTO gcc_key_change ("organizationName") VALUES (OLD."organizationName");
          END IF;
          IF TG_OP <> 'DELETE' THEN
            INSERT INTO gcc_key_change ("organizationName") VALUES (NEW."organizationName");
          END IF;
          RETURN NULL;
        END
        $body$
        """,
        """
        CREATE TRIGGER gcc_organization_key_noted AFTER INSERT OR DELETE OR UPDATE OF digest, "organizationName"
        ON gcc_organization_key FOR EACH ROW EXECUTE FUNCTION gcc_note_key()
        """,
      ]
    case .sqlite:
      func trigger(_ name: String, _ event: String, _ rows: [String]) -> String {
        let inserts = rows.map {
          "INSERT INTO gcc_key_change (\"organizationName\") VALUES (\($0).\"organizationName\");"
        }
        return """
          CREATE TRIGGER gcc_organization_key_\(name) AFTER \(event) ON gcc_organization_key
          BEGIN \(inserts.joined(separator: " ")) END
          """
      }
      return index + [
        table, byTime, trigger("inserted", "INSERT", ["NEW"]), trigger("deleted", "DELETE", ["OLD"]),
        trigger("updated", "UPDATE OF digest, \"organizationName\"", ["OLD", "NEW"]),
      ]
    }
  }
}
