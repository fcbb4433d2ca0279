import Database
import DeploymentKinds
import DeploymentPlanning
import HTTPTypes
import ObjectStorage
import OfferPlanning
import ResourceModel
import TestSupport
import Testing
import WireFormats

@testable import Backend

@Suite(.postgreSQLServer, .timeLimit(.minutes(5))) struct RollbackTests {
  private static let path = "/api/admin/deployment/rollback"

  /// 2.2.0 as revision 1, 2.3.0 as revision 2.
  private static func twoVersions(_ fixture: BackendFixture) async throws -> WatchingAgent {
    let agent = WatchingAgent(fixture)
    try await fixture.run("2.2.0", by: agent)
    try await fixture.run("2.3.0", by: agent)
    return agent
  }

  @Test(arguments: TestDatabase.available)
  func aRevisionOfHelmIsReturnedTo(_ kind: TestDatabase) async throws {
    try await BackendFixture.with(kind) { fixture in
      let agent = try await Self.twoVersions(fixture)
      let answer = try await BackendCalls(fixture).send(.post, Self.path, ["targetRevision": 1])
      #expect(answer.status == 200 && answer.json["rollbackInitiated"] == true, "\(answer)")
      let task = try await fixture.task(try #require(answer.json["taskId"]?.string))
      #expect(task.type == .rollback && task.payload == ["targetRevision": 1])
      #expect(try await agent.record().spec.rollbackTo == .init(revision: 1))
      #expect(try await agent.record().spec.version == nil)
      try await agent.deploy()
      try await fixture.pass()
      #expect(try await fixture.task(task.id).status == .completed)
      #expect(try await fixture.state().currentVersion == "2.2.0")
      let history = try await fixture.history()
      #expect(history[0].version == "2.2.0" && history[0].isRollback && history[0].isCurrent)
      #expect(history.filter(\.isCurrent).count == 1)
      let statuses = try await fixture.query(
        "SELECT version, CAST(status AS text) FROM scheduled_deployment ORDER BY version")
      #expect(statuses.map { $0[1].text } == ["success", "rolledBack"])
      let report = try #require(try await fixture.outbox(VendorReports.topic).last?["body"])
      #expect(report["releaseId"] == "rel-2.3.0" && report["status"] == "rolledBack")
      #expect(report["currentVersion"] == "2.2.0")
      #expect(try await fixture.notices().suffix(2) == ["rollbackStarted", "rollbackSucceeded"])
    }
  }

  /// For an Agent with a trust root only a revision of its own history is a return; an older version would be refused.
  @Test(arguments: TestDatabase.available)
  func aVersionIsReturnedToByTheRevisionThatItWas(_ kind: TestDatabase) async throws {
    try await BackendFixture.with(kind) { fixture in
      let agent = try await Self.twoVersions(fixture)
      let task = try await fixture.rollBack(.version("2.2.0"))
      #expect(task.type == .rollback && task.isRollback)
      #expect(task.payload["targetRevision"] == 1 && task.payload["targetVersion"] == "2.2.0")
      #expect(task.payload["chart"]?["bucketPath"] == "artifacts/helm/wrktalk-2.2.0.tgz")
      #expect(task.payload["imageTags"]?["backend"] == "sha-abc" && task.payload["newNonEssentialEnvs"] == [])
      #expect(try await agent.record().spec.rollbackTo == .init(revision: 1))
      try await agent.deploy()
      try await fixture.pass()
      #expect(try await fixture.state().currentVersion == "2.2.0")
      // And forward again.
      let id = try #require(
        try await fixture.query("SELECT id FROM scheduled_deployment WHERE version = '2.3.0'").first?[0].text)
      _ = try await fixture.schedule(id)
      try await agent.deploy()
      try await fixture.pass()
      #expect(try await fixture.state().currentVersion == "2.3.0")
    }
  }

  /// The vendor knows the release as rolled back, and takes nothing more under the name of that attempt.
  @Test(arguments: TestDatabase.available)
  func whatWasLeftAndIsReturnedToIsReportedAsAnotherAttempt(_ kind: TestDatabase) async throws {
    try await BackendFixture.with(kind) { fixture in
      let agent = try await Self.twoVersions(fixture)
      for version in ["2.2.0", "2.3.0"] {
        _ = try await fixture.rollBack(.version(version))
        try await agent.deploy()
        try await fixture.pass()
        fixture.advance(.seconds(60))
      }
      let bodies = try await fixture.outbox(VendorReports.topic).compactMap { $0["body"] }
        .filter { $0["releaseId"] == "rel-2.3.0" }
      #expect(bodies.map { $0["status"]?.string } == [nil, "inProgress", "success", "rolledBack", "success"])
      #expect(bodies.suffix(2).map { $0["attempt"]?.integer } == [1, 2])
      #expect(bodies[3]["attemptId"] != bodies[4]["attemptId"] && bodies[4]["currentVersion"] == "2.3.0")
      let row = try #require(
        try await fixture.query(
          "SELECT CAST(status AS text), \"reportedToGcc\" FROM scheduled_deployment WHERE version = '2.3.0'"
        ).first)
      #expect(row[0].text == "success" && row[1].boolean == false)
    }
  }

  @Test(arguments: TestDatabase.available)
  func whatCannotBeReturnedToIsRefused(_ kind: TestDatabase) async throws {
    try await BackendFixture.with(kind) { fixture in
      let calls = BackendCalls(fixture)
      let agent = try await Self.twoVersions(fixture)
      func send(_ body: JSONValue) async throws -> (Int, String) {
        let answer = try await calls.send(.post, Self.path, body)
        return (answer.status, answer.error)
      }
      #expect(try await send(["targetVersion": "9.9.9"]) == (404, "Version not available"))
      #expect(try await send(["targetVersion": "2.3.0"]) == (409, "v2.3.0 is running already"))
      #expect(try await send(["targetRevision": 99]).0 == 404)
      for body in [
        [:], ["targetRevision": 0], ["targetRevision": "1"], ["targetRevision": 1, "targetVersion": "2.2.0"],
      ] as [JSONValue] {
        #expect(try await send(body).0 == 400)
      }
      let id = try await fixture.addDownloaded(BackendFixture.offer("2.4.0"))
      _ = try await fixture.schedule(id, at: fixture.now + .seconds(60))
      let words = "Cannot rollback - deployment in progress"
      #expect(try await send(["targetVersion": "2.2.0"]) == (409, words))
      #expect(try await send(["targetRevision": 1]) == (409, words))
      fixture.advance(.seconds(60))
      _ = try await agent.begin()
      #expect(try await send(["targetVersion": "2.2.0"]) == (409, words))
    }
  }

  @Test func duringARollbackNothingIsScheduled() async throws {
    try await BackendFixture.with(.sqlite) { fixture in
      let agent = try await Self.twoVersions(fixture)
      let task = try await fixture.rollBack(.version("2.2.0"))
      let id = try await fixture.addDownloaded(BackendFixture.offer("2.4.0"))
      await #expect(throws: StatusError(.conflict, "Deployment already in progress")) {
        _ = try await fixture.schedule(id)
      }
      let list = try await BackendCalls(fixture).send(.get, "/api/admin/deployment/releases").json
      #expect(list["scheduled"]?.array?.first?["task"]?["id"]?.string == task.id)
      _ = try await agent.begin()
      try await agent.fail("HelmRollbackFailed", "no")
      try await agent.restore()
      try await fixture.pass()
      #expect(try await fixture.notices().contains("rollbackFailed"))
      #expect(try await fixture.state().currentVersion == "2.3.0")
      #expect(try await fixture.deployment(id)?.status == .pending)
    }
  }

  @Test func aRollbackThatNobodyHasBegunIsCancelled() async throws {
    try await BackendFixture.with(.sqlite) { fixture in
      let agent = try await Self.twoVersions(fixture)
      let before = try await agent.record().spec
      _ = try await fixture.rollBack(.version("2.2.0"))
      let answer = try await BackendCalls(fixture).send(.post, "/api/admin/deployment/cancel", ["reason": "a mistake"])
      #expect(answer.status == 200)
      #expect(try await agent.record().spec == before)
      let statuses = try await fixture.query("SELECT CAST(status AS text) FROM scheduled_deployment")
      #expect(statuses.allSatisfy { $0[0].text == "success" })
    }
  }

  /// Compose needs the old bundle, which the bucket may have no more (spec §9.1).
  @Test func anArtifactThatIsGoneIsFetchedAgainOrNotAvailable() async throws {
    try await BackendFixture.with(.sqlite, environment: ["WRKTALK_DEPLOYMENT_TYPE": "docker"]) { fixture in
      let agent = try await Self.twoVersions(fixture)
      #expect(try await fixture.history().map(\.envBucketPath) == ["config/.env.v2.3.0", "config/.env.v2.2.0"])
      let bucket = fixture.parts.bucket
      func endpoints(_ answer: ArtifactSource.Answer) -> DeploymentEndpoints {
        DeploymentEndpoints(
          scheduler: fixture.parts.scheduler, artifacts: ArtifactSource { _, _ in answer },
          environments: fixture.parts.environments, wake: {})
      }
      let request = RollbackRequest(target: .version("2.2.0"), actor: "a")
      let missing = await #expect(throws: StatusError.self) {
        try await endpoints(.unavailable).requireArtifact(for: request)
      }
      #expect(missing == StatusError(.notFound, "Version not available"))
      let coming = await #expect(throws: StatusError.self) {
        try await endpoints(.coming(problem: nil)).requireArtifact(for: request)
      }
      #expect(coming?.reason == .serviceUnavailable && coming?.retryAfterSeconds != nil)
      try await endpoints(.available).requireArtifact(for: request)
      try await bucket.put("artifacts/compose/wrktalk-2.2.0-compose.tar.gz", .bytes([1]))
      try await DeploymentEndpoints(
        scheduler: fixture.parts.scheduler, artifacts: ArtifactSource(fixture.parts.intake.downloads),
        environments: fixture.parts.environments, wake: {}
      ).requireArtifact(for: request)
      #expect(try await fixture.parts.intake.retention.needed().contains("2.2.0"), "it stays there")
      let task = try await fixture.rollBack(.version("2.2.0"))
      #expect(task.type == .deploy && task.payload["envBucketPath"] == "config/.env.v2.2.0")
      #expect(try await agent.record().spec.rollbackTo == .init(revision: 1))
      let plan = try await agent.begin()
      #expect(plan.release.configPath == "config/.env.v2.2.0")
    }
  }

  /// The history of the record is shorter than that of the table: then the old version is asked for with all that was kept of it.
  @Test func aVersionThatTheRecordHasForgottenIsDeployedAgain() async throws {
    try await BackendFixture.with(.sqlite) { fixture in
      let agent = try await Self.twoVersions(fixture)
      try await agent.edit { object in
        let history = object["status"]?["history"]?.array ?? []
        object["status"]?["history"] = .array(history.filter { $0["release"]?["version"] != "2.2.0" })
      }
      _ = try await fixture.rollBack(.version("2.2.0"))
      let spec = try await agent.record().spec
      #expect(spec.version == "2.2.0" && spec.artifact?.path == "artifacts/helm/wrktalk-2.2.0.tgz")
      #expect(spec.rollbackTo == nil && spec.imageTags?["backend"] == "sha-abc")
    }
  }
}
