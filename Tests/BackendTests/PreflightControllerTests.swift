import Database
import DeploymentKinds
import DeploymentPlanning
import FleetProtocol
import OfferPlanning
import ResourceModel
import ResourceStorage
import TestSupport
import Testing
import WireFormats

@testable import Backend

/// The Backend asks the Agent about releases before anybody schedules them, and keeps what it answers.
@Suite(.postgreSQLServer, .timeLimit(.minutes(2))) struct PreflightControllerTests {
  private static let key = ObjectKey(namespace: "wrktalk", name: "wrktalk")

  private func makeRecord(_ fixture: BackendFixture) async throws {
    let names = DesiredDeploymentKind.names
    let digest = String(repeating: "1", count: 64)
    let object = DesiredDeploymentKind.definition.applyDefaults(to: [
      "apiVersion": .string(names.apiVersion), "kind": .string(names.kind),
      "metadata": [
        "name": "wrktalk", "namespace": "wrktalk", "uid": "uid", "generation": 1,
        "creationTimestamp": .string(fixture.now.wholeSeconds.description),
      ],
      "spec": [
        "version": "2.2.0", "runtime": "Helm", "artifact": ["path": "artifacts/a", "sha256": .string(digest)],
        "helm": ["releaseName": "wrktalk"],
      ],
    ])
    _ = try await fixture.store.write(DesiredDeploymentKind.definition, .create(object: object))
  }

  private func record(_ fixture: BackendFixture) async throws -> (stored: StoredObject, record: DesiredDeployment) {
    let stored = try #require(try await fixture.store.get(DesiredDeploymentKind.definition, Self.key))
    return (stored, try JSONValue(parsing: stored.json).decoded(as: DesiredDeployment.self))
  }

  private func asked(_ fixture: BackendFixture) async throws -> PreflightRequest? {
    try await record(fixture).record.metadata.annotations?[DesiredDeploymentKind.preflightAnnotation]
      .map { try PreflightRequest(annotation: $0) }
  }

  /// As the Agent does.
  private func answer(_ fixture: BackendFixture, _ outcome: DesiredDeploymentStatus.Preflight.Outcome) async throws {
    let request = try #require(try await asked(fixture))
    let (stored, record) = try await record(fixture)
    var answered = record
    var status = record.status ?? DesiredDeploymentStatus()
    status.preflight = .init(
      request: request.digest, version: request.version, requestedAt: request.requestedAt,
      completedAt: fixture.now.wholeSeconds, checks: [.init("Ports", outcome, "8080/tcp")])
    answered.status = status
    _ = try await fixture.store.write(
      DesiredDeploymentKind.definition,
      .update(object: try JSONValue(encoding: answered), expected: stored.revision))
  }

  @Test(arguments: TestDatabase.available)
  func eachReleaseIsAskedAboutOnceTheNewestFirst(_ database: TestDatabase) async throws {
    try await BackendFixture.with(database) { fixture in
      let controller = fixture.parts.preflight
      let older = try await fixture.addDownloaded(BackendFixture.offer("2.3.0"))
      fixture.advance(.seconds(60))
      let newer = try await fixture.addDownloaded(BackendFixture.offer("2.4.0"))
      // Before the first deployment there is nobody to ask.
      try await controller.pass()
      await #expect(throws: StatusError.self) { try await controller.askAgain(nil) }
      try await makeRecord(fixture)
      try await controller.pass()
      let request = try #require(try await asked(fixture))
      #expect(request.version == "2.4.0" && request.imageTags["controlTower"] == "sha-ghi")
      #expect(request.artifact.path == "artifacts/helm/wrktalk-2.4.0.tgz" && request.configPath == "config/values.yaml")
      let revision = try await record(fixture).stored.revision
      fixture.advance(.seconds(3600))
      try await controller.pass()
      #expect(try await record(fixture).stored.revision == revision, "what is asked is not asked again")
      #expect(try await record(fixture).record.metadata.generation == 1)
      try await answer(fixture, .failed)
      try await controller.pass()
      #expect(try await fixture.deployment(newer)?.preflight?["checks"]?.array?[0]["status"] == "Failed")
      #expect(try await asked(fixture)?.version == "2.3.0")
      try await answer(fixture, .passed)
      try await controller.pass()
      #expect(try await fixture.deployment(older)?.preflight?["version"] == "2.3.0")
      let last = try await record(fixture).stored.revision
      try await controller.pass()
      #expect(try await record(fixture).stored.revision == last)
    }
  }

  @Test(arguments: TestDatabase.available)
  func anAdminAsksAgain(_ database: TestDatabase) async throws {
    try await BackendFixture.with(database) { fixture in
      try await makeRecord(fixture)
      let id = try await fixture.addDownloaded(BackendFixture.offer("2.3.0"))
      let controller = fixture.parts.preflight
      try await controller.pass()
      try await answer(fixture, .failed)
      try await controller.pass()
      fixture.advance(.seconds(600))
      let body = try await PreflightEndpoints(controller: controller).ask(["deploymentId": .string(id)])
      #expect(body["requested"] == true && body["version"] == "2.3.0")
      #expect(try await fixture.deployment(id)?.preflight == nil)
      // The former answer is not taken for the new one.
      try await controller.pass()
      #expect(try await fixture.deployment(id)?.preflight == nil)
      try await answer(fixture, .passed)
      try await controller.pass()
      #expect(try await fixture.deployment(id)?.preflight?["checks"]?.array?[0]["status"] == "Passed")
      await #expect(throws: StatusError.self) { try await controller.askAgain("no such offer") }
      let wrong = await #expect(throws: StatusError.self) {
        try await PreflightEndpoints(controller: controller).ask(["releaseId": "2.3.0"])
      }
      #expect(wrong?.reason == .badRequest && wrong?.message.hasPrefix("releaseId: is not known here") == true)
    }
  }

  /// The vendor changes the images of a release that is offered, and its artifact stays the same.
  @Test(arguments: TestDatabase.available)
  func anAnswerAboutOtherImagesIsNotTakenForOneAboutThese(_ database: TestDatabase) async throws {
    try await BackendFixture.with(database) { fixture in
      try await makeRecord(fixture)
      var offer = BackendFixture.offer("2.3.0")
      let id = try await fixture.addDownloaded(offer)
      try await fixture.parts.preflight.pass()
      offer.imageTags.media = "sha-new"
      let (text, now) = (offer.json.text, fixture.now.column)
      try await fixture.database.transaction(.write) { connection in
        _ = try connection.execute(
          "UPDATE scheduled_deployment SET \"releaseData\" = \(connection.dialect.json("$1")), \"updatedAt\" = \(connection.dialect.time("$2"))",
          [.text(text), now])
      }
      try await answer(fixture, .passed)
      try await fixture.parts.preflight.pass()
      #expect(try await fixture.deployment(id)?.preflight == nil)
      #expect(try await asked(fixture)?.imageTags["media"] == "sha-new")
      try await answer(fixture, .warning)
      try await fixture.parts.preflight.pass()
      #expect(try await fixture.deployment(id)?.preflight?["checks"]?.array?[0]["status"] == "Warning")
    }
  }

  /// The Agent writes its status at the moment when an admin asks.
  @Test(arguments: TestDatabase.available)
  func askingAgainBesideAnAgentThatWritesIsNotLost(_ database: TestDatabase) async throws {
    try await BackendFixture.with(database) { fixture in
      try await makeRecord(fixture)
      let id = try await fixture.addDownloaded(BackendFixture.offer("2.3.0"))
      let controller = fixture.parts.preflight
      try await controller.pass()
      try await answer(fixture, .failed)
      try await controller.pass()
      fixture.advance(.seconds(600))
      try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { _ = try await controller.askAgain(id) }
        for _ in 0..<4 {
          group.addTask { try? await controller.pass() }
          group.addTask { try? await answer(fixture, .failed) }
        }
        try await group.waitForAll()
      }
      try await answer(fixture, .passed)
      try await controller.pass()
      #expect(try await fixture.deployment(id)?.preflight?["checks"]?.array?[0]["status"] == "Passed")
    }
  }

  @Test(arguments: TestDatabase.available)
  func whatIsKnownStandsInTheNoticeOfTheRelease(_ database: TestDatabase) async throws {
    try await BackendFixture.with(database) { fixture in
      let id = try await fixture.addDownloaded(BackendFixture.offer("2.3.0"))
      let answer = DesiredDeploymentStatus.Preflight(
        request: "x", version: "2.3.0", completedAt: fixture.now,
        checks: [.init("Ports", .failed, "8080/tcp is taken"), .init("Images", .passed, "4")])
      let text = try JSONValue(encoding: answer).text
      _ = try await fixture.database.transaction(.write) { connection in
        try connection.execute(
          "UPDATE scheduled_deployment SET preflight = \(connection.dialect.json("$1")) WHERE id = $2",
          [.text(text), .text(id)])
      }
      let known = try await fixture.database.transaction(.read) { connection in
        try NoticeSender.preflight(
          of: [
            KeptNotice(.init(.releaseAvailable, fact: id, version: "2.3.0"), id: "n", createdAt: Timestamp(seconds: 0))
          ], connection)
      }
      #expect(known["2.3.0"] == ["Ports failed: 8080/tcp is taken", "1 of 2 checks passed"])
    }
  }
}
