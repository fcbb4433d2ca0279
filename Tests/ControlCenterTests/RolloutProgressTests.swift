import Database
import FleetKinds
import FleetPlanning
import FleetProtocol
import HTTPService
import ResourceModel
import ResourceStorage
import TestSupport
import Testing
import WireFormats

@testable import ControlCenter

/// A rollout in numbers and the customers behind each; a plan that is started as it was shown; who did what.
@Suite(.postgreSQLServer, .timeLimit(.minutes(2))) struct RolloutProgressTests {
  private func progress(_ fixture: FleetFixture) -> RolloutProgress {
    RolloutProgress(database: fixture.database, store: fixture.store, now: fixture.parts.now)
  }

  @Test(arguments: TestDatabase.available)
  func everyNumberIsAListOfCustomers(_ database: TestDatabase) async throws {
    try await FleetFixture.with(database) { fixture in
      try await fixture.addRelease("2.0.0")
      for name in ["a", "b", "c", "d", "e"] { try await fixture.addOrganization(name, currentVersion: "1.0.0") }
      try await fixture.addRollout(
        "r",
        RolloutSpec(
          release: "2.0.0",
          stages: [
            .init(name: "first", organizations: ["a", "b", "c", "d"], gate: .init(successPercent: 50)),
            .init(name: "rest"),
          ]))
      try await fixture.settle()
      try await fixture.report("a", "2.0.0", .success, attempt: "a", number: 1)
      try await fixture.report("b", "2.0.0", .rolledBack, attempt: "b", number: 1, reason: "Unhealthy")
      try await fixture.report("c", "2.0.0", .failed, attempt: "c", number: 1, message: "no space")
      let summary = try await progress(fixture).summary(of: "r")
      let stage = try #require(summary["stages"]?.array?.first)
      #expect(stage["states"]?["succeeded"] == 1 && stage["states"]?["rolledBack"] == 1)
      #expect(stage["states"]?["failed"] == 1 && stage["states"]?["consent"] == 1)
      for (name, count) in stage["states"]?.object ?? [:] {
        let query = "stage=first&state=\(name)&limit=1"
        let page = try await progress(fixture).targets(of: "r", QueryItems(query), PageRequest(query))
        #expect(page["total"] == count, "\(name)")
      }
      let query = "stage=first&state=failed,rolledBack"
      let failed = try await progress(fixture).targets(of: "r", QueryItems(query), PageRequest(query))
      #expect(failed["targets"]?.array?.compactMap { $0["organization"]?.string } == ["b", "c"])
      #expect(failed["targets"]?.array?.compactMap { $0["state"]?.string } == ["rolledBack", "failed"])
      let next = "limit=2&continue=b"
      let page = try await progress(fixture).targets(of: "r", QueryItems(next), PageRequest(next))
      #expect(page["targets"]?.array?.compactMap { $0["organization"]?.string } == ["c", "d"] && page["total"] == nil)
      let groups = try await fixture.rollouts.failures(of: "2.0.0")
      #expect(groups["groups"]?.array?.count == 2)
      let group = try await fixture.rollouts.failed(
        of: "2.0.0", reason: "Unhealthy", component: "", message: nil, PageRequest(nil))
      #expect(group["organizations"]?.array?.compactMap { $0["organization"]?.string } == ["b"])
    }
  }

  @Test(arguments: TestDatabase.available)
  func whatIsStartedIsWhatWasShown(_ database: TestDatabase) async throws {
    try await FleetFixture.with(database) { fixture in
      try await fixture.addRelease("2.0.0")
      for name in ["a", "b"] { try await fixture.addOrganization(name, currentVersion: "1.0.0") }
      let spec = RolloutSpec(release: "2.0.0", stages: [.init(name: "half", percent: 50), .init(name: "rest")])
      let digest = try PlanDigest.of(try await fixture.rollouts.plan(spec), spec)
      #expect(try PlanDigest.of(try await fixture.rollouts.plan(spec), spec) == digest)
      func start(_ name: String) async throws -> StoredObject {
        var metadata = ObjectMeta(name: name)
        metadata.uid = name
        metadata.generation = 1
        metadata.creationTimestamp = fixture.now
        metadata.annotations = [PlanDigest.annotation: digest]
        let object = try JSONValue(encoding: Rollout(metadata: metadata, spec: spec))
        return try await fixture.parts.admission.write(
          RolloutKind.definition, .create(object: object),
          by: WriteOrigin(actor: "ann@example.com", roles: "engineer", address: "", verb: "create"))
      }
      try await fixture.addOrganization("c", currentVersion: "1.0.0")
      let refused = await #expect(throws: StatusError.self) { try await start("r") }
      #expect(refused?.message.contains("the plan is another now") == true)
      try await fixture.execute("DELETE FROM organizational_service WHERE name = 'c'")
      let stored = try await start("r")
      // Who did what, in the same transaction.
      var object = try stored.value()
      object["spec"]?["state"] = "Halted"
      _ = try await fixture.parts.admission.write(
        RolloutKind.definition, .update(object: object, expected: stored.revision),
        by: WriteOrigin(
          actor: "bob@example.com", roles: "engineer", address: "", verb: "patch", changedFields: ["spec.state"]))
      let entries = try await fixture.query("SELECT actor, action, object FROM audit_entry ORDER BY sequence")
      #expect(
        entries.map { $0.values.compactMap(\.text) } == [
          ["ann@example.com", "RolloutCreated", "r"], ["bob@example.com", "RolloutHalted", "r"],
        ])
    }
  }
}
