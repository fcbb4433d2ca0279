import Database
import TestSupport
import Testing

/// The tables of the specification's section 13, as the database itself says.
@Suite(.postgreSQLServer, .timeLimit(.minutes(5))) struct BackendSchemaTests {
  /// Column to type and whether it may be null.
  private static let tables: [String: [String: (String, Bool)]] = [
    "deployment_config": [
      "id": ("int4", false), "gccEndpoint": ("text", false), "gccApiKey": ("text", false),
      "webhookSecret": ("text", false), "bucketProvider": ("text", false), "bucketName": ("text", false),
      "bucketRegion": ("text", true), "bucketEndpoint": ("text", true), "pollIntervalSec": ("int4", false),
      "heartbeatEnabled": ("bool", false), "currentVersion": ("text", true), "lastGccPoll": ("timestamp", true),
      "lastHeartbeat": ("timestamp", true), "lastAgentPoll": ("timestamp", true), "createdAt": ("timestamp", false),
      "updatedAt": ("timestamp", false),
    ],
    "scheduled_deployment": [
      "id": ("text", false), "gccReleaseId": ("text", false), "releaseName": ("text", false),
      "releaseData": ("jsonb", false), "isForced": ("bool", false), "forceDeadline": ("timestamp", true),
      "remindersSent": ("int4", false), "scheduledFor": ("timestamp", true), "scheduledBy": ("text", true),
      "chartBucketPath": ("text", true), "chartDownloaded": ("bool", false), "status": ("LocalDeploymentStatus", false),
      "startedAt": ("timestamp", true), "completedAt": ("timestamp", true), "helmRevision": ("int4", true),
      "errorMessage": ("text", true), "reportedToGcc": ("bool", false), "createdAt": ("timestamp", false),
      "updatedAt": ("timestamp", false),
    ],
    "agent_task": [
      "id": ("text", false), "type": ("AgentTaskType", false), "status": ("AgentTaskStatus", false),
      "deploymentId": ("text", true), "payload": ("jsonb", false), "executeAfter": ("timestamp", false),
      "pickedUpAt": ("timestamp", true), "lastHeartbeat": ("timestamp", true), "completedAt": ("timestamp", true),
      "result": ("jsonb", true), "errorMessage": ("text", true), "attempts": ("int4", false),
      "maxAttempts": ("int4", false), "createdAt": ("timestamp", false), "updatedAt": ("timestamp", false),
    ],
    "non_essential_env": [
      "id": ("text", false), "key": ("text", false), "value": ("text", false), "description": ("text", true),
      "category": ("text", true), "createdAt": ("timestamp", false), "updatedAt": ("timestamp", false),
      "updatedBy": ("text", true),
    ],
    "deployment_history": [
      "id": ("text", false), "gccReleaseId": ("text", false), "releaseName": ("text", false),
      "version": ("text", false), "deployedAt": ("timestamp", false), "status": ("text", false),
      "helmRevision": ("int4", true), "isRollback": ("bool", false), "isCurrent": ("bool", false),
    ],
    "compose_env_version": [
      "id": ("text", false), "version": ("text", false), "bucketPath": ("text", false), "isCurrent": ("bool", false),
      "createdAt": ("timestamp", false),
    ],
  ]

  /// What the specification's `@default` says, as PostgreSQL writes it. Prisma makes ids and `updatedAt` in its client: here the database
  /// does, for programs that are none of its clients.
  private static let defaults: [String: [String: String]] = [
    "deployment_config": ["id": "1", "pollIntervalSec": "300", "heartbeatEnabled": "true", "createdAt": now],
    "scheduled_deployment": [
      "id": uuid, "isForced": "false", "remindersSent": "0", "chartDownloaded": "false",
      "status": "'pending'::\"LocalDeploymentStatus\"", "reportedToGcc": "false", "createdAt": now,
    ],
    "agent_task": [
      "id": uuid, "status": "'pending'::\"AgentTaskStatus\"", "executeAfter": now, "attempts": "0", "maxAttempts": "3",
      "createdAt": now,
    ],
    "non_essential_env": ["id": uuid, "createdAt": now],
    "deployment_history": ["id": uuid, "isRollback": "false", "isCurrent": "false"],
    "compose_env_version": ["id": uuid, "isCurrent": "false", "createdAt": now],
  ]
  private static let now = "(now() AT TIME ZONE 'UTC'::text)"
  private static let uuid = "(gen_random_uuid())::text"

  /// The columns of `@id`, `@unique` and `@@index`, in their order, and whether they are unique.
  private static let indexes: [(table: String, columns: String, isUnique: Bool)] = [
    ("deployment_config", "id", true), ("scheduled_deployment", "id", true),
    ("scheduled_deployment", "status, \"scheduledFor\"", false), ("agent_task", "id", true),
    ("agent_task", "status, \"executeAfter\"", false), ("non_essential_env", "id", true),
    ("non_essential_env", "key", true), ("deployment_history", "id", true), ("compose_env_version", "id", true),
    ("compose_env_version", "version", true),
  ]

  private static let enums: [String: [String]] = [
    "LocalDeploymentStatus": [
      "pending", "downloadFailed", "scheduled", "missedSchedule", "inProgress", "success", "failed", "rolledBack",
      "deadlineExceeded", "cancelled",
    ],
    "AgentTaskType": ["deploy", "rollback"],
    "AgentTaskStatus": ["pending", "inProgress", "completed", "failed"],
  ]

  @Test func everyTableAndColumnOfTheSpecificationIsThere() async throws {
    guard TestDatabase.available.contains(.postgresql) else { return }
    try await BackendFixture.with(.postgresql) { fixture in
      for (table, columns) in Self.tables {
        let rows = try await fixture.query(
          """
          SELECT CAST(column_name AS text), CAST(udt_name AS text), is_nullable = 'YES',
            column_default IS NOT NULL OR is_nullable = 'YES'
          FROM information_schema.columns
          WHERE table_schema = current_schema() AND table_name = $1
          """, [.text(table)])
        let found = Dictionary(
          uniqueKeysWithValues: rows.map { ($0[0].text ?? "", ($0[1].text ?? "", $0[2].boolean ?? false)) })
        for (name, (type, isNullable)) in columns {
          #expect(
            found[name]?.0 == type && found[name]?.1 == isNullable,
            "\(table).\(name) is \(String(describing: found[name]))")
        }
        // Other programs insert rows that know nothing of what is added.
        for row in rows where columns[row[0].text ?? ""] == nil {
          #expect(row[3].boolean == true, "\(table).\(row[0].text ?? "") needs a default")
        }
      }
    }
  }

  @Test func everyDefaultAndIndexOfTheSpecificationIsThere() async throws {
    guard TestDatabase.available.contains(.postgresql) else { return }
    try await BackendFixture.with(.postgresql) { fixture in
      for (table, defaults) in Self.defaults {
        let rows = try await fixture.query(
          """
          SELECT CAST(column_name AS text), CAST(column_default AS text), datetime_precision
          FROM information_schema.columns WHERE table_schema = current_schema() AND table_name = $1
          """, [.text(table)])
        let found = Dictionary(uniqueKeysWithValues: rows.map { ($0[0].text ?? "", $0[1].text) })
        for (column, wanted) in defaults {
          #expect(found[column] == wanted, "\(table).\(column)")
        }
        for row in rows where Self.tables[table]?[row[0].text ?? ""]?.0 == "timestamp" {
          #expect(row[2].integer == 3, "\(table).\(row[0].text ?? "")")
        }
      }
      let rows = try await fixture.query(
        "SELECT CAST(tablename AS text), indexdef FROM pg_indexes WHERE schemaname = current_schema()")
      for index in Self.indexes {
        let kind = index.isUnique ? "CREATE UNIQUE INDEX " : "CREATE INDEX "
        #expect(
          rows.contains { row in
            row[0].text == index.table && row[1].text?.hasPrefix(kind) == true
              && row[1].text?.hasSuffix(" USING btree (\(index.columns))") == true
          }, "\(index)")
      }
    }
  }

  @Test func everyEnumHasTheWordsOfTheSpecificationInItsOrder() async throws {
    guard TestDatabase.available.contains(.postgresql) else { return }
    try await BackendFixture.with(.postgresql) { fixture in
      for (name, words) in Self.enums {
        let rows = try await fixture.query(
          """
          SELECT CAST(e.enumlabel AS text) FROM pg_enum AS e JOIN pg_type AS t ON t.oid = e.enumtypid
          JOIN pg_namespace AS n ON n.oid = t.typnamespace
          WHERE t.typname = $1 AND n.nspname = current_schema() ORDER BY e.enumsortorder
          """, [.text(name)])
        #expect(rows.compactMap { $0[0].text } == words, "\(name)")
      }
    }
  }

  @Test(arguments: TestDatabase.available) func thereIsOneActiveTask(_ kind: TestDatabase) async throws {
    try await BackendFixture.with(kind) { fixture in
      let insert = "INSERT INTO agent_task (type, status, payload) VALUES ('deploy', $1, '{}')"
      func add(_ status: String) async throws {
        let sql =
          kind == .postgresql ? insert.replacing("$1", with: "CAST($1 AS \"AgentTaskStatus\")") : insert
        _ = try await fixture.database.transaction(.write) { try $0.execute(sql, [.text(status)]) }
      }
      try await add("completed")
      try await add("failed")
      try await add("pending")
      let error = await #expect(throws: DatabaseError.self) { try await add("inProgress") }
      #expect(error?.code == .uniqueViolation)
    }
  }
}
