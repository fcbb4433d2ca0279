import Database
import FleetKinds
import FleetPlanning
import FleetProtocol
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
}
