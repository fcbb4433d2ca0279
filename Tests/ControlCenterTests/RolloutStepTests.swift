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

/// Rollouts over real tables: what `RolloutPlanner` decides is carried out, and what is kept adds up after each step.
@Suite(.postgreSQLServer, .timeLimit(.minutes(10))) struct RolloutStepTests {
  private func expectCountersAddUp(_ fixture: FleetFixture, _ rollout: String) async throws {
    let (kept, counted) = try await fixture.counters(rollout)
    #expect(kept == counted)
  }

  @Test(arguments: TestDatabase.available)
  func aReleaseThatIsPublishedWithoutARolloutReachesEveryoneAtOnce(_ database: TestDatabase) async throws {
    try await FleetFixture.with(database) { fixture in
      let names = try await fixture.addOrganizations(25)
      try await fixture.addRelease("2.3.0")
      try await fixture.settle()
      let rollout = try await fixture.rollout("release-2.3.0")
      #expect(rollout.status?.stages.first?.counts.members == 25)
      for name in names {
        let target = try await fixture.target(name, "2.3.0")
        #expect(target.status?.offeredAt != nil && target.status?.phase == .notified)
      }
      try await expectCountersAddUp(fixture, "release-2.3.0")
    }
  }

  @Test(arguments: TestDatabase.available)
  func aRolloutThatIsDeletedDoesNotLetTheReleaseLoose(_ database: TestDatabase) async throws {
    try await FleetFixture.with(database) { fixture in
      _ = try await fixture.addOrganizations(10)
      try await fixture.addRollout(
        "careful", RolloutSpec(release: "2.3.0", stages: [.init(name: "first", count: 2), .init(name: "rest")]))
      try await fixture.addRelease("2.3.0")
      try await fixture.settle()
      let stored = try #require(
        try await fixture.store.get(RolloutKind.definition, ObjectKey(namespace: "", name: "careful")))
      _ = try await fixture.store.write(RolloutKind.definition, .remove(key: stored.key, expected: stored.revision))
      try await fixture.settle()
      let left = try await fixture.store.list(RolloutKind.definition, ListQuery()).items
      #expect(left.map(\.key.name) == [])
      #expect(try await fixture.query("SELECT count(*) FROM gcc_deployment_target").first?[0].integer == 2)
    }
  }

  @Test(arguments: TestDatabase.available)
  func stagesFollowOneAnotherAsTheirGatesOpen(_ database: TestDatabase) async throws {
    try await FleetFixture.with(database) { fixture in
      _ = try await fixture.addOrganizations(20)
      try await fixture.addOrganization("pilot", labels: ["tier": "pilot"])
      let stages: [RolloutSpec.Stage] = [
        .init(name: "pilot", selector: .init(matchLabels: ["tier": "pilot"])),
        .init(name: "tenth", percent: 10, gate: .init(successPercent: 100, minReports: 2)),
        .init(name: "rest", maxInFlight: 5),
      ]
      try await fixture.addRollout("r", RolloutSpec(release: "2.3.0", stages: stages))
      try await fixture.addRelease("2.3.0")
      try await fixture.settle()
      var status = try #require(try await fixture.rollout("r").status)
      #expect(status.stages.map(\.counts.members) == [1, 0, 0], "\(status.reason)")
      try await fixture.report("pilot", "2.3.0", .success)
      try await fixture.settle()
      status = try #require(try await fixture.rollout("r").status)
      #expect(status.stages.map(\.phase) == [.passed, .running, .pending])
      #expect(status.stages.map(\.counts.members) == [1, 2, 0])
      try await expectCountersAddUp(fixture, "r")
      let tenth = try await fixture.query(
        "SELECT \"organizationName\" FROM gcc_deployment_target WHERE \"stageIndex\" = 1"
      ).compactMap { $0[0].text }
      for name in tenth { try await fixture.report(name, "2.3.0", .success) }
      try await fixture.settle()
      status = try #require(try await fixture.rollout("r").status)
      #expect(status.stages.map(\.counts.members) == [1, 2, 18])
      #expect(status.stages[2].counts.consent == 18, "without webhooks nobody is under way: \(status.stages[2].counts)")
      for name in try await fixture.query(
        "SELECT \"organizationName\" FROM gcc_deployment_target WHERE \"stageIndex\" = 2"
      ).compactMap({ $0[0].text }) { try await fixture.report(name, "2.3.0", .success) }
      try await fixture.settle()
      #expect(try await fixture.rollout("r").status?.phase == .completed)
      try await expectCountersAddUp(fixture, "r")
    }
  }

  @Test(arguments: TestDatabase.available)
  func tooManyFailuresHaltItAndTakeBackWhatNobodyHasBegun(_ database: TestDatabase) async throws {
    try await FleetFixture.with(database) { fixture in
      let names = try await fixture.addOrganizations(30)
      try await fixture.addRollout(
        "r", RolloutSpec(release: "2.3.0", stages: [.init(name: "all", gate: .init(maxFailures: 2))]))
      try await fixture.addRelease("2.3.0")
      try await fixture.settle()
      for name in names.prefix(5) { try await fixture.report(name, "2.3.0", .success) }
      for name in names.dropFirst(5).prefix(3) {
        try await fixture.report(name, "2.3.0", .failed, reason: "ImagePullFailed", message: "media: no such image")
      }
      try await fixture.settle()
      let status = try #require(try await fixture.rollout("r").status)
      #expect(status.phase == .halted && status.haltCause == .tooManyFailures, "\(status.reason)")
      let counts = status.stages[0].counts
      #expect(counts.succeeded == 5 && counts.failed == 3 && counts.cancelled == 22, "\(counts)")
      try await expectCountersAddUp(fixture, "r")
      let escalations = try await fixture.store.list(EscalationKind.definition, ListQuery()).items
      #expect(escalations.count == 3)
      // With the cause gone, what failed and what was taken back is tried again, with the same content.
      try await fixture.change("r") {
        $0.metadata.annotations = [RolloutKind.retryAnnotation: fixture.now.description]
      }
      try await fixture.settle()
      let retried = try #require(try await fixture.rollout("r").status)
      // Five have reported, and those that wait for consent keep nobody waiting.
      #expect(retried.haltedAt == nil && retried.stages[0].counts.consent == 25, "\(retried.reason)")
      try await expectCountersAddUp(fixture, "r")
      for name in names { try await fixture.report(name, "2.3.0", .success, attempt: "second-\(name)") }
      try await fixture.settle()
      #expect(try await fixture.rollout("r").status?.phase == .completed)
      #expect(
        try await fixture.query("SELECT count(*) FROM gcc_escalation WHERE \"resolvedAt\" IS NULL").first?[0].integer
          == 0)
    }
  }

  @Test(arguments: TestDatabase.available)
  func thoseThatConvergedAreOfferedTheVersionBeforeWhenAHaltSaysSo(_ database: TestDatabase) async throws {
    try await FleetFixture.with(database) { fixture in
      let names = try await fixture.addOrganizations(6)
      try await fixture.addRelease("2.2.0")
      try await fixture.settle()
      for name in names { try await fixture.report(name, "2.2.0", .success, deployedAt: fixture.now) }
      fixture.advance(.seconds(3600))
      try await fixture.addRollout(
        "r",
        RolloutSpec(
          release: "2.3.0", onHalt: .offerPrevious, stages: [.init(name: "all", gate: .init(maxFailures: 0))]))
      try await fixture.addRelease("2.3.0")
      try await fixture.settle()
      for name in names.prefix(2) { try await fixture.report(name, "2.3.0", .success, deployedAt: fixture.now) }
      try await fixture.report(names[2], "2.3.0", .failed)
      try await fixture.settle()
      #expect(try await fixture.rollout("r").status?.phase == .halted)
      for name in names.prefix(2) {
        let target = try await fixture.target(name, "2.2.0")
        #expect(target.status?.phase == .notified, "\(name) is offered 2.2.0 again")
      }
      #expect(try await fixture.target(names[3], "2.2.0").status?.phase == .success, "who never left it is left alone")
      try await expectCountersAddUp(fixture, "r")
    }
  }

  /// Until a newer release is published, whose own rollout decides whom it reaches.
  @Test(arguments: TestDatabase.available)
  func whoJoinsAfterARolloutToEveryoneHasCompletedIsOfferedItsRelease(_ database: TestDatabase) async throws {
    try await FleetFixture.with(database) { fixture in
      for name in try await fixture.addOrganizations(2) { try await fixture.heartbeat(name) }
      try await fixture.addRelease("2.3.0")
      try await fixture.settle()
      for number in 0..<2 { try await fixture.report("org-000\(number)", "2.3.0", .success) }
      try await fixture.settle()
      #expect(try await fixture.rollout("release-2.3.0").status?.phase == .completed)
      try await fixture.addOrganization("late")
      fixture.advance(.seconds(61))
      try await fixture.settle()
      #expect(try await fixture.target("late", "2.3.0").status?.phase == .notified)
      #expect(try await fixture.rollout("release-2.3.0").status?.phase == .completed)
      try await expectCountersAddUp(fixture, "release-2.3.0")
      try await fixture.addRollout("r", RolloutSpec(release: "2.4.0", stages: [.init(name: "one", count: 1)]))
      try await fixture.addRelease("2.4.0")
      try await fixture.settle()
      try await fixture.addOrganization("later")
      fixture.advance(.seconds(61))
      try await fixture.settle()
      let targets = try await fixture.query(
        "SELECT 1 FROM gcc_deployment_target WHERE \"organizationName\" = 'later'")
      #expect(targets.isEmpty)
    }
  }

  /// The story of a bad release: what the plan announced is what halts it, and who had taken it comes back.
  @Test(arguments: TestDatabase.available)
  func aTenthThatFailsHaltsWhereThePlanSaidAndTheOthersComeBack(_ database: TestDatabase) async throws {
    try await FleetFixture.with(database) { fixture in
      let names = try await fixture.addOrganizations(60)
      try await fixture.addRelease("2.2.0")
      try await fixture.settle()
      for name in names { try await fixture.report(name, "2.2.0", .success, currentVersion: "2.2.0") }
      fixture.advance(.seconds(3600))
      try await fixture.addRelease("2.3.0", state: .draft)
      let spec = RolloutSpec(
        release: "2.3.0", onHalt: .offerPrevious,
        stages: [
          .init(name: "canary", count: 40, gate: .init(maxFailuresPercent: 9, minReports: 20)), .init(name: "rest"),
        ])
      let plan = try await fixture.parts.preview.plan(spec)
      let canary = plan.stages[0]
      #expect(canary.failureBudget == 3 && canary.comparedFrom == 20)
      try await fixture.addRollout("r", spec)
      try await fixture.execute("UPDATE gcc_release SET status = 'published' WHERE version = '2.3.0'")
      try await fixture.settle()
      // Every tenth fails.
      var (succeeded, failed): ([String], Int) = ([], 0)
      for (index, name) in canary.organizations.enumerated() {
        if try await fixture.rollout("r").status?.phase == .halted { break }
        if index % 10 == 9 {
          failed += 1
          try await fixture.report(name, "2.3.0", .failed, currentVersion: "2.2.0")
        } else {
          succeeded.append(name)
          try await fixture.report(name, "2.3.0", .success, currentVersion: "2.3.0")
        }
        try await fixture.settle()
        let reported = failed + succeeded.count
        let isOver = reported >= canary.comparedFrom ?? 0 && failed * 100 > 9 * reported
        let status = try #require(try await fixture.rollout("r").status)
        #expect((status.phase == .halted) == isOver, "\(reported) reported, \(failed) failed: \(status.reason)")
        try await expectCountersAddUp(fixture, "r")
      }
      #expect(try await fixture.rollout("r").status?.haltCause == .tooManyFailures && failed == 2)
      let reached = try await fixture.query(
        "SELECT 1 FROM gcc_deployment_target WHERE \"stageName\" = 'rest' AND \"offeredAt\" IS NOT NULL")
      #expect(reached.isEmpty, "nobody of the next stage was offered it")
      for name in succeeded {
        #expect(try await fixture.target(name, "2.2.0").status?.phase == .notified)
        try await fixture.report(name, "2.2.0", .success, attempt: "back", currentVersion: "2.2.0")
      }
      let running = try await fixture.query(
        "SELECT \"currentVersion\", count(*) FROM organizational_service GROUP BY 1"
      ).map { "\($0[0].text ?? "") \($0[1].integer ?? 0)" }
      #expect(running == ["2.2.0 60"])
    }
  }

  @Test(arguments: TestDatabase.available)
  func whoIsOfflineIsCountedApartAndBlocksNothing(_ database: TestDatabase) async throws {
    try await FleetFixture.with(database) { fixture in
      for name in ["here", "away"] {
        try await fixture.addOrganization(name)
        try await fixture.heartbeat(name)
      }
      for _ in 0..<26 {
        fixture.advance(.seconds(300))
        try await fixture.heartbeat("here")
        while try await fixture.parts.health.pass() == .now {}
      }
      #expect(try await fixture.organization("away").status?.health == .offline)
      try await fixture.addRelease("2.3.0")
      try await fixture.settle()
      try await fixture.report("here", "2.3.0", .success)
      try await fixture.settle()
      var status = try #require(try await fixture.rollout("release-2.3.0").status)
      #expect(status.phase == .completed, "\(status.reason)")
      #expect(status.stages[0].counts.offline == 1 && status.stages[0].counts.succeeded == 1)
      try await fixture.heartbeat("away")
      #expect(try await fixture.target("away", "2.3.0").status?.phase == .notified)
      try await fixture.settle()
      status = try #require(try await fixture.rollout("release-2.3.0").status)
      #expect(
        status.stages[0].counts.offline == 0 && status.stages[0].counts.consent == 1, "it is back: \(status.stages)")
      try await expectCountersAddUp(fixture, "release-2.3.0")
    }
  }

  @Test(arguments: TestDatabase.available)
  func licenceAndMinimumVersionPassACustomerOverAndEscalateOnce(_ database: TestDatabase) async throws {
    try await FleetFixture.with(database) { fixture in
      try await fixture.addOrganization("expired", licenseExpiresAt: fixture.now)
      try await fixture.addOrganization("old", currentVersion: "1.9.0")
      try await fixture.addOrganization("fine", currentVersion: "2.2.0")
      try await fixture.addRelease("2.3.0", minCurrentVersion: "2.0.0")
      try await fixture.settle()
      try await fixture.settle()
      #expect(try await fixture.target("expired", "2.3.0").status?.blocked == .licenseExpired)
      #expect(try await fixture.target("old", "2.3.0").status?.blocked == .minVersionBlocked)
      #expect(try await fixture.target("fine", "2.3.0").status?.phase == .notified)
      let escalations = try await fixture.query("SELECT CAST(type AS text) FROM gcc_escalation ORDER BY 1")
      #expect(escalations.compactMap { $0[0].text } == ["LICENSE_EXPIRED", "MIN_VERSION_BLOCKED"])
    }
  }

  /// A process that was killed between fixing a stage's members and saying so.
  @Test(arguments: TestDatabase.available)
  func aStageThatWasHalfFixedIsFixedToTheEnd(_ database: TestDatabase) async throws {
    try await FleetFixture.with(database) { fixture in
      let names = try await fixture.addOrganizations(40)
      try await fixture.addRollout(
        "r", RolloutSpec(release: "2.3.0", stages: [.init(name: "half", percent: 50), .init(name: "rest")]))
      try await fixture.addRelease("2.3.0")
      let release = try await fixture.query("SELECT id FROM gcc_release").first?[0].text ?? ""
      let place = StageMembers.Place(rollout: "r", stage: "half", index: 0, releaseID: release, version: "2.3.0")
      let members = StageMembers(database: fixture.database)
      let chosen = StageMembership.members(
        of: .init(name: "half", percent: 50), among: names.map { .init(name: $0) }, release: "2.3.0")
      let stored = try #require(
        try await fixture.store.get(RolloutKind.definition, ObjectKey(namespace: "", name: "r")))
      try await members.add(chosen.prefix(7).map { names[$0] }, to: place, while: RolloutGuard(stored))
      try await fixture.settle()
      let inStage = try await fixture.query(
        "SELECT \"organizationName\" FROM gcc_deployment_target WHERE \"stageIndex\" = 0"
      ).compactMap { $0[0].text }
      #expect(Set(inStage) == Set(chosen.map { names[$0] }))
      try await expectCountersAddUp(fixture, "r")
    }
  }

  @Test(arguments: TestDatabase.available)
  func whoJoinsLateEntersTheLastStageAndWhoLeavesIsInNoCount(_ database: TestDatabase) async throws {
    try await FleetFixture.with(database) { fixture in
      let names = try await fixture.addOrganizations(5)
      try await fixture.addRelease("2.3.0")
      try await fixture.settle()
      try await fixture.addOrganization("late")
      fixture.advance(.seconds(11))
      try await fixture.settle()
      try await fixture.settle()
      #expect(try await fixture.target("late", "2.3.0").status?.offeredAt != nil)
      try await fixture.execute("DELETE FROM organizational_service WHERE name = '\(names[0])'")
      try await fixture.settle()
      let status = try #require(try await fixture.rollout("release-2.3.0").status)
      #expect(status.stages[0].counts.members == 5, "\(status.stages)")
      try await expectCountersAddUp(fixture, "release-2.3.0")
    }
  }

  @Test(arguments: TestDatabase.available)
  func nothingMovesWhilePausedAndAWithdrawnReleaseHalts(_ database: TestDatabase) async throws {
    try await FleetFixture.with(database) { fixture in
      _ = try await fixture.addOrganizations(5)
      try await fixture.addRollout("r", RolloutSpec(release: "2.3.0", state: .paused, stages: [.init(name: "all")]))
      try await fixture.addRelease("2.3.0")
      try await fixture.settle()
      #expect(try await fixture.rollout("r").status?.phase == .paused)
      #expect(try await fixture.query("SELECT count(*) FROM gcc_deployment_target").first?[0].integer == 0)
      try await fixture.change("r") { $0.spec.state = .running }
      try await fixture.settle()
      #expect(try await fixture.rollout("r").status?.stages.first?.counts.consent == 5)
      try await fixture.execute(
        "UPDATE gcc_release SET withdrawn = \(database == .postgresql ? "true" : "1"), resource_version = 0")
      try await fixture.settle()
      let status = try #require(try await fixture.rollout("r").status)
      #expect(status.phase == .halted && status.stages[0].counts.cancelled == 5, "\(status.reason)")
    }
  }
}
