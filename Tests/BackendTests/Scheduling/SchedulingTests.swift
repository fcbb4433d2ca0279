import Cryptography
import Database
import DeploymentKinds
import DeploymentPlanning
import FleetProtocol
import HTTPTypes
import OfferPlanning
import ResourceModel
import TestSupport
import Testing
import WireFormats

@testable import Backend

@Suite(.postgreSQLServer, .timeLimit(.minutes(5))) struct SchedulingTests {
  private static let path = "/api/admin/deployment/schedule"

  @Test(arguments: TestDatabase.available)
  func aReleaseIsScheduledWithAllThatFollows(_ kind: TestDatabase) async throws {
    try await BackendFixture.with(kind) { fixture in
      let calls = BackendCalls(fixture)
      let offer = BackendFixture.offer("2.3.0", settings: [.init(key: "NEW_FEATURE", value: "false")])
      let id = try await fixture.addDownloaded(offer)
      let time = fixture.now + .seconds(3600)
      let answer = try await calls.send(
        .post, Self.path, ["deploymentId": .string(id), "scheduledFor": .string(time.description)])
      #expect(answer.status == 200 && answer.json["scheduled"] == true, "\(answer)")
      let task = try await fixture.task(try #require(answer.json["taskId"]?.string))
      #expect(task.type == .deploy && task.status == .pending && task.executeAfter == time)
      #expect(
        task.payload == [
          "chart": ["bucketPath": "artifacts/helm/wrktalk-2.3.0.tgz", "version": "2.3.0"],
          "imageTags": ["backend": "sha-abc", "media": "sha-def", "controlTower": "sha-ghi", "agent": "sha-jkl"],
          "valuesBucketPath": "config/values.yaml",
          "newNonEssentialEnvs": [["key": "NEW_FEATURE", "value": "false"]],
        ])
      let deployment = try #require(try await fixture.deployment(id))
      #expect(deployment.status == .scheduled && deployment.scheduledFor == time)
      #expect(deployment.scheduledBy == "ada@example.com" && deployment.attempt == 1)
      #expect(deployment.attemptID == task.id)
      let record = try await WatchingAgent(fixture).record()
      #expect(record.metadata.generation == 1 && task.generation == 1)
      #expect(record.spec.version == "2.3.0" && record.spec.runtime == .helm)
      #expect(record.spec.artifact?.sha256 == String(repeating: "a", count: 64))
      #expect(record.spec.schedule == .init(notBefore: time, startingDeadline: DurationText(.seconds(600))))
      #expect(record.spec.helm?.releaseName == "wrktalk" && record.spec.helm?.valuesPath == "config/values.yaml")
      #expect(record.spec.newNonEssentialEnvs == [.init(key: "NEW_FEATURE", value: "false")])
      #expect(try await fixture.notices() == ["deploymentScheduled"])
      let reports = try await fixture.outbox(VendorReports.topic)
      #expect(
        reports == [
          [
            "kind": "scheduled",
            "body": [
              "organizationName": "customer-x", "releaseId": "rel-2.3.0", "scheduledFor": .string(time.description),
              "attemptId": .string(task.id), "attempt": 1,
            ],
          ]
        ])
    }
  }

  /// What is refused, in which state, with which words.
  @Test(arguments: TestDatabase.available)
  func whatCannotBeScheduledIsRefusedWithItsReason(_ kind: TestDatabase) async throws {
    try await BackendFixture.with(kind) { fixture in
      let calls = BackendCalls(fixture)
      let id = try await fixture.addDownloaded(BackendFixture.offer("2.3.0"))
      func send(_ body: JSONValue) async throws -> (Int, String) {
        let answer = try await calls.send(.post, Self.path, body)
        return (answer.status, answer.error)
      }
      #expect(try await send(["deploymentId": "none"]).0 == 404)
      #expect(try await send([:]).0 == 400)
      #expect(try await send(["deploymentId": .string(id), "scheduledFor": "tomorrow"]).0 == 400)
      let past = (fixture.now + .seconds(-601)).description
      let (status, error) = try await send(["deploymentId": .string(id), "scheduledFor": .string(past)])
      #expect(status == 422 && error.contains("has passed"))
      _ = try await fixture.database.transaction(.write) {
        try $0.execute("UPDATE scheduled_deployment SET \"chartDownloaded\" = \($0.dialect.boolean(false))")
      }
      let (missing, words) = try await send(["deploymentId": .string(id)])
      #expect(missing == 422 && words.contains("not downloaded yet"))
      #expect(try await calls.send(.post, Self.path, ["deploymentId": .string(id)], as: "viewer").status == 403)
      #expect(try await calls.send(.post, Self.path, ["deploymentId": .string(id)], as: "agent").status == 403)
      #expect(try await fixture.query("SELECT 1 FROM agent_task").isEmpty)
      #expect(try await fixture.outbox(VendorReports.topic).isEmpty)
    }
  }

  @Test func anExpiredLicenceBlocksScheduling() async throws {
    let environment = [
      "WRKTALK_VENDOR_PUBLIC_KEY": LicensingTests.vendor.publicKey.pem,
      "WRKTALK_LICENSE": try LicensingTests.token(ends: -1),
    ]
    try await BackendFixture.with(.sqlite, environment: environment) { fixture in
      let id = try await fixture.addDownloaded(BackendFixture.offer("2.3.0"))
      let scheduler = fixture.parts.scheduler
      for request in [{ try scheduler.schedule(ScheduleRequest(deploymentID: id, actor: "a"), in: $0) }]
        as [@Sendable (any SQLConnection) throws -> AgentTask]
      {
        let error = await #expect(throws: StatusError.self) {
          _ = try await fixture.database.transaction(.write) { try request($0) }
        }
        #expect(error?.reason == .forbidden && error?.message.hasPrefix("License expired: ") == true)
      }
    }
  }

  @Test func outsideTheWindowsTheNextOnesAreNamedUnlessOverridden() async throws {
    try await BackendFixture.with(.sqlite) { fixture in
      let id = try await fixture.addDownloaded(BackendFixture.offer("2.3.0"))
      let next = fixture.now + .seconds(7200)
      let scheduler = DeploymentScheduler(
        context: fixture.parts.deployments, license: fixture.parts.license,
        windows: WindowGate { time, _ in
          time < next ? .init(message: "outside the maintenance windows", next: [next]) : nil
        })
      let error = await #expect(throws: StatusError.self) {
        _ = try await fixture.database.transaction(.write) {
          try scheduler.schedule(ScheduleRequest(deploymentID: id, actor: "a"), in: $0)
        }
      }
      #expect(error?.reason == .invalid && error?.message.contains("outside the maintenance windows") == true)
      _ = try await fixture.database.transaction(.write) {
        try scheduler.schedule(
          ScheduleRequest(deploymentID: id, actor: "a", windowOverride: "a hole in our security"), in: $0)
      }
      #expect(try await fixture.deployment(id)?.windowOverride == "a hole in our security")
    }
  }

  @Test func aVersionThatIsTooOldIsNotUpgradedOver() async throws {
    try await BackendFixture.with(.sqlite) { fixture in
      try await fixture.run("2.0.0", by: WatchingAgent(fixture))
      var offer = BackendFixture.offer("2.3.0")
      offer.minCurrentVersion = "2.1.0"
      let id = try await fixture.addDownloaded(offer)
      let error = await #expect(throws: StatusError.self) { _ = try await fixture.schedule(id) }
      #expect(error?.reason == .invalid && error?.message.contains("from 2.1.0 on") == true)
    }
  }

  @Test(arguments: TestDatabase.available)
  func ofTwoAtTheSameMomentOneIsScheduled(_ kind: TestDatabase) async throws {
    try await BackendFixture.with(kind) { fixture in
      let calls = BackendCalls(fixture)
      let ids = [
        try await fixture.addDownloaded(BackendFixture.offer("2.3.0")),
        try await fixture.addDownloaded(BackendFixture.offer("2.4.0")),
      ]
      let answers = try await withThrowingTaskGroup(of: BackendFront.Answer.self) { group in
        for number in 0..<8 {
          group.addTask { try await calls.send(.post, Self.path, ["deploymentId": .string(ids[number % 2])]) }
        }
        return try await group.reduce(into: []) { $0.append($1) }
      }
      #expect(answers.filter { $0.status == 200 }.count == 1)
      #expect(answers.filter { $0.status != 200 }.allSatisfy { $0.status == 409 })
      #expect(Set(answers.map(\.error)) == ["", "Deployment already in progress"])
      #expect(try await fixture.query("SELECT 1 FROM agent_task").count == 1)
      #expect(try await fixture.reported() == ["scheduled"])
    }
  }

  /// The process ends after each statement in turn.
  @Test(arguments: TestDatabase.available)
  func whoIsKilledBetweenStatementsLeavesNothing(_ kind: TestDatabase) async throws {
    try await BackendFixture.with(kind) { fixture in
      let id = try await fixture.addDownloaded(BackendFixture.offer("2.3.0"))
      let request = ScheduleRequest(deploymentID: id, actor: "a")
      var statements = 0
      while statements < 100 {
        let limit = statements
        do {
          _ = try await fixture.database.transaction(.write) { [parts = fixture.parts] connection in
            try parts.scheduler.schedule(request, in: KilledConnection(connection, after: limit))
          }
          break
        } catch is KilledConnection.Killed {
          statements += 1
        }
        #expect(try await fixture.query("SELECT 1 FROM agent_task").isEmpty)
        #expect(try await fixture.query("SELECT 1 FROM desired_deployment").isEmpty)
        #expect(try await fixture.query("SELECT 1 FROM outbox").isEmpty)
        #expect(try await fixture.deployment(id)?.status == .pending)
      }
      #expect((5..<100).contains(statements), "\(statements)")
      #expect(try await fixture.deployment(id)?.status == .scheduled)
    }
  }

  // MARK: Changes of mind

  @Test(arguments: TestDatabase.available)
  func aTimeIsMovedAsLongAsNobodyHasBegun(_ kind: TestDatabase) async throws {
    try await BackendFixture.with(kind) { fixture in
      let id = try await fixture.addDownloaded(BackendFixture.offer("2.3.0"))
      let other = try await fixture.addDownloaded(BackendFixture.offer("2.4.0"))
      let first = try await fixture.schedule(id, at: fixture.now + .seconds(3600))
      let later = fixture.now + .seconds(7200)
      let moved = try await fixture.schedule(id, at: later)
      #expect(moved.id == first.id && moved.executeAfter == later)
      let agent = WatchingAgent(fixture)
      #expect(try await agent.record().spec.schedule?.notBefore == later)
      #expect(try await fixture.deployment(id)?.scheduledFor == later)
      // The same again, and another release.
      await #expect(throws: StatusError(.conflict, "Deployment already in progress")) {
        _ = try await fixture.schedule(id, at: later)
      }
      await #expect(throws: StatusError(.conflict, "Deployment already in progress")) {
        _ = try await fixture.schedule(other)
      }
      fixture.advance(.seconds(7201))
      await #expect(throws: StatusError(.conflict, "Deployment already in progress")) {
        _ = try await fixture.schedule(id)
      }
      _ = try await agent.begin()
      // Also before this server has noticed.
      await #expect(throws: StatusError(.conflict, "Deployment already in progress")) {
        _ = try await fixture.schedule(id, at: fixture.now + .seconds(3600))
      }
      let cancelled = try await BackendCalls(fixture).send(
        .post, "/api/admin/deployment/cancel", ["deploymentId": .string(id)])
      #expect(cancelled.status == 409 && cancelled.error == "Deployment already in progress")
    }
  }

  @Test(arguments: TestDatabase.available)
  func whatIsCancelledIsNotDeployedAndCanBeScheduledAgain(_ kind: TestDatabase) async throws {
    try await BackendFixture.with(kind) { fixture in
      let agent = WatchingAgent(fixture)
      let calls = BackendCalls(fixture)
      try await fixture.run("2.2.0", by: agent)
      let before = try await agent.record().spec
      let id = try await fixture.addDownloaded(BackendFixture.offer("2.3.0"))
      let task = try await fixture.schedule(id, at: fixture.now + .seconds(3600))
      let answer = try await calls.send(
        .post, "/api/admin/deployment/cancel", ["deploymentId": .string(id), "reason": "audit week"])
      #expect(answer.status == 200 && answer.json["taskId"]?.string == task.id, "\(answer)")
      #expect(try await fixture.deployment(id)?.status == .cancelled)
      #expect(try await agent.record().spec == before)
      fixture.advance(.seconds(3600))
      guard case .settled(_) = try await agent.look() else { return #expect(Bool(false), "it deploys") }
      try await fixture.pass()
      #expect(try await fixture.state().currentVersion == "2.2.0")
      #expect(
        try await calls.send(.post, "/api/admin/deployment/cancel", ["deploymentId": .string(id)]).status == 409)
      let next = try await fixture.schedule(id)
      #expect(next.id != task.id)
      #expect(try await fixture.deployment(id)?.attempt == 2)
      try await agent.deploy()
      try await fixture.pass()
      #expect(try await fixture.state().currentVersion == "2.3.0")
      #expect(
        Array(try await fixture.reported().suffix(5)) == [
          "scheduled", "cancelled", "scheduled", "inProgress", "success",
        ])
    }
  }

  @Test func aFirstReleaseThatIsCancelledLeavesASuspendedRecord() async throws {
    try await BackendFixture.with(.sqlite) { fixture in
      let agent = WatchingAgent(fixture)
      let id = try await fixture.addDownloaded(BackendFixture.offer("2.3.0"))
      _ = try await fixture.schedule(id, at: fixture.now + .seconds(60))
      _ = try await BackendCalls(fixture).send(.post, "/api/admin/deployment/cancel", ["deploymentId": .string(id)])
      #expect(try await agent.record().spec.suspend)
      _ = try await fixture.schedule(id)
      #expect(try await agent.record().spec.suspend == false)
      try await agent.deploy()
    }
  }

  /// Who takes every fourth release keeps no room for the other three.
  @Test(arguments: TestDatabase.available)
  func whatWasSkippedEndsOnceANewerOneRuns(_ kind: TestDatabase) async throws {
    try await BackendFixture.with(kind) { fixture in
      for version in ["2.1.0", "2.2.0", "2.10.0"] { try await fixture.addDownloaded(BackendFixture.offer(version)) }
      fixture.advance(.seconds(60))
      try await fixture.run("2.3.0", by: WatchingAgent(fixture))
      // The vendor offers one to return to.
      try await fixture.addDownloaded(BackendFixture.offer("2.0.0"))
      for _ in 0..<2 { try await fixture.pass() }
      let rows = try await fixture.query(
        "SELECT version, CAST(status AS text) FROM scheduled_deployment ORDER BY version"
      ).map { "\($0[0].text ?? "") \($0[1].text ?? "")" }
      #expect(rows == ["2.0.0 pending", "2.1.0 cancelled", "2.10.0 pending", "2.2.0 cancelled", "2.3.0 success"])
      #expect(try await fixture.parts.intake.retention.needed() == ["2.0.0", "2.10.0", "2.3.0"])
      let list = try await BackendCalls(fixture).send(.get, "/api/admin/deployment/releases").json
      #expect(list["pending"]?.array?.count == 2)
    }
  }

  @Test(arguments: TestDatabase.available)
  func aReleaseThatWaitsIsEndedAndTheVendorHearsOfIt(_ kind: TestDatabase) async throws {
    try await BackendFixture.with(kind) { fixture in
      let id = try await fixture.addDownloaded(BackendFixture.offer("2.3.0", isForced: true))
      let calls = BackendCalls(fixture)
      let body: JSONValue = ["deploymentId": .string(id), "reason": "2.4.0 comes soon"]
      let answer = try await calls.send(.post, "/api/admin/deployment/cancel", body)
      #expect(answer.status == 200 && answer.json == ["cancelled": true])
      #expect(try await fixture.deployment(id)?.status == .cancelled)
      #expect(try await fixture.reported() == ["cancelled"])
      #expect(try await calls.send(.post, "/api/admin/deployment/cancel", body).status == 409)
      fixture.advance(.seconds(90_000))
      try await fixture.pass()
      // An admin takes no deadline of the vendor's away (spec §10.2).
      #expect(try await fixture.deployment(id)?.status == .deadlineExceeded)
      #expect(try await fixture.reported() == ["cancelled", "deadlineExceeded"])
      #expect(try await fixture.notices().contains("deadlineExceeded"))
      _ = try await fixture.schedule(id)
    }
  }

  @Test func notNowIsKeptAndTakenBack() async throws {
    try await BackendFixture.with(.sqlite) { fixture in
      let calls = BackendCalls(fixture)
      let path = "/api/admin/deployment/decline"
      let id = try await fixture.addDownloaded(BackendFixture.offer("2.3.0"))
      #expect(try await calls.send(.post, path, ["deploymentId": .string(id)]).status == 400)
      let answer = try await calls.send(.post, path, ["deploymentId": .string(id), "reason": "quarter's end"])
      #expect(answer.status == 200 && answer.json == ["declined": true])
      #expect(try await fixture.deployment(id)?.declinedReason == "quarter's end")
      #expect(try await fixture.deployment(id)?.declinedBy == "ada@example.com")
      #expect(
        try await calls.send(.post, path, ["deploymentId": .string(id), "undo": true]).json == ["declined": false])
      #expect(try await fixture.deployment(id)?.declinedAt == nil)
      _ = try await calls.send(.post, path, ["deploymentId": .string(id), "reason": "again"])
      _ = try await fixture.schedule(id)
      #expect(try await fixture.deployment(id)?.declinedAt == nil)
      #expect(try await calls.send(.post, path, ["deploymentId": .string(id), "reason": "late"]).status == 409)
    }
  }

  // MARK: Lists

  @Test(arguments: TestDatabase.available)
  func releasesAreListedByHowTheyStand(_ kind: TestDatabase) async throws {
    try await BackendFixture.with(kind) { fixture in
      let agent = WatchingAgent(fixture)
      let calls = BackendCalls(fixture)
      for version in ["2.0.0", "2.1.0", "2.2.0"] { try await fixture.run(version, by: agent) }
      let waiting = try await fixture.addDownloaded(BackendFixture.offer("2.4.0"))
      let scheduled = try await fixture.addDownloaded(BackendFixture.offer("2.3.0"))
      let task = try await fixture.schedule(scheduled, at: fixture.now + .seconds(60))
      let path = "/api/admin/deployment/releases"
      let all = try await calls.send(.get, path).json
      func ids(_ json: JSONValue, _ section: String) -> [String] {
        (json[section]?.array ?? []).compactMap { $0["id"]?.string }
      }
      #expect(ids(all, "pending") == [waiting] && ids(all, "scheduled") == [scheduled])
      #expect(all["scheduled"]?.array?.first?["task"]?["id"]?.string == task.id)
      #expect(all["history"]?.array?.compactMap { $0["version"]?.string } == ["2.2.0", "2.1.0", "2.0.0"])
      #expect(all["currentVersion"] == "2.2.0")
      #expect(all["pending"]?.array?.first?["releaseNotes"] == "Bug fixes")
      let pending = try await calls.send(.get, "\(path)?status=pending").json
      #expect(ids(pending, "pending") == [waiting] && pending["history"] == [] && pending["scheduled"] == [])
      var versions: [String] = []
      var query = "?status=history&limit=2"
      while true {
        let page = try await calls.send(.get, path + query).json
        versions += page["history"]?.array?.compactMap { $0["version"]?.string } ?? []
        guard let next = page["continue"]?.string else { break }
        query = "?status=history&limit=2&continue=\(next)"
      }
      #expect(versions == ["2.2.0", "2.1.0", "2.0.0"])
      #expect(try await calls.send(.get, "\(path)?status=whatever").status == 400)
      #expect(try await calls.send(.get, "\(path)?limit=0").status == 400)
      let one = try await calls.send(.get, "\(path)/\(scheduled)").json
      #expect(one["tasks"]?.array?.count == 1 && one["status"] == "scheduled")
      #expect(try await calls.send(.get, "\(path)/none").status == 404)
    }
  }
}

/// A process that ends after so many statements.
final class KilledConnection: SQLConnection {
  struct Killed: Error {}

  private let connection: any SQLConnection
  private var left: Int

  init(_ connection: any SQLConnection, after count: Int) {
    self.connection = connection
    left = count
  }

  var dialect: SQLDialect { connection.dialect }

  private func count() throws {
    guard left > 0 else { throw Killed() }
    left -= 1
  }

  func query(_ sql: String, _ parameters: [SQLValue]) throws -> [SQLRow] {
    try count()
    return try connection.query(sql, parameters)
  }

  func execute(_ sql: String, _ parameters: [SQLValue]) throws -> Int {
    try count()
    return try connection.execute(sql, parameters)
  }

  func notify(channel: String, payload: String) throws { try connection.notify(channel: channel, payload: payload) }
}
