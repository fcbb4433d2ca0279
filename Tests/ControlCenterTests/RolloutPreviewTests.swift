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

/// A rollout that was previewed is made as it was shown, or refused; and does not say so any more once it was changed.
@Suite(.postgreSQLServer, .timeLimit(.minutes(2))) struct RolloutPreviewTests {
  private static let spec = RolloutSpec(
    release: "2.0.0",
    stages: [.init(name: "canary", selector: .init(matchLabels: ["ring": "canary"])), .init(name: "rest")])

  private func origin(_ name: String, _ verb: String, _ fields: [String] = []) -> WriteOrigin {
    WriteOrigin(actor: name, roles: "engineer", address: "", verb: verb, changedFields: fields)
  }

  private func digest(_ fixture: FleetFixture) async throws -> String {
    try PlanDigest.of(try await fixture.parts.preview.plan(Self.spec), Self.spec)
  }

  private func create(_ name: String, digest: String?, _ fixture: FleetFixture) async throws -> StoredObject {
    var metadata = ObjectMeta(name: name)
    metadata.uid = name
    metadata.generation = 1
    metadata.creationTimestamp = fixture.now
    metadata.annotations = digest.map { [PlanDigest.annotation: $0] }
    let object = try JSONValue(encoding: Rollout(metadata: metadata, spec: Self.spec))
    return try await fixture.parts.admission.write(
      RolloutKind.definition, .create(object: object), by: origin("ann@example.com", "create"))
  }

  private func update(
    _ stored: StoredObject, _ fixture: FleetFixture, _ body: (inout JSONValue) -> Void
  ) async throws -> StoredObject {
    var object = try stored.value()
    body(&object)
    return try await fixture.parts.admission.write(
      RolloutKind.definition, .update(object: object, expected: stored.revision),
      by: origin("bob@example.com", "patch", ["spec.state"]))
  }

  private func annotation(_ stored: StoredObject) throws -> JSONValue? {
    try stored.value()["metadata"]?["annotations"]?[PlanDigest.annotation]
  }

  private func fleet(_ database: TestDatabase, _ body: (FleetFixture) async throws -> Void) async throws {
    try await FleetFixture.with(database) { fixture in
      try await fixture.addRelease("2.0.0")
      try await fixture.addOrganization("a", labels: ["ring": "canary"], currentVersion: "1.0.0")
      try await fixture.addOrganization(
        "b", currentVersion: "1.0.0", licenseExpiresAt: FleetFixture.start + .seconds(3600))
      try await body(fixture)
    }
  }

  @Test(arguments: TestDatabase.available)
  func whatHasChangedSinceItWasShownIsNotStarted(_ database: TestDatabase) async throws {
    try await fleet(database) { fixture in
      let changes: [(String, () async throws -> Void)] = [
        ("a customer more", { try await fixture.addOrganization("c", currentVersion: "1.0.0") }),
        ("another version", { try await fixture.heartbeat("c", version: "2.0.0") }),
        (
          "a label",
          {
            try await fixture.execute(
              "UPDATE organizational_service SET labels = '{\"ring\": \"canary\"}' WHERE name = 'b'")
          }
        ),
        ("a licence that has run out", { fixture.advance(.seconds(7200)) }),
      ]
      for (what, change) in changes {
        let shown = try await digest(fixture)
        #expect(try await digest(fixture) == shown)
        try await change()
        let refused = await #expect(throws: StatusError.self, "\(what)") {
          try await create("r", digest: shown, fixture)
        }
        #expect(refused?.reason == .invalid && refused?.message.contains("the plan is another now") == true)
        #expect(refused?.causes.map(\.field) == [RolloutPreview.digestField], "by which the page knows it")
      }
      _ = try await create("r", digest: try await digest(fixture), fixture)
      // Who asked for no preview is not held to one.
      _ = try await create("unseen", digest: nil, fixture)
    }
  }

  @Test(arguments: TestDatabase.available)
  func whoeverStartsAndHaltsItIsAudited(_ database: TestDatabase) async throws {
    try await fleet(database) { fixture in
      let stored = try await create("r", digest: try await digest(fixture), fixture)
      _ = try await update(stored, fixture) { $0["spec"]?["state"] = "Halted" }
      let entries = try await fixture.query("SELECT actor, action, object FROM audit_entry ORDER BY sequence")
      #expect(
        entries.map { $0.values.compactMap(\.text) } == [
          ["ann@example.com", "RolloutCreated", "r"], ["bob@example.com", "RolloutHalted", "r"],
        ])
    }
  }

  @Test(arguments: TestDatabase.available)
  func aChangeOfItsStagesTakesTheDigestAway(_ database: TestDatabase) async throws {
    try await fleet(database) { fixture in
      let shown = try await digest(fixture)
      var stored = try await create("r", digest: shown, fixture)
      // What changes while it runs is no part of the plan.
      stored = try await update(stored, fixture) {
        $0["spec"]?["state"] = "Paused"
        $0["spec"]?["approvedStages"] = ["canary"]
      }
      #expect(try annotation(stored) == .string(shown))
      let paused = stored
      let other = await #expect(throws: StatusError.self) {
        _ = try await update(paused, fixture) {
          $0["metadata"]?["annotations"]?[PlanDigest.annotation] = "another"
        }
      }
      #expect(other?.reason == .invalid && other?.causes.map(\.field) == [RolloutPreview.digestField])
      stored = try await update(stored, fixture) { $0["spec"]?["stages"] = [["name": "everyone"]] }
      #expect(try annotation(stored) == nil)
      #expect(try stored.value()["spec"]?["stages"] == [["name": "everyone"]])
      // It was not made with that plan: nobody can say so afterwards.
      let changed = stored
      let claimed = await #expect(throws: StatusError.self) {
        _ = try await update(changed, fixture) {
          $0["metadata"]?["annotations"] = [PlanDigest.annotation: .string(shown)]
        }
      }
      #expect(claimed?.reason == .invalid)
    }
  }
}
