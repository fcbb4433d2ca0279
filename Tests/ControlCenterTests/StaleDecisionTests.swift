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

/// Nothing that was decided on what is no longer so is written.
@Suite(.postgreSQLServer, .timeLimit(.minutes(5))) struct StaleDecisionTests {
  private func stored(_ name: String, _ fixture: FleetFixture) async throws -> StoredObject {
    try #require(try await fixture.store.get(RolloutKind.definition, ObjectKey(namespace: "", name: name)))
  }

  private func targets(_ fixture: FleetFixture) async throws -> Int {
    Int(try await fixture.query("SELECT count(*) FROM gcc_deployment_target").first?[0].integer ?? -1)
  }

  /// Each set by itself: a person may come in between.
  @Test(arguments: TestDatabase.available)
  func noSetIsWrittenOfARolloutThatWasChanged(_ database: TestDatabase) async throws {
    try await FleetFixture.with(database) { fixture in
      let names = try await fixture.addOrganizations(5)
      try await fixture.addRelease("2.3.0")
      try await fixture.addRollout("r", RolloutSpec(release: "2.3.0", stages: [.init(name: "all")]))
      let before = try await stored("r", fixture)
      try await fixture.change("r") { $0.spec.state = .halted }
      let release = try await fixture.query("SELECT id FROM gcc_release").first?[0].text ?? ""
      let place = StageMembers.Place(rollout: "r", stage: "all", index: 0, releaseID: release, version: "2.3.0")
      let (members, current) = (StageMembers(database: fixture.database), RolloutGuard(before))
      let error = await #expect(throws: StatusError.self) {
        try await members.add(names, to: place, while: current)
      }
      #expect(error?.reason == .conflict)
      await #expect(throws: StatusError.self) {
        _ = try await members.addEveryoneLeft(to: place, after: "", while: current)
      }
      await #expect(throws: StatusError.self) {
        try await fixture.parts.steps.previous.offer(
          toThoseThatRun: "2.3.0", by: "r", releaseID: release, while: current)
      }
      #expect(try await targets(fixture) == 0)
      await #expect(throws: StatusError.self) {
        _ = try await fixture.parts.steps.step(before, before.value().decoded(as: Rollout.self))
      }
      #expect(try await targets(fixture) == 0)
    }
  }

  @Test(arguments: TestDatabase.available)
  func aRolloutThatIsGoneGetsNoTargets(_ database: TestDatabase) async throws {
    try await FleetFixture.with(database) { fixture in
      _ = try await fixture.addOrganizations(3)
      try await fixture.addRelease("2.3.0")
      try await fixture.addRollout("r", RolloutSpec(release: "2.3.0", stages: [.init(name: "all")]))
      let before = try await stored("r", fixture)
      _ = try await fixture.store.write(
        RolloutKind.definition, .remove(key: before.key, expected: before.revision))
      await #expect(throws: StatusError.self) {
        _ = try await fixture.parts.steps.step(before, before.value().decoded(as: Rollout.self))
      }
      #expect(try await targets(fixture) == 0)
    }
  }

  /// Who succeeds while the version before is being offered is offered it, too.
  @Test(arguments: TestDatabase.available)
  func whoeverComesToRunAHaltedReleaseIsOfferedTheVersionBefore(_ database: TestDatabase) async throws {
    try await FleetFixture.with(database) { fixture in
      let names = try await fixture.addOrganizations(4)
      try await fixture.addRelease("2.2.0")
      try await fixture.settle()
      for name in names { try await fixture.report(name, "2.2.0", .success, currentVersion: "2.2.0") }
      fixture.advance(.seconds(60))
      try await fixture.addRollout(
        "r", RolloutSpec(release: "2.3.0", onHalt: .offerPrevious, stages: [.init(name: "all")]))
      try await fixture.addRelease("2.3.0")
      try await fixture.settle()
      for name in names { try await fixture.report(name, "2.3.0", .inProgress, attempt: "b", currentVersion: "2.2.0") }
      try await fixture.report(names[0], "2.3.0", .success, attempt: "b", currentVersion: "2.3.0")
      try await fixture.change("r") { $0.spec.state = .halted }
      try await fixture.settle()
      for name in names.dropFirst() {
        try await fixture.report(name, "2.3.0", .success, attempt: "b", currentVersion: "2.3.0")
        try await fixture.settle()
      }
      for name in names { #expect(try await fixture.target(name, "2.2.0").status?.phase == .notified, "\(name)") }
      #expect(try await fixture.rollout("r").status?.previousOffered == 4)
    }
  }

  /// What has ended is not looked at, until something about it changes.
  @Test(arguments: TestDatabase.available)
  func whatHasEndedIsSteppedAgainWhereItsTargetsReport(_ database: TestDatabase) async throws {
    try await FleetFixture.with(database) { fixture in
      for version in ["2.1.0", "2.2.0", "2.3.0"] {
        if version == "2.1.0" { try await fixture.addOrganization("acme") }
        try await fixture.addRelease(version)
        try await fixture.settle()
        try await fixture.report("acme", version, .success, attempt: version)
        try await fixture.settle()
        #expect(try await fixture.rollout("release-\(version)").status?.phase == .completed)
      }
      let revision = try await fixture.store.currentRevision()
      for _ in 0..<3 { #expect(try await fixture.parts.rollouts.pass() == nil) }
      #expect(try await fixture.store.currentRevision() == revision)
      try await fixture.report("acme", "2.2.0", .rolledBack, attempt: "later")
      try await fixture.settle()
      #expect(try await fixture.rollout("release-2.2.0").status?.stages[0].counts.failed == 1)
    }
  }
}
