import Database
import FleetPlanning
import ObjectStorage
import TestSupport
import Testing
import WireFormats

@testable import ControlCenter

@Suite(.postgreSQLServer, .timeLimit(.minutes(5))) struct ArtifactRetentionTests {
  private static let now = ArtifactFixture.start
  private static func hoursAgo(_ hours: Int) -> Timestamp { now + .seconds(-3600 * hours) }

  private static func candidate(
    _ version: String, _ type: ArtifactType = .helm, hoursAgo hours: Int,
    release: RetentionPlan.Candidate.Release? = .init(isDraft: false, createdAt: hoursAgo(1000))
  ) throws -> RetentionPlan.Candidate {
    RetentionPlan.Candidate(
      record: ArtifactRecord(
        id: version, key: ArtifactKey(version: try ReleaseVersion(version), type: type), sha256: "", byteCount: 1,
        createdAt: hoursAgo(hours)), release: release)
  }

  struct Case: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var candidates: [RetentionPlan.Candidate]
    var needed: Set<String> = []
    var kept = 2
    var removed: [String]
  }

  static let cases: [Case] = [
    Case(testDescription: "nothing is there", candidates: [], removed: []),
    Case(
      testDescription: "the latest uploads stay",
      candidates: (try? (0..<5).map { try candidate("1.0.\($0)", hoursAgo: 100 - $0) }) ?? [],
      removed: ["1.0.0", "1.0.1", "1.0.2"]),
    Case(
      testDescription: "a fix of an old version is a late upload",
      candidates: (try? [
        candidate("2.0.0", hoursAgo: 50), candidate("3.0.0", hoursAgo: 40), candidate("1.9.9", hoursAgo: 1),
      ]) ?? [], removed: ["2.0.0"]),
    Case(
      testDescription: "of one moment the higher version stays",
      candidates: (try? ["1.0.99", "1.0.102", "1.0.9"].map { try candidate($0, hoursAgo: 50) }) ?? [], kept: 1,
      removed: ["1.0.99", "1.0.9"]),
    Case(
      testDescription: "each type has places of its own",
      candidates: (try? [
        candidate("1.0.0", hoursAgo: 50), candidate("1.0.0", .compose, hoursAgo: 50), candidate("1.0.1", hoursAgo: 40),
        candidate("1.0.2", hoursAgo: 30),
      ]) ?? [], removed: ["1.0.0"]),
    Case(
      testDescription: "what somebody needs stays",
      candidates: (try? (0..<5).map { try candidate("1.0.\($0)", hoursAgo: 100 - $0) }) ?? [],
      needed: ["1.0.0", "1.0.2"], removed: ["1.0.1"]),
    Case(
      testDescription: "a young draft stays, an old one takes its place among the others",
      candidates: (try? [
        candidate("1.0.0", hoursAgo: 100, release: .init(isDraft: true, createdAt: hoursAgo(100))),
        candidate("1.0.1", hoursAgo: 90, release: .init(isDraft: true, createdAt: hoursAgo(23))),
        candidate("1.0.2", hoursAgo: 3), candidate("1.0.3", hoursAgo: 2),
      ]) ?? [], removed: ["1.0.0"]),
    Case(
      testDescription: "what has no release goes after a day",
      candidates: (try? [
        candidate("1.0.0", hoursAgo: 25, release: nil), candidate("1.0.1", hoursAgo: 23, release: nil),
      ]) ?? [], removed: ["1.0.0"]),
    Case(
      testDescription: "what has no release but a customer runs stays",
      candidates: (try? [candidate("1.0.0", hoursAgo: 25, release: nil)]) ?? [], needed: ["1.0.0"], removed: []),
    Case(
      testDescription: "uploads whose releases come soon are not removed for being many",
      candidates: (try? (0..<5).map { try candidate("1.0.\($0)", hoursAgo: 5 - $0, release: nil) }) ?? [], removed: []),
  ]

  @Test(arguments: cases)
  func whatMayGoIsDecidedByRows(_ example: Case) {
    let plan = RetentionPlan(
      example.candidates, needed: example.needed, objects: [:],
      rules: RetentionPlan.Rules(keptVersions: example.kept), now: Self.now)
    #expect(plan.removals.map(\.record.key.version.text).sorted() == example.removed.sorted())
  }

  @Test func objectsWithoutARowGoADayAfterTheirFirstSight() throws {
    func key(_ version: String) throws -> ArtifactKey {
      ArtifactKey(version: try ReleaseVersion(version), type: .helm)
    }
    let plan = RetentionPlan(
      [try Self.candidate("1.0.0", hoursAgo: 50)], needed: [],
      objects: [
        try key("1.0.0"): Self.hoursAgo(100), try key("1.0.1"): Self.hoursAgo(25), try key("1.0.2"): Self.hoursAgo(23),
      ], now: Self.now)
    #expect(plan.objects == [try key("1.0.1")])
  }

  @Test(arguments: TestDatabase.available)
  func nothingThatATargetARollbackOrACustomerNeedsIsRemoved(_ kind: TestDatabase) async throws {
    try await ArtifactFixture.with(kind) { fixture, server in
      // 1.0.0 is the oldest of 12 versions; two are kept for being the latest.
      for number in 0..<12 {
        _ = try await server.publish("1.0.\(number)")
        fixture.advance(by: .seconds(3600))
      }
      fixture.advance(by: .seconds(86_400 * 2))
      let time = kind == .postgresql ? "timestamp(3)" : "text"
      func target(_ version: String, _ status: String, of organization: String = "acme", day: Int? = nil) -> String {
        let ended = day.map { "'2026-01-0\($0)T00:00:00Z'" } ?? "NULL"
        return """
          INSERT INTO gcc_deployment_target
          SELECT 'target-' || version || '\(organization)', id, '\(organization)', '\(status)', CAST(\(ended) AS \(time))
          FROM gcc_release WHERE version = '\(version)'
          """
      }
      func history(_ version: String, _ organization: String, day: Int, _ status: String = "success") -> String {
        """
        INSERT INTO gcc_version_history
          (id, "organizationName", "releaseVersion", "deployedAt", status, "helmRevision") VALUES ('\(organization)-\(version)-\(day)', '\(organization)', '\(version)', \
        '2026-01-0\(day)T00:00:00Z', '\(status)', 1)
        """
      }
      for statement in [
        target("1.0.0", "pending"), target("1.0.1", "success"), target("1.0.2", "webhookFailed"),
        target("1.0.3", "cancelled"),
        // It may be tried again for one; for the other something else has succeeded since.
        target("1.0.9", "failed", of: "third", day: 2), target("1.0.3", "failed", of: "acme-2", day: 2),
        target("1.0.8", "success", of: "acme-2", day: 3),
        "INSERT INTO organizational_service VALUES ('1', 'acme', 'v1.0.4'), ('2', 'other', NULL)",
        history("1.0.5", "acme", day: 1), history("1.0.6", "acme", day: 2), history("1.0.7", "acme", day: 3),
        history("1.0.8", "acme", day: 4), history("1.0.8", "acme", day: 5), history("1.0.1", "acme", day: 6, "failed"),
        history("1.0.1", "other", day: 1, "rolledBack"),
      ] { try await fixture.execute(statement) }
      let job = RetentionJob(
        store: fixture.store, keptVersions: 2, now: fixture.now, logger: ArtifactFixture.logger,
        furtherNeeds: { _ in ["1.0.4"] })
      let plan = try await job.pass()
      // 1.0.0, 1.0.2, 1.0.9: targets; 1.0.4: runs, and a rollout; 1.0.6 to 1.0.8: the way back; 1.0.10, 1.0.11: the latest.
      #expect(plan.removals.map(\.record.key.version.text).sorted() == ["1.0.1", "1.0.3", "1.0.5"])
      #expect(try await fixture.objects().count == 9)
      #expect(try await fixture.count("gcc_artifact") == 9)
      #expect(try await job.pass().removals.isEmpty)
      try await fixture.expectAgreement()
    }
  }

  @Test func orphansOfTheBucketGoADayAfterTheirFirstSight() async throws {
    try await ArtifactFixture.with { fixture, server in
      let bucket = fixture.bucket
      _ = try await server.publish("1.0.0")
      try await bucket.put("charts/helm/wrktalk-0.9.0.tgz", .bytes([1]))
      try await bucket.put("charts/helm/index.yaml", .bytes([1]))
      let job = RetentionJob(store: fixture.store, now: fixture.now, logger: ArtifactFixture.logger)
      #expect(try await job.pass().objects.isEmpty)
      fixture.advance(by: .seconds(86_400 + 60))
      // An upload of the same version holds it: it is left alone.
      let key = ArtifactKey(version: try ReleaseVersion("0.9.0"), type: .helm)
      _ = try await fixture.store.claims.holding(key) { _ in
        let plan = try await job.pass()
        #expect(plan.objects.isEmpty)
      }
      #expect(try await job.pass().objects == [key])
      #expect(try await fixture.objects() == ["charts/helm/index.yaml", "charts/helm/wrktalk-1.0.0.tgz"])
    }
  }

  @Test func theJobLooksWhenItIsWoken() async throws {
    try await ArtifactFixture.with { fixture, server in
      for number in 0..<4 {
        _ = try await server.publish("1.0.\(number)")
        fixture.advance(by: .seconds(60))
      }
      fixture.advance(by: .seconds(86_400 * 2))
      let job = RetentionJob(
        store: fixture.store, keptVersions: 3, interval: .seconds(3600), now: fixture.now,
        logger: ArtifactFixture.logger)
      let running = Task { try await job.run() }
      while try await fixture.count("gcc_artifact") == 4 { try await Task.sleep(for: .milliseconds(10)) }
      _ = try await server.publish("1.0.4")
      job.wake()
      while try await fixture.count("gcc_artifact") == 4 { try await Task.sleep(for: .milliseconds(10)) }
      running.cancel()
      _ = try? await running.value
      #expect(try await fixture.count("gcc_artifact") == 3)
    }
  }
}
