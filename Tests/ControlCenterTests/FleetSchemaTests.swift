import Database
import FleetKinds
import ResourceModel
import ResourceStorage
import TestSupport
import Testing
import WireFormats

@testable import ControlCenter

/// The tables of the specification's section 12, as the database itself says.
@Suite(.postgreSQLServer, .timeLimit(.minutes(5))) struct FleetSchemaTests {
  /// Column to type and whether it may be null.
  private static let tables: [String: [String: (String, Bool)]] = [
    "organizational_service": [
      "id": ("text", false), "name": ("text", false), "servicePath": ("text", false), "app_version": ("text", false),
      "createdAt": ("timestamp", false), "updatedAt": ("timestamp", false), "deploymentType": ("DeploymentType", false),
      "webhookEndpoint": ("text", true), "webhookSecret": ("text", true), "isOnline": ("bool", false),
      "lastSeen": ("timestamp", true), "lastHeartbeat": ("timestamp", true), "lastWebhookAck": ("timestamp", true),
      "currentVersion": ("text", true), "agentLastPoll": ("timestamp", true), "spocName": ("text", true),
      "spocEmail": ("text", true), "spocPhone": ("text", true), "accountManagerId": ("text", true),
    ],
    "gcc_release": [
      "id": ("text", false), "version": ("text", false), "releaseNotes": ("text", true),
      "status": ("ReleaseStatus", false), "backendImageTag": ("text", false), "mediaImageTag": ("text", false),
      "controlTowerImageTag": ("text", false), "agentImageTag": ("text", false), "helmChartSha256": ("text", false),
      "composeArtifactSha256": ("text", true), "isForced": ("bool", false), "isMigrationRequired": ("bool", false),
      "estimatedDowntime": ("text", true), "minCurrentVersion": ("text", true), "newNonEssentialEnvs": ("jsonb", true),
      "createdAt": ("timestamp", false), "createdBy": ("text", false), "publishedAt": ("timestamp", true),
    ],
    "gcc_deployment_target": [
      "id": ("text", false), "releaseId": ("text", false), "organizationName": ("text", false),
      "webhookSent": ("bool", false), "webhookAcked": ("bool", false), "webhookRetries": ("int4", false),
      "webhookError": ("text", true), "scheduledFor": ("timestamp", true), "status": ("DeploymentStatus", false),
      "startedAt": ("timestamp", true), "completedAt": ("timestamp", true), "helmRevision": ("int4", true),
      "errorMessage": ("text", true), "createdAt": ("timestamp", false), "updatedAt": ("timestamp", false),
    ],
    "gcc_version_history": [
      "id": ("text", false), "organizationName": ("text", false), "releaseVersion": ("text", false),
      "deployedAt": ("timestamp", false), "status": ("text", false), "helmRevision": ("int4", true),
    ],
    "gcc_escalation": [
      "id": ("text", false), "organizationName": ("text", false), "type": ("EscalationType", false),
      "reason": ("text", false), "metadata": ("jsonb", true), "escalatedAt": ("timestamp", false),
      "resolvedAt": ("timestamp", true), "resolution": ("text", true),
    ],
    "gcc_artifact": [
      "id": ("text", false), "version": ("text", false), "type": ("text", false), "bucketPath": ("text", false),
      "sha256": ("text", false), "createdAt": ("timestamp", false),
    ],
  ]

  private static let enums: [String: [String]] = [
    "DeploymentType": ["kubernetes", "docker"], "ReleaseStatus": ["draft", "published", "deprecated"],
    "DeploymentStatus": [
      "pending", "notified", "webhookFailed", "downloadFailed", "scheduled", "inProgress", "success", "failed",
      "rolledBack", "deadlineExceeded", "cancelled",
    ],
    "EscalationType": [
      "FORCED_24H_EXCEEDED", "MIN_VERSION_BLOCKED", "LICENSE_EXPIRED", "DEPLOYMENT_FAILED", "CLIENT_OFFLINE",
    ],
  ]

  @Test func everyTableAndColumnOfTheSpecificationIsThere() async throws {
    guard TestDatabase.available.contains(.postgresql) else { return }
    try await FleetFixture.with(.postgresql) { fixture in
      for (table, columns) in Self.tables {
        let rows = try await fixture.query(
          """
          SELECT CAST(column_name AS text), CAST(udt_name AS text), is_nullable = 'YES' FROM information_schema.columns
          WHERE table_schema = current_schema() AND table_name = $1
          """, [.text(table)])
        let found = Dictionary(
          uniqueKeysWithValues: rows.map { ($0[0].text ?? "", ($0[1].text ?? "", $0[2].boolean ?? false)) })
        for (name, (type, isNullable)) in columns {
          #expect(
            found[name]?.0 == type && found[name]?.1 == isNullable,
            "\(table).\(name) is \(String(describing: found[name]))")
        }
        // What this program adds does not keep other programs from writing rows that know nothing of it.
        let added = rows.filter { columns[$0[0].text ?? ""] == nil && $0[2].boolean == false }.compactMap { $0[0].text }
        for name in added {
          let defaults = try await fixture.query(
            """
            SELECT column_default IS NOT NULL OR is_generated <> 'NEVER' FROM information_schema.columns
            WHERE table_schema = current_schema() AND table_name = $1 AND column_name = $2
            """, [.text(table), .text(name)])
          #expect(defaults.first?[0].boolean == true || name == "sizeBytes", "\(table).\(name) has no default")
        }
      }
    }
  }

  @Test func everyEnumValueIsThereInItsOrder() async throws {
    guard TestDatabase.available.contains(.postgresql) else { return }
    try await FleetFixture.with(.postgresql) { fixture in
      for (name, words) in Self.enums {
        let rows = try await fixture.query(
          """
          SELECT CAST(e.enumlabel AS text) FROM pg_enum AS e JOIN pg_type AS t ON t.oid = e.enumtypid
          JOIN pg_namespace AS n ON n.oid = t.typnamespace AND n.nspname = current_schema()
          WHERE t.typname = $1 ORDER BY e.enumsortorder
          """, [.text(name)])
        #expect(rows.compactMap { $0[0].text } == words, "\(name)")
      }
    }
  }

  @Test func whatTheSpecificationWantsToBeUniqueIs() async throws {
    guard TestDatabase.available.contains(.postgresql) else { return }
    try await FleetFixture.with(.postgresql) { fixture in
      let rows = try await fixture.query(
        """
        SELECT CAST(c.relname AS text), (SELECT string_agg(a.attname, ',' ORDER BY k.place)
          FROM unnest(i.indkey) WITH ORDINALITY AS k(number, place)
          JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.number)
        FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indrelid
        JOIN pg_namespace AS n ON n.oid = c.relnamespace AND n.nspname = current_schema()
        WHERE i.indisunique AND i.indpred IS NULL
        """)
      let unique = Set(rows.map { "\($0[0].text ?? "") \($0[1].text ?? "")" })
      for wanted in [
        "organizational_service name", "gcc_release version", "gcc_deployment_target releaseId,organizationName",
        "gcc_artifact version,type",
      ] { #expect(unique.contains(wanted), "\(wanted)") }
    }
  }

  /// Other programs write the specification's columns, and know no others.
  @Test(arguments: TestDatabase.available)
  func rowsOfOtherProgramsAreObjects(_ database: TestDatabase) async throws {
    try await FleetFixture.with(database) { fixture in
      let start = try await fixture.store.currentRevision()
      try await fixture.execute(
        """
        INSERT INTO organizational_service (id, name, "servicePath", app_version, "deploymentType", "spocEmail")
        VALUES ('1', 'acme', '/acme', '2.2.0', 'docker', 'jo@acme.example')
        """)
      try await fixture.execute(
        """
        INSERT INTO gcc_release (id, version, "backendImageTag", "mediaImageTag", "controlTowerImageTag", "agentImageTag",
          "helmChartSha256", "createdBy") VALUES ('2', '2.3.0', 'b', 'm', 'c', 'a', '', 'prisma')
        """)
      try await fixture.execute(
        "INSERT INTO gcc_deployment_target (id, \"releaseId\", \"organizationName\") VALUES ('3', '2', 'acme')")
      try await fixture.execute(
        """
        INSERT INTO gcc_escalation (id, "organizationName", type, reason) VALUES ('4', 'acme', 'CLIENT_OFFLINE', 'away')
        """)
      let organization = try await fixture.organization("acme")
      #expect(organization.spec.deploymentType == .docker && organization.spec.servicePath == "/acme")
      #expect(organization.spec.contacts?.spocEmail == "jo@acme.example" && organization.status?.appVersion == "2.2.0")
      #expect(try await fixture.object(ReleaseKind.definition, "2.3.0")["status"]?["createdBy"] == "prisma")
      let targets = try await fixture.store.list(DeploymentTargetKind.definition, .init()).items
      #expect(try targets.map { try $0.value()["spec"]?["organization"]?.string } == ["acme"])
      #expect(try await fixture.store.list(EscalationKind.definition, .init()).items.count == 1)
      #expect(try await fixture.store.currentRevision() >= start + 4, "each is journaled")
    }
  }
}
