import Database
import Logging
import ResourceStorage
import TestSupport
import Testing

@testable import ControlCenter

/// A database of the version before, with rows in it.
@Suite(.postgreSQLServer, .timeLimit(.minutes(2))) struct MigrationTests {
  @Test(arguments: TestDatabase.available)
  func targetsThatAreThereAreCountedAnew(_ kind: TestDatabase) async throws {
    let instance = try await kind.create()
    let database = try await openDatabase(instance.url)
    let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    let all = ControlCenterProgram.migrations
    let before = all.filter {
      !($0.owner == "gcc" && $0.version > 2)
        && !["gcc.webhooks", "gcc.jobs", "gcc.search", "gcc.buckets"].contains($0.owner)
    }
    try await Migrator(before, logger: logger) { "2026-01-01T00:00:00Z" }.migrate(database)
    let yes = kind == .postgresql ? "true" : "1"
    try await database.transaction(.write) { connection in
      for statement in [
        "INSERT INTO gcc_release (id, version, status) VALUES ('r', '2.3.0', 'published')",
        "INSERT INTO organizational_service (name) VALUES ('a'), ('b'), ('c'), ('d')",
        """
        INSERT INTO gcc_deployment_target ("releaseId", "organizationName", "rolloutName", "stageIndex", status, offline,
          "offeredAt") VALUES ('r', 'a', 'x', 0, 'inProgress', \(yes), '2026-01-01'),
          ('r', 'b', 'x', 0, 'inProgress', \(kind == .postgresql ? "false" : "0"), '2026-01-01'),
          ('r', 'c', 'x', 0, 'success', \(yes), '2026-01-01'),
          ('r', 'd', 'x', 0, 'deadlineExceeded', \(kind == .postgresql ? "false" : "0"), '2026-01-01')
        """,
        """
        INSERT INTO outbox (id, topic, destination, payload, next_at, created_at)
        VALUES ('1', 'webhook', 'a', '{"target":"t","version":"2.3.0","endpoint":"http://x","secret":"s"}', 0, 0)
        """,
      ] { try connection.execute(statement) }
    }
    try await Migrator(all, logger: logger) { "2026-01-02T00:00:00Z" }.migrate(database)
    let (buckets, counters, payload) = try await database.transaction(.read) { connection in
      (
        try connection.query("SELECT bucket FROM gcc_deployment_target ORDER BY \"organizationName\"")
          .map { $0[0].text },
        try connection.query("SELECT bucket, count FROM gcc_rollout_counter WHERE rollout = 'x/r' ORDER BY bucket")
          .map { "\($0[0].text ?? "") \($0[1].integer ?? 0)" },
        try connection.query("SELECT payload FROM outbox").first?[0].text ?? ""
      )
    }
    #expect(buckets == ["offline", "inProgress", "succeeded", "consent"])
    #expect(counters == ["consent 1", "inProgress 1", "offline 1", "succeeded 1"])
    #expect(payload.contains("2.3.0") && !payload.contains("secret") && !payload.contains("http"))
    // Counters and journal go on.
    let journaled = try await database.transaction(.write) { connection in
      try connection.execute(
        "UPDATE gcc_deployment_target SET status = 'failed', resource_version = 0 WHERE \"organizationName\" = 'b'")
      return try connection.query(
        "SELECT count FROM gcc_rollout_counter WHERE bucket = 'failed' AND changed > 0"
      ).count
    }
    #expect(journaled == 1)
    await database.close()
  }
}
