import Database
import DeploymentKinds
import FleetProtocol
import ObjectStorage
import OfferPlanning
import ResourceModel
import ResourceStorage
import TestSupport
import Testing
import WireFormats

@testable import Backend

/// Whoever has an Agent's token writes the status of the DesiredDeployment. It is shown and reported, and that is all.
@Suite(.postgreSQLServer, .timeLimit(.minutes(5))) struct ForgedStatusTests {
  private static let forged = String(repeating: "e", count: 64)

  private static func forge(
    _ fixture: BackendFixture, _ version: String, since: Timestamp, sha256: String = forged, configPath: String? = nil,
    revision: Int64 = 1
  ) async throws {
    let key = fixture.parts.deployments.recordKey
    let stored = try #require(try await fixture.store.get(DesiredDeploymentKind.definition, key))
    var object = try stored.value()
    var record = try object.decoded(as: DesiredDeployment.self)
    var status = record.status ?? DesiredDeploymentStatus()
    let release = DesiredDeploymentStatus.Release(
      version: version, artifact: .init(path: "artifacts/evil", sha256: sha256), configPath: configPath)
    status.current = .init(
      version: version, revision: revision, artifactSha256: sha256, release: release, imageDigests: [:], since: since)
    let entry = DesiredDeploymentStatus.HistoryEntry(
      revision: revision, generation: 1, release: release, outcome: .deployed, message: "", startedAt: since,
      completedAt: since)
    status.history = [entry] + (status.history ?? [])
    record.status = status
    object["status"] = try JSONValue(encoding: status)
    _ = try await fixture.store.write(
      DesiredDeploymentKind.definition, .update(object: object, expected: stored.revision))
  }

  @Test(arguments: TestDatabase.available)
  func nothingLeavesTheBucket(_ kind: TestDatabase) async throws {
    try await BackendFixture.with(kind, environment: ["WRKTALK_DEPLOYMENT_TYPE": "docker"]) { fixture in
      let agent = WatchingAgent(fixture)
      let bucket = fixture.parts.bucket
      try await bucket.put("config/.env", .bytes(Array("A=1".utf8)))
      try await fixture.run("2.2.0", by: agent)
      let paths = [
        "backups/db.sql", "artifacts/compose/wrktalk-2.2.0-compose.tar.gz", "config/.env.v2.2.0", "config/.env.v9.2.0",
      ]
      for path in paths { try await bucket.put(path, .bytes([1])) }
      let claimed = paths + ["config/.env", "config/values.yaml"]
      for index in 0..<14 {
        fixture.advance(.seconds(60))
        try await Self.forge(
          fixture, "9.\(index).0", since: fixture.now, configPath: claimed[index % claimed.count])
        try await fixture.pass()
      }
      for path in paths { #expect(try await bucket.head(path) != nil, "\(path)") }
      let kept = try await fixture.query("SELECT \"bucketPath\" FROM compose_env_version").map { $0[0].text ?? "" }
      #expect(kept.allSatisfy { $0.hasPrefix("config/.env.v") }, "\(kept)")
    }
  }

  @Test(arguments: TestDatabase.available)
  func aReleaseOfTheVendorsIsTakenInAllTheSame(_ kind: TestDatabase) async throws {
    let vendor = try FakeVendor()
    try await BackendFixture.with(kind, environment: vendor.environment) { fixture in
      let agent = WatchingAgent(fixture)
      try await fixture.run("2.2.0", by: agent)
      try await Self.forge(fixture, "2.4.0", since: fixture.now)
      try await fixture.pass()
      try vendor.offer("2.4.0") { $0.isForced = true }
      try await fixture.pollVendor()
      try await fixture.fetchArtifacts()
      func release() async throws -> ScheduledDeployment? {
        try await fixture.database.transaction(.write) { try ScheduledDeployment.find(version: "2.4.0", in: $0) }
      }
      #expect(try await release()?.status == .pending)
      #expect(try await release()?.isDownloaded == true)
      // Nor is it overtaken by what nobody has.
      fixture.advance(.seconds(60))
      try await Self.forge(fixture, "9.0.0", since: fixture.now)
      try await fixture.pass()
      #expect(try await release()?.status == .pending)
      // Nor is it deployed because somebody says so of something else.
      fixture.advance(.seconds(60))
      try await Self.forge(fixture, "2.4.0", since: fixture.now)
      try await fixture.pass()
      #expect(try await release()?.status == .pending)
      #expect(try await fixture.schedule(try #require(try await release()).id).status == .pending)
    }
  }

  @Test(arguments: TestDatabase.available)
  func nobodyReturnsToWhatNoTaskLedTo(_ kind: TestDatabase) async throws {
    try await BackendFixture.with(kind) { fixture in
      let agent = WatchingAgent(fixture)
      try await fixture.run("2.2.0", by: agent)
      fixture.advance(.seconds(60))
      try await Self.forge(fixture, "0.1.0", since: fixture.now, revision: 7)
      try await fixture.pass()
      fixture.advance(.seconds(60))
      try await fixture.run("2.3.0", by: agent)
      let watched = try #require(try await fixture.history().first(where: \.isCurrent))
      #expect(watched.version == "2.3.0")
      let before = try await fixture.database.transaction(.read) { connection in
        try connection.query(
          """
          SELECT h.version FROM deployment_history AS h WHERE h."taskId" IS NOT NULL AND h.version <> '2.3.0'
          """
        ).compactMap { $0[0].text }
      }
      #expect(before == ["2.2.0"])
      try await fixture.setHealth("False", "WorkloadUnhealthy", version: "2.3.0")
      // A revision of the attacker's choice under the name of the version before.
      try await Self.forge(fixture, "2.2.0", since: Timestamp(seconds: 1_000), revision: 7)
      try await Self.forge(fixture, "2.3.0", since: watched.deployedAt, revision: 2)
      _ = try await fixture.rollBack(.version("2.2.0"))
      #expect(try await agent.record().spec.rollbackTo == .init(revision: 1))
    }
  }

  @Test(arguments: TestDatabase.available)
  func itFillsNoTable(_ kind: TestDatabase) async throws {
    try await BackendFixture.with(kind) { fixture in
      let agent = WatchingAgent(fixture)
      try await fixture.run("2.2.0", by: agent)
      let before = try await fixture.told().count
      for index in 0..<60 {
        fixture.advance(.seconds(1))
        try await Self.forge(fixture, index.isMultiple(of: 2) ? "9.0.0" : "9.\(index).0", since: fixture.now)
        try await fixture.pass()
      }
      #expect(try await fixture.history().count <= 32)
      #expect(try await fixture.told().count - before <= 20)
    }
  }

  @Test(arguments: TestDatabase.available)
  func oldHistoryGoesAndWhatTasksLedToStays(_ kind: TestDatabase) async throws {
    try await BackendFixture.with(kind) { fixture in
      let agent = WatchingAgent(fixture)
      try await fixture.run("2.2.0", by: agent)
      try await fixture.database.transaction(.write) { connection in
        for index in 0..<150 {
          _ = try connection.execute(
            """
            INSERT INTO deployment_history (id, "gccReleaseId", "releaseName", version, "deployedAt", status)
            VALUES ('h\(index)', '', '', '9.\(index).0', '2030-01-01T00:00:00.000Z', 'success')
            """)
        }
      }
      try await fixture.run("2.3.0", by: agent)
      #expect(try await fixture.history().count == 102)
      #expect(try await fixture.history().filter { $0.taskID != nil }.map(\.version).sorted() == ["2.2.0", "2.3.0"])
    }
  }
}
