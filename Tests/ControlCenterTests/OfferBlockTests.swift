import Database
import FleetKinds
import FleetPlanning
import FleetProtocol
import Reconciliation
import ResourceModel
import ResourceStorage
import TestSupport
import Testing
import WireFormats

@testable import ControlCenter

/// Customers for whom a release is nothing.
@Suite(.postgreSQLServer, .timeLimit(.minutes(5))) struct OfferBlockTests {
  @Test(arguments: TestDatabase.available)
  func aReleaseWithoutABundleIsNotOfferedToDocker(_ database: TestDatabase) async throws {
    try await FleetFixture.with(database) { fixture in
      try await fixture.addOrganization("pods")
      try await fixture.addOrganization("boxes", deploymentType: .docker)
      try await fixture.addRelease("2.3.0")
      try await fixture.settle()
      let status = try #require(try await fixture.target("boxes", "2.3.0").status)
      #expect(status.blocked == .artifactMissing && status.bucket == .blocked && status.offeredAt == nil)
      #expect(try await fixture.target("pods", "2.3.0").status?.phase == .notified)
      // Nobody need look after it, and it is no failure.
      #expect(try await fixture.query("SELECT 1 FROM gcc_escalation").isEmpty)
      let counts = try #require(try await fixture.rollout("release-2.3.0").status).stages[0].counts
      #expect(counts.blocked == 1 && counts.failed == 0)
      let answer = try await fixture.parts.failures.groups(of: "2.3.0")
      #expect(answer["blocked"] == ["ArtifactMissing": 1])
    }
  }

  /// A draft's artifacts are there before its digests are.
  @Test(arguments: TestDatabase.available)
  func thePlanOfADraftKnowsItsArtifacts(_ database: TestDatabase) async throws {
    try await FleetFixture.with(database) { fixture in
      try await fixture.addOrganization("pods")
      try await fixture.addOrganization("boxes", deploymentType: .docker)
      try await fixture.execute(
        """
        INSERT INTO gcc_release (id, version) VALUES ('r', '2.3.0')
        """)
      try await fixture.execute(
        """
        INSERT INTO gcc_artifact (id, version, type, "bucketPath", sha256, "sizeBytes")
        VALUES ('a', '2.3.0', 'compose', 'x', 'y', 1)
        """)
      let plan = try await fixture.parts.preview
        .plan(RolloutSpec(release: "2.3.0", stages: [.init(name: "all")]))
      #expect(plan.stages[0].blocked.map(\.organization) == ["pods"])
      #expect(plan.stages[0].blocked.map(\.reason) == [.artifactMissing])
    }
  }

  @Test(arguments: TestDatabase.available)
  func nobodyIsOfferedAnOlderVersionUnlessItRunsAnOlderOneAgain(_ database: TestDatabase) async throws {
    try await FleetFixture.with(database) { fixture in
      try await fixture.addOrganization("ahead", currentVersion: "2.4.0")
      try await fixture.addOrganization("behind", currentVersion: "2.2.0")
      try await fixture.addRelease("2.3.0")
      try await fixture.settle()
      #expect(try await fixture.target("ahead", "2.3.0").status?.blocked == .newerVersion)
      #expect(try await fixture.target("behind", "2.3.0").status?.phase == .notified)
      #expect(try await fixture.parts.steps.recheckBlocked(after: "") == nil)
      #expect(try await fixture.target("ahead", "2.3.0").status?.blocked == .newerVersion)
      try await fixture.heartbeat("ahead", version: "2.2.5")
      #expect(try await fixture.parts.steps.recheckBlocked(after: "") == nil)
      try await fixture.settle()
      #expect(try await fixture.target("ahead", "2.3.0").status?.phase == .notified)
    }
  }

  /// Nothing is looked at again while nothing has changed.
  @Test(arguments: TestDatabase.available)
  func whoIsPassedOverIsDecidedOnAnewOnlyWhereSomethingChanged(_ database: TestDatabase) async throws {
    try await FleetFixture.with(database) { fixture in
      try await fixture.addOrganization("ahead", currentVersion: "2.4.0")
      try await fixture.addRelease("2.3.0")
      try await fixture.settle()
      let revision = try await fixture.store.currentRevision()
      for _ in 0..<2 { #expect(try await fixture.parts.steps.recheckBlocked(after: "") == nil) }
      #expect(try await fixture.store.currentRevision() == revision)
      // For another reason now.
      try await fixture.execute(
        "UPDATE organizational_service SET \"licenseExpiresAt\" = '2020-01-01T00:00:00Z'")
      #expect(try await fixture.parts.steps.recheckBlocked(after: "") == nil)
      #expect(try await fixture.target("ahead", "2.3.0").status?.blocked == .licenseExpired)
      #expect(try await fixture.query("SELECT 1 FROM gcc_escalation").count == 1)
    }
  }

  @Test(arguments: TestDatabase.available)
  func theVersionBeforeIsOfferedThoughItIsOlder(_ database: TestDatabase) async throws {
    try await FleetFixture.with(database) { fixture in
      let names = try await fixture.addOrganizations(4)
      try await fixture.addRelease("2.2.0")
      try await fixture.settle()
      for name in names { try await fixture.report(name, "2.2.0", .success, currentVersion: "2.2.0") }
      fixture.advance(.seconds(60))
      try await fixture.addRollout(
        "r",
        RolloutSpec(
          release: "2.3.0", onHalt: .offerPrevious, stages: [.init(name: "all", gate: .init(maxFailures: 0))]))
      try await fixture.addRelease("2.3.0")
      try await fixture.settle()
      for name in names.prefix(2) { try await fixture.report(name, "2.3.0", .success, currentVersion: "2.3.0") }
      try await fixture.report(names[2], "2.3.0", .failed)
      try await fixture.settle()
      #expect(try await fixture.rollout("r").status?.phase == .halted)
      for name in names.prefix(2) {
        #expect(try await fixture.target(name, "2.2.0").status?.phase == .notified, "\(name)")
      }
      #expect(try await fixture.target(names[3], "2.2.0").status?.phase == .success)
    }
  }

  /// What a customer ran last, and no other: by its last return too, whether it writes a "v", and only while it is published.
  @Test(arguments: TestDatabase.available)
  func theVersionBeforeIsTheOneThatRanLast(_ database: TestDatabase) async throws {
    try await FleetFixture.with(database) { fixture in
      let names = try await fixture.addOrganizations(4)
      for version in ["2.0.0", "2.1.0", "2.2.0"] {
        try await fixture.addRelease(version)
        try await fixture.settle()
        for name in names { try await fixture.report(name, version, .success, currentVersion: version) }
        fixture.advance(.seconds(60))
      }
      // The second went back to 2.1.0 later, by hand.
      try await fixture.report(names[1], "2.2.0", .rolledBack, attempt: "b", currentVersion: "2.1.0")
      fixture.advance(.seconds(60))
      // Of the first nobody says what ran after a return that it reports.
      try await fixture.report(names[0], "2.1.0", .rolledBack, attempt: "d")
      try await fixture.report(names[0], "2.2.0", .success, attempt: "e", currentVersion: "2.2.0")
      try await fixture.report(names[0], "2.0.0", .rolledBack, attempt: "f")
      // What the third ran last is offered to nobody any more.
      try await fixture.report(names[2], "2.2.0", .rolledBack, attempt: "c", currentVersion: "2.0.0")
      fixture.advance(.seconds(60))
      try await fixture.execute("UPDATE gcc_release SET status = 'deprecated' WHERE version = '2.0.0'")
      try await fixture.addRollout(
        "r",
        RolloutSpec(
          release: "2.3.0", onHalt: .offerPrevious, stages: [.init(name: "all", gate: .init(maxFailures: 0))]))
      try await fixture.addRelease("2.3.0")
      try await fixture.settle()
      for name in names.prefix(3) { try await fixture.report(name, "2.3.0", .success, currentVersion: "2.3.0") }
      try await fixture.execute(
        "UPDATE organizational_service SET \"currentVersion\" = 'v2.3.0' WHERE name = '\(names[0])'")
      try await fixture.report(names[3], "2.3.0", .failed)
      try await fixture.settle()
      #expect(try await fixture.rollout("r").status?.phase == .halted)
      let offered = try await fixture.query(
        """
        SELECT "organizationName", "releaseVersion" FROM gcc_deployment_target
        WHERE status = 'notified' AND "releaseVersion" <> '2.3.0' ORDER BY 1, 2
        """
      ).map { "\($0[0].text ?? "") \($0[1].text ?? "")" }
      #expect(offered == ["\(names[0]) 2.2.0", "\(names[1]) 2.1.0"])
    }
  }

  /// One licence that has ended is one fact, however many releases it keeps away, and is over with the last of them.
  @Test(arguments: TestDatabase.available)
  func anEscalationEndsWithTheReleaseThatItIsAbout(_ database: TestDatabase) async throws {
    try await FleetFixture.with(database, environment: HealthTests.withMail) { fixture in
      try await fixture.addOrganization("expired", licenseExpiresAt: fixture.now)
      try await fixture.addOrganization("old", currentVersion: "1.0.0")
      for version in ["2.3.0", "2.4.0"] { try await fixture.addRelease(version, minCurrentVersion: "2.0.0") }
      try await fixture.settle()
      func open() async throws -> [String] {
        while try await fixture.parts.health.pass() == .now {}
        return try await fixture.query(
          "SELECT \"organizationName\", fact FROM gcc_escalation WHERE \"resolvedAt\" IS NULL ORDER BY 1, 2"
        ).map { "\($0[0].text ?? "") \($0[1].text ?? "")" }
      }
      #expect(
        try await open() == [
          "expired LICENSE_EXPIRED", "old MIN_VERSION_BLOCKED/2.3.0", "old MIN_VERSION_BLOCKED/2.4.0",
        ])
      try await fixture.execute("UPDATE gcc_release SET status = 'deprecated' WHERE version = '2.3.0'")
      #expect(try await open() == ["expired LICENSE_EXPIRED", "old MIN_VERSION_BLOCKED/2.4.0"])
      // Another reason takes the place of the one before.
      try await fixture.execute(
        "UPDATE organizational_service SET \"licenseExpiresAt\" = '2020-01-01T00:00:00Z' WHERE name = 'old'")
      #expect(try await fixture.parts.steps.recheckBlocked(after: "") == nil)
      #expect(try await open() == ["expired LICENSE_EXPIRED", "old LICENSE_EXPIRED"])
      try await fixture.execute("UPDATE gcc_release SET withdrawn = true WHERE version = '2.4.0'")
      #expect(try await open() == [])
    }
  }
}
