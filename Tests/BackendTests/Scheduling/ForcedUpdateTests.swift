import OfferPlanning
import TestSupport
import Testing
import WireFormats

@testable import Backend

/// The timeline of a forced update (spec §10.2).
@Suite(.postgreSQLServer, .timeLimit(.minutes(5))) struct ForcedUpdateTests {
  private static let forced: Set = ["forcedReminder", "forcedUrgentReminder", "deadlineExceeded"]

  private static func told(_ fixture: BackendFixture) async throws -> [String] {
    try await fixture.told().compactMap { $0["kind"]?.string }.filter(forced.contains)
  }

  @Test(arguments: TestDatabase.available)
  func section10_2AdminsAreToldAtTwelveTwentyAndTwentyFourHours(_ kind: TestDatabase) async throws {
    try await BackendFixture.with(kind) { fixture in
      let id = try await fixture.addDownloaded(BackendFixture.offer("2.3.0", isForced: true))
      let expected: [(Int, [String])] = [
        (0, []), (11, []), (12, ["forcedReminder"]), (19, ["forcedReminder"]),
        (20, ["forcedReminder", "forcedUrgentReminder"]), (23, ["forcedReminder", "forcedUrgentReminder"]),
        (24, ["forcedReminder", "forcedUrgentReminder", "deadlineExceeded"]),
        (48, ["forcedReminder", "forcedUrgentReminder", "deadlineExceeded"]),
      ]
      var hour = 0
      for (next, notices) in expected {
        fixture.advance(.seconds((next - hour) * 3600))
        hour = next
        for _ in 0..<2 { try await fixture.pass() }
        #expect(try await Self.told(fixture) == notices, "after \(next) hours")
      }
      let deployment = try #require(try await fixture.deployment(id))
      #expect(deployment.status == .deadlineExceeded && deployment.remindersSent == 3)
      #expect(try await fixture.reported() == ["deadlineExceeded"])
      // Never by itself, but still by hand.
      #expect(try await fixture.query("SELECT 1 FROM agent_task").isEmpty)
      _ = try await fixture.schedule(id)
      try await WatchingAgent(fixture).deploy()
      try await fixture.pass()
      #expect(try await fixture.reported() == ["deadlineExceeded", "scheduled", "inProgress", "success"])
    }
  }

  /// What runs contains it.
  @Test(arguments: TestDatabase.available)
  func aForcedReleaseThatIsOvertakenHasNoDeadline(_ kind: TestDatabase) async throws {
    try await BackendFixture.with(kind) { fixture in
      let agent = WatchingAgent(fixture)
      try await fixture.run("2.2.0", by: agent)
      let waiting = try await fixture.addDownloaded(BackendFixture.offer("2.3.0", isForced: true))
      let failed = try await fixture.addDownloaded(BackendFixture.offer("2.3.1", isForced: true))
      _ = try await fixture.schedule(failed)
      _ = try await agent.begin()
      try await agent.fail("HelmUpgradeFailed", "no")
      try await agent.restore()
      try await fixture.pass()
      fixture.advance(.seconds(60))
      try await fixture.run("2.4.0", by: agent)
      for _ in 0..<3 {
        fixture.advance(.seconds(40_000))
        try await fixture.pass()
      }
      #expect(try await Self.told(fixture) == [])
      #expect(try await fixture.deployment(waiting)?.status == .cancelled)
      #expect(try await fixture.deployment(waiting)?.failureReason == "Overtaken")
      #expect(try await fixture.deployment(failed)?.status == .rolledBack)
      let last = try #require(try await fixture.outbox(VendorReports.topic).last?["body"])
      #expect(last["releaseId"] == "rel-2.3.0" && last["status"] == "cancelled" && last["reason"] == "Overtaken")
    }
  }

  @Test func afterDowntimeOnlyTheLatestIsTold() async throws {
    try await BackendFixture.with(.sqlite) { fixture in
      _ = try await fixture.addDownloaded(BackendFixture.offer("2.3.0", isForced: true))
      fixture.advance(.seconds(21 * 3600))
      try await fixture.pass()
      #expect(try await Self.told(fixture) == ["forcedUrgentReminder"])
    }
  }

  @Test func whoHasDeployedHearsNoMore() async throws {
    try await BackendFixture.with(.sqlite) { fixture in
      let agent = WatchingAgent(fixture)
      let id = try await fixture.addDownloaded(BackendFixture.offer("2.3.0", isForced: true))
      _ = try await fixture.schedule(id)
      try await agent.deploy()
      fixture.advance(.seconds(90_000))
      try await fixture.pass()
      #expect(try await Self.told(fixture) == [])
    }
  }

  /// A time after the deadline is kept; the vendor hears of it all the same.
  @Test func aTimeAfterTheDeadlineIsKept() async throws {
    try await BackendFixture.with(.sqlite) { fixture in
      let id = try await fixture.addDownloaded(BackendFixture.offer("2.3.0", isForced: true))
      _ = try await fixture.schedule(id, at: fixture.now + .seconds(100_000))
      fixture.advance(.seconds(86_400))
      try await fixture.pass()
      #expect(try await Self.told(fixture) == ["deadlineExceeded"])
      #expect(try await fixture.deployment(id)?.status == .scheduled)
      #expect(try await fixture.reported() == ["scheduled", "deadlineExceeded"])
    }
  }

  /// The vendor would take a report of an attempt that has failed for an old one.
  @Test func aDeadlineAfterAFailureIsAnAttemptOfItsOwn() async throws {
    try await BackendFixture.with(.sqlite) { fixture in
      let agent = WatchingAgent(fixture)
      let id = try await fixture.addDownloaded(BackendFixture.offer("2.3.0", isForced: true))
      _ = try await fixture.schedule(id)
      _ = try await agent.begin()
      try await agent.fail("HelmUpgradeFailed", "no")
      try await agent.look()
      try await fixture.pass()
      #expect(try await fixture.deployment(id)?.status == .failed)
      fixture.advance(.seconds(86_400))
      try await fixture.pass()
      #expect(try await fixture.deployment(id)?.status == .deadlineExceeded)
      let attempts = try await fixture.outbox(VendorReports.topic).compactMap { $0["body"]?["attempt"]?.integer }
      #expect(attempts == [1, 1, 1, 2])
    }
  }
}
