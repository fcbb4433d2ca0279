import Database
import FleetKinds
import FleetProtocol
import Reconciliation
import ResourceModel
import ResourceStorage
import TestSupport
import Testing
import WireFormats

@testable import ControlCenter

/// Customers that die in the midst of a deployment hold nobody up.
@Suite(.postgreSQLServer, .timeLimit(.minutes(5))) struct AwayCustomerTests {
  private func begun(
    _ database: TestDatabase, gate: RolloutSpec.Gate? = nil, _ body: (FleetFixture) async throws -> Void
  ) async throws {
    try await FleetFixture.with(database) { fixture in
      for name in ["dies", "lives"] {
        try await fixture.addOrganization(name)
        try await fixture.heartbeat(name)
      }
      try await fixture.addRollout(
        "r",
        RolloutSpec(
          release: "2.3.0",
          stages: [.init(name: "both", organizations: ["dies", "lives"], gate: gate), .init(name: "rest")]))
      try await fixture.addRelease("2.3.0")
      try await fixture.settle()
      try await fixture.report("dies", "2.3.0", .inProgress, attempt: "a1")
      try await fixture.report("lives", "2.3.0", .success, attempt: "b1")
      try await fixture.settle()
      #expect(try await fixture.rollout("r").status?.stages[0].phase == .running)
      try await body(fixture)
      let (kept, counted) = try await fixture.counters("r")
      #expect(kept == counted)
    }
  }

  private func counts(_ fixture: FleetFixture) async throws -> StageCounts {
    try #require(try await fixture.rollout("r").status).stages[0].counts
  }

  /// Until an hour is over, and a little more.
  private func goOffline(_ fixture: FleetFixture) async throws {
    for _ in 0..<7 {
      fixture.advance(.seconds(600))
      try await fixture.heartbeat("lives")
      while try await fixture.parts.health.pass() == .now {}
    }
    try await fixture.settle()
  }

  @Test(arguments: TestDatabase.available)
  func whoGoesOfflineWhileDeployingIsCountedApartAndComesBack(_ database: TestDatabase) async throws {
    try await begun(database) { fixture in
      try await goOffline(fixture)
      let away = try await counts(fixture)
      #expect(away.offline == 1 && away.inProgress == 0 && away.failed == 0, "\(away)")
      #expect(try await fixture.rollout("r").status?.stages[0].phase == .passed)
      // It still is what it was, and counts so once it is heard of.
      #expect(try await fixture.target("dies", "2.3.0").status?.phase == .inProgress)
      try await fixture.heartbeat("dies")
      try await fixture.settle()
      #expect(try await counts(fixture).inProgress == 1)
      try await fixture.report("dies", "2.3.0", .success, attempt: "a1")
      try await fixture.settle()
      #expect(try await counts(fixture).succeeded == 2)
    }
  }

  @Test(arguments: TestDatabase.available)
  func whoIsSilentWhileDeployingIsCountedApartAfterTheStagesTime(_ database: TestDatabase) async throws {
    try await begun(database, gate: .init(silentAfter: DurationText(.seconds(1800)))) { fixture in
      fixture.advance(.seconds(1799))
      try await fixture.settle()
      #expect(try await counts(fixture).inProgress == 1)
      fixture.advance(.seconds(2))
      try await fixture.settle()
      let away = try await counts(fixture)
      #expect(away.silent == 1 && away.failed == 0, "\(away)")
      #expect(try await fixture.rollout("r").status?.stages[0].phase == .passed)
      try await fixture.report("dies", "2.3.0", .failed, attempt: "a1")
      try await fixture.settle()
      #expect(try await counts(fixture).failed == 1)
    }
  }

  /// What was begun is not taken back, and the rollout comes to rest.
  @Test(arguments: TestDatabase.available)
  func aHaltTakesNothingBackFromWhoHasBegunAndIsAway(_ database: TestDatabase) async throws {
    try await begun(database) { fixture in
      try await goOffline(fixture)
      try await fixture.change("r") { $0.spec.state = .halted }
      try await fixture.settle()
      #expect(try await fixture.rollout("r").status?.phase == .halted)
      #expect(try await fixture.target("dies", "2.3.0").status?.phase == .inProgress)
      let revision = try await fixture.store.currentRevision()
      _ = try await fixture.parts.rollouts.pass()
      #expect(try await fixture.store.currentRevision() == revision)
      try await fixture.heartbeat("dies")
      #expect(try await fixture.report("dies", "2.3.0", .success, attempt: "a1") == .applied)
    }
  }

  /// One that is offline when the forced release comes.
  @Test(arguments: TestDatabase.available)
  func aForcedReleaseThatComesAfterTheCustomerWentIsEscalatedAsWell(_ database: TestDatabase) async throws {
    try await FleetFixture.with(database) { fixture in
      try await fixture.addOrganization("gone")
      try await fixture.heartbeat("gone")
      for span in [600, 3000, 82_800] {
        fixture.advance(.seconds(span))
        while try await fixture.parts.health.pass() == .now {}
      }
      #expect(try await fixture.query("SELECT 1 FROM gcc_escalation").isEmpty)
      try await fixture.addRelease("2.3.0", isForced: true)
      try await fixture.settle()
      while try await fixture.parts.health.pass() == .now {}
      let open = try await fixture.query("SELECT fact FROM gcc_escalation WHERE \"resolvedAt\" IS NULL")
      #expect(open.map { $0[0].text } == ["CLIENT_OFFLINE"])
      // Whom a person has seen to is not escalated again as long as nothing is heard of it.
      try await fixture.execute("UPDATE gcc_escalation SET resolution = 'they moved'")
      for _ in 0..<2 { _ = try await fixture.parts.health.pass() }
      #expect(try await fixture.query("SELECT 1 FROM gcc_escalation").count == 1)
    }
  }
}
