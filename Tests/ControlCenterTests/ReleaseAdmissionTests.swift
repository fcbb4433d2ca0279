import Cryptography
import Database
import FleetKinds
import FleetPlanning
import ResourceModel
import ResourceStorage
import TestSupport
import Testing
import WireFormats

@testable import ControlCenter

/// Releases that are published as objects, by `kubectl apply` and what does the same.
@Suite(.postgreSQLServer, .timeLimit(.minutes(2))) struct ReleaseAdmissionTests {
  private func object(_ version: String, _ state: ReleaseState, _ fixture: FleetFixture) throws -> JSONValue {
    var metadata = ObjectMeta(name: version)
    metadata.uid = fixture.parts.makeID()
    metadata.generation = 1
    metadata.creationTimestamp = fixture.now
    return try JSONValue(encoding: Release(metadata: metadata, spec: ReleaseSpec(state: state)))
  }

  private func serve(
    _ fixture: FleetFixture, _ body: @Sendable (ControlCenterTestServer) async throws -> Void
  ) async throws {
    try await ControlCenterTestServer.run(
      authenticator: RoleTokens(policy: ControlCenterAccess.policy), policy: ControlCenterAccess.policy,
      addRoutes: { fixture.parts.addRoutes(to: $0) }, body)
  }

  @Test(arguments: TestDatabase.available)
  func withoutAnArtifactTheyAreRefusedAsByTheirCommand(_ database: TestDatabase) async throws {
    try await FleetFixture.with(database) { fixture in
      let admission = fixture.parts.admission
      let published = try object("2.3.0", .published, fixture)
      let create = ObjectWrite.create(object: published)
      let error = await #expect(throws: StatusError.self) {
        _ = try await admission.write(ReleaseKind.definition, create)
      }
      #expect(
        error?.reason == .invalid && error?.message.contains("has no artifact") == true, "\(error?.message ?? "")")
      let draft = try await admission.write(
        ReleaseKind.definition, .create(object: try object("2.3.0", .draft, fixture)))
      var changed = try draft.value()
      changed["spec"]?["state"] = "Published"
      let update = ObjectWrite.update(object: changed, expected: draft.revision)
      let second = await #expect(throws: StatusError.self) {
        _ = try await admission.write(ReleaseKind.definition, update)
      }
      #expect(second?.reason == .invalid)
      #expect(try await fixture.object(ReleaseKind.definition, "2.3.0")["spec"]?["state"] == "Draft")
    }
  }

  @Test(arguments: TestDatabase.available)
  func withOneTheyArePublishedWithItsDigest(_ database: TestDatabase) async throws {
    try await FleetFixture.with(database) { fixture in
      try await fixture.parts.prepare()
      let chart = try TestArchive.chart("2.3.0")
      let digest = SHA256.digest(of: chart).hexadecimal
      try await serve(fixture) { server in
        let answer = try await server.upload(chart, version: "2.3.0")
        #expect(answer.status == 200)
      }
      let admission = fixture.parts.admission
      var wrong = try object("2.3.0", .published, fixture)
      wrong["spec"]?["artifacts"] = ["helmSha256": .string(String(repeating: "0", count: 64))]
      let refused = ObjectWrite.create(object: wrong)
      await #expect(throws: StatusError.self) { _ = try await admission.write(ReleaseKind.definition, refused) }
      let stored = try await admission.write(
        ReleaseKind.definition, .create(object: try object("2.3.0", .published, fixture)))
      #expect(try stored.value()["spec"]?["artifacts"]?["helmSha256"] == .string(digest))
      // One that another writer has changed is a conflict of two writers.
      var later = try stored.value()
      later["spec"]?["state"] = "Deprecated"
      let current = try await admission.write(
        ReleaseKind.definition, .update(object: later, expected: stored.revision))
      let again = ObjectWrite.update(object: later, expected: stored.revision)
      let error = await #expect(throws: StatusError.self) {
        _ = try await admission.write(ReleaseKind.definition, again)
      }
      #expect(error?.reason == .conflict && current.revision > stored.revision)
    }
  }

  /// What CI made is an object like any other, up to its limits.
  @Test(arguments: TestDatabase.available)
  func whatCIMadeCanBePatched(_ database: TestDatabase) async throws {
    try await FleetFixture.with(database) { fixture in
      var request = ControlCenterTestServer.release("2.3.0")
      request["releaseNotes"] = .string(String(repeating: "ü", count: 100 << 10))
      request["newNonEssentialEnvs"] = .array(
        (0..<ReleaseKind.maximumSettingCount).map { ["key": .string("KEY_\($0)"), "value": "v"] })
      try await serve(fixture) { [request] server in
        let answer = try await server.send("POST", "/api/internal/releases", request)
        #expect(answer.status == 200, "\(answer.error)")
        for (field, value) in [
          ("releaseNotes", JSONValue.string(String(repeating: "ü", count: 200 << 10))),
          (
            "newNonEssentialEnvs",
            .array(
              (0..<40).map { ["key": .string("KEY_\($0)"), "value": .string(String(repeating: "v", count: 32 << 10))] })
          ),
        ] {
          var large = request
          large[field] = value
          let refused = try await server.send("POST", "/api/internal/releases", large)
          #expect([413, 422].contains(refused.status), "\(field): \(refused.status) \(refused.error)")
        }
      }
      var object = try await fixture.object(ReleaseKind.definition, "2.3.0")
      object["spec"]?["estimatedDowntime"] = "an hour"
      let errors = ReleaseKind.definition.validationErrors(in: object)
      #expect(errors.isEmpty, "\(errors)")
      let before = try #require(
        try await fixture.store.get(ReleaseKind.definition, ObjectKey(namespace: "", name: "2.3.0")))
      _ = try await fixture.parts.admission.write(
        ReleaseKind.definition, .update(object: object, expected: before.revision))
    }
  }
}
