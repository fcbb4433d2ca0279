import Database
import DeploymentKinds
import DeploymentPlanning
import FleetProtocol
import HTTPTypes
import ObjectStorage
import OfferPlanning
import ResourceModel
import TestSupport
import Testing
import WireFormats

@testable import Backend

/// An Agent that does what the specification's section 6.3 does, request by request.
@Suite(.postgreSQLServer, .timeLimit(.minutes(5))) struct PolledTaskTests {
  private static func poll(_ calls: BackendCalls, as agent: String = "agent-py") async throws -> JSONValue {
    let answer = try await calls.send(.get, "/internal/agent/tasks", as: agent)
    #expect(answer.status == 200, "\(answer)")
    return answer.json["task"] ?? "no task member"
  }

  @discardableResult
  private static func say(
    _ calls: BackendCalls, _ id: String, _ body: JSONValue, as agent: String = "agent-py"
  ) async throws -> Int {
    try await calls.send(.post, "/internal/agent/tasks/\(id)/status", body, as: agent).status
  }

  private static let failed: JSONValue = [
    "status": "failed", "completedAt": "2024-12-15T02:05:00.123456",
    "errorMessage": "Could not connect to the endpoint URL: \"http://minio:9000/customer-wrktalk\"",
  ]
  private static let begun: JSONValue = ["status": "inProgress", "pickedUpAt": "2024-12-15T02:00:00.123456"]
  private static let completed: JSONValue = [
    "status": "completed", "completedAt": "2024-12-15T02:05:00.123456",
    "result": ["status": "success", "helmRevision": 5, "message": "Helm upgrade completed successfully"],
  ]

  @Test(arguments: TestDatabase.available)
  func aDeploymentGoesAsTheSpecificationSays(_ kind: TestDatabase) async throws {
    try await BackendFixture.with(kind) { fixture in
      let calls = BackendCalls(fixture)
      #expect(try await Self.poll(calls) == .null)
      let id = try await fixture.addDownloaded(
        BackendFixture.offer("2.3.0", settings: [.init(key: "NEW_FEATURE", value: "false")]))
      let time = fixture.now + .seconds(3600)
      let task = try await fixture.schedule(id, at: time)
      #expect(try await Self.poll(calls) == .null)
      fixture.advance(.seconds(3600))
      let given = try await Self.poll(calls)
      #expect(
        given == [
          "id": .string(task.id), "type": "deploy", "payload": task.payload, "executeAfter": .string(time.description),
        ])
      #expect(try await Self.say(calls, task.id, Self.begun) == 200)
      #expect(try await fixture.deployment(id)?.status == .inProgress)
      #expect(try await Self.poll(calls) == .null)
      let licence = try await calls.send(.get, "/internal/license/status", as: "agent-py")
      #expect(licence.json["valid"] == true)
      let setting = try await calls.send(
        .post, "/internal/config", ["key": "NEW_FEATURE", "value": "false"], as: "agent-py")
      #expect(setting.json == ["created": true])
      fixture.advance(.seconds(60))
      let heartbeat = try await calls.send(.post, "/internal/agent/tasks/\(task.id)/heartbeat", as: "agent-py")
      #expect(heartbeat.status == 200 && heartbeat.json == ["received": true])
      #expect(try await fixture.task(task.id).lastHeartbeat == fixture.now)
      #expect(try await Self.say(calls, task.id, Self.completed) == 200)
      let deployment = try #require(try await fixture.deployment(id))
      #expect(deployment.status == .success && deployment.helmRevision == 5 && deployment.completedAt == fixture.now)
      let history = try await fixture.history()
      #expect(history.map(\.version) == ["2.3.0"] && history[0].isCurrent && history[0].revision == 5)
      #expect(history[0].releaseID == "rel-2.3.0" && history[0].taskID == task.id)
      #expect(try await fixture.state().currentVersion == "2.3.0")
      #expect(try await fixture.state().lastAgentPoll == fixture.now)
      #expect(try await fixture.notices() == ["deploymentScheduled", "deploymentStarted", "deploymentSucceeded"])
      let reports = try await fixture.outbox(VendorReports.topic)
      #expect(try await fixture.reported() == ["scheduled", "inProgress", "success"])
      #expect(reports.last?["body"]?["currentVersion"] == "2.3.0" && reports.last?["body"]?["helmRevision"] == 5)
      #expect(reports.last?["body"]?["attemptId"]?.string == task.id && reports.last?["body"]?["attempt"] == 1)
      #expect(try await Self.poll(calls) == .null)
    }
  }

  @Test(arguments: TestDatabase.available)
  func whatComesTwiceLateOrInAnotherOrderChangesNothing(_ kind: TestDatabase) async throws {
    try await BackendFixture.with(kind) { fixture in
      let calls = BackendCalls(fixture)
      let id = try await fixture.addDownloaded(BackendFixture.offer("2.3.0"))
      let task = try await fixture.schedule(id)
      _ = try await Self.poll(calls)
      #expect(try await Self.poll(calls)["id"]?.string == task.id)
      for _ in 0..<2 { #expect(try await Self.say(calls, task.id, Self.begun) == 200) }
      #expect(try await fixture.task(task.id).attempts == 1)
      for _ in 0..<2 { #expect(try await Self.say(calls, task.id, Self.completed) == 200) }
      #expect(try await Self.say(calls, task.id, Self.begun) == 200)
      #expect(try await Self.say(calls, task.id, Self.failed) == 200)
      #expect(
        try await calls.send(.post, "/internal/agent/tasks/\(task.id)/heartbeat", as: "agent-py").status == 200)
      #expect(try await fixture.deployment(id)?.status == .success)
      #expect(try await fixture.history().count == 1)
      #expect(try await fixture.reported() == ["scheduled", "inProgress", "success"])
      #expect(try await fixture.notices().count == 3)
    }
  }

  @Test func strangersAndOthersAreTurnedAway() async throws {
    try await BackendFixture.with(.sqlite) { fixture in
      let calls = BackendCalls(fixture)
      let id = try await fixture.addDownloaded(BackendFixture.offer("2.3.0"))
      let task = try await fixture.schedule(id)
      #expect(try await calls.send(.get, "/internal/agent/tasks", as: "wrong").status == 401)
      #expect(try await calls.send(.get, "/internal/agent/tasks", as: "viewer").status == 403)
      #expect(try await calls.send(.get, "/internal/agent/tasks", as: "admin").status == 403)
      #expect(try await calls.send(.get, "/internal/agent/tasks", as: "agent-elsewhere").status == 403)
      // Not handed out yet.
      #expect(try await Self.say(calls, task.id, Self.begun) == 409)
      _ = try await Self.poll(calls)
      #expect(try await Self.poll(calls, as: "agent-two") == .null)
      #expect(try await Self.say(calls, task.id, Self.begun, as: "agent-two") == 409)
      #expect(try await Self.say(calls, "none", Self.begun) == 404)
      #expect(try await calls.send(.post, "/internal/agent/tasks/none/heartbeat", as: "agent-py").status == 404)
      for body in [[:], ["status": "done"], ["status": "failed", "errorMessage": 1], "text"] as [JSONValue] {
        #expect(try await Self.say(calls, task.id, body) == 400)
      }
      #expect(
        try await calls.send(
          .post, "/internal/agent/tasks/\(task.id)/status", bytes: Array("{".utf8), as: "agent-py"
        ).status == 400)
      #expect(try await fixture.task(task.id).status == .pending)
      // Whoever got it and was not heard of any more loses it.
      fixture.advance(.seconds(61))
      #expect(try await Self.poll(calls, as: "agent-two")["id"]?.string == task.id)
      #expect(try await Self.say(calls, task.id, Self.begun) == 409)
      #expect(try await Self.say(calls, task.id, Self.begun, as: "agent-two") == 200)
    }
  }

  @Test func whatWasTakenBackAfterItWasHandedOutIsNotBegun() async throws {
    try await BackendFixture.with(.sqlite) { fixture in
      let calls = BackendCalls(fixture)
      let id = try await fixture.addDownloaded(BackendFixture.offer("2.3.0"))
      let task = try await fixture.schedule(id)
      _ = try await Self.poll(calls)
      #expect(
        try await calls.send(.post, "/api/admin/deployment/cancel", ["deploymentId": .string(id)]).status == 200)
      #expect(try await Self.say(calls, task.id, Self.begun) == 409)
      // What the Agent says next does not make it a failure.
      #expect(try await Self.say(calls, task.id, Self.failed) == 200)
      #expect(try await fixture.deployment(id)?.status == .cancelled)
    }
  }

  // MARK: Errors of the specification's section 8.4 and 8.5

  @Test(arguments: TestDatabase.available)
  func error4_1AnAgentThatDoesNotPollIsMissedOnceAndWelcomedBack(_ kind: TestDatabase) async throws {
    try await BackendFixture.with(kind) { fixture in
      let calls = BackendCalls(fixture)
      _ = try await Self.poll(calls)
      fixture.advance(.seconds(600))
      try await fixture.pass()
      #expect(try await fixture.notices() == [])
      fixture.advance(.seconds(1))
      for _ in 0..<3 { try await fixture.pass() }
      #expect(try await fixture.notices() == ["agentOffline"])
      _ = try await Self.poll(calls)
      #expect(try await fixture.notices() == ["agentBack"])
      fixture.advance(.seconds(601))
      try await fixture.pass()
      #expect(try await fixture.notices() == ["agentBack", "agentOffline"])
      #expect(try await fixture.told().count == 3)
    }
  }

  /// Such as on the first day, with a wrong token.
  @Test(arguments: TestDatabase.available)
  func error4_1AnAgentThatHasNeverPolledIsMissed(_ kind: TestDatabase) async throws {
    try await BackendFixture.with(kind) { fixture in
      fixture.advance(.seconds(600))
      try await fixture.pass()
      #expect(try await fixture.notices() == [])
      fixture.advance(.seconds(1))
      for _ in 0..<3 { try await fixture.pass() }
      #expect(try await fixture.notices() == ["agentOffline"])
      #expect(try await fixture.told().count == 1)
      _ = try await Self.poll(BackendCalls(fixture))
      #expect(try await fixture.notices() == ["agentBack"])
    }
  }

  @Test(arguments: TestDatabase.available)
  func error4_2ADownloadIsTriedThreeTimes(_ kind: TestDatabase) async throws {
    try await BackendFixture.with(kind) { fixture in
      let calls = BackendCalls(fixture)
      let id = try await fixture.addDownloaded(BackendFixture.offer("2.3.0"))
      let task = try await fixture.schedule(id)
      for attempt in 1...3 {
        #expect(try await Self.poll(calls)["id"]?.string == task.id, "\(attempt)")
        try await Self.say(calls, task.id, Self.begun)
        for _ in 0..<2 { #expect(try await Self.say(calls, task.id, Self.failed) == 200) }
        #expect(try await fixture.task(task.id).attempts == attempt)
        if attempt < 3 {
          #expect(try await fixture.task(task.id).status == .pending)
          #expect(try await Self.poll(calls) == .null)
          fixture.advance(TaskRule.pause(afterAttempts: Int64(attempt)))
          try await fixture.pass()
        }
      }
      let deployment = try #require(try await fixture.deployment(id))
      #expect(deployment.status == .failed && deployment.failureReason == "DownloadFailed")
      #expect(deployment.errorMessage?.contains("(after 3 attempts)") == true)
      #expect(try await fixture.notices() == ["deploymentFailed", "deploymentScheduled", "deploymentStarted"])
      #expect(try await fixture.reported() == ["scheduled", "inProgress", "failed"])
      #expect(try await Self.poll(calls) == .null)
    }
  }

  @Test func error4_2ATryThatNobodyTakesFails() async throws {
    try await BackendFixture.with(.sqlite) { fixture in
      let calls = BackendCalls(fixture)
      let id = try await fixture.addDownloaded(BackendFixture.offer("2.3.0"))
      let task = try await fixture.schedule(id)
      _ = try await Self.poll(calls)
      try await Self.say(calls, task.id, Self.begun)
      try await Self.say(calls, task.id, Self.failed)
      fixture.advance(.seconds(631))
      try await fixture.pass()
      #expect(try await fixture.deployment(id)?.status == .failed)
    }
  }

  /// What the Agent says, and how it is called here, in a report and to admins.
  @Test(
    arguments: [
      ("4.3", "kubernetes", "License expired or invalid", "LicenseExpired", "licenseBlocked"),
      ("4.5", "kubernetes", "Helm upgrade failed: Error: UPGRADE FAILED", "HelmFailed", "deploymentFailed"),
      ("4.6", "docker", "Docker Compose failed: port is already allocated", "ComposeFailed", "composeFailed"),
      ("4.8", "kubernetes", "Helm upgrade failed: ImagePullBackOff", "HelmFailed", "deploymentFailed"),
    ])
  func errors4_3And4_5And4_6And4_8AreTold(
    number: String, type: String, message: String, reason: String, notice: String
  ) async throws {
    try await BackendFixture.with(.sqlite, environment: ["WRKTALK_DEPLOYMENT_TYPE": type]) { fixture in
      let calls = BackendCalls(fixture)
      let id = try await fixture.addDownloaded(BackendFixture.offer("2.3.0"))
      let task = try await fixture.schedule(id)
      _ = try await Self.poll(calls)
      try await Self.say(calls, task.id, Self.begun)
      try await Self.say(calls, task.id, ["status": "failed", "errorMessage": .string(message)])
      let deployment = try #require(try await fixture.deployment(id))
      #expect(deployment.status == .failed && deployment.errorMessage == message, "\(number)")
      #expect(deployment.failureReason == reason)
      #expect(try await fixture.notices().contains(notice))
      let report = try #require(try await fixture.outbox(VendorReports.topic).last?["body"])
      #expect(report["status"] == "failed" && report["reason"]?.string == reason)
      #expect(report["errorMessage"]?.string == message)
      // An admin may try it again: another attempt.
      _ = try await fixture.schedule(id)
      #expect(try await fixture.deployment(id)?.attempt == 2)
    }
  }

  @Test(arguments: TestDatabase.available)
  func error4_7AndSection8_5SilenceEndsATaskAndHeartbeatsKeepIt(_ kind: TestDatabase) async throws {
    try await BackendFixture.with(kind) { fixture in
      let calls = BackendCalls(fixture)
      let id = try await fixture.addDownloaded(BackendFixture.offer("2.3.0"))
      let task = try await fixture.schedule(id)
      _ = try await Self.poll(calls)
      try await Self.say(calls, task.id, Self.begun)
      // A migration of two hours.
      for _ in 0..<5 {
        fixture.advance(.seconds(1799))
        _ = try await calls.send(.post, "/internal/agent/tasks/\(task.id)/heartbeat", as: "agent-py")
        try await fixture.pass()
        #expect(try await fixture.task(task.id).status == .inProgress)
      }
      fixture.advance(.seconds(1800))
      try await fixture.pass()
      #expect(try await fixture.task(task.id).status == .inProgress)
      fixture.advance(.seconds(1))
      for _ in 0..<2 { try await fixture.pass() }
      #expect(try await fixture.task(task.id).errorMessage == "Task timeout - no heartbeat received")
      #expect(try await fixture.deployment(id)?.status == .failed)
      #expect(try await fixture.notices().filter { $0 == "deploymentTimedOut" }.count == 1)
      #expect(try await fixture.reported() == ["scheduled", "inProgress", "failed"])
      // It has gone on all the same, and succeeded: that is the truth.
      #expect(try await Self.say(calls, task.id, Self.completed) == 200)
      #expect(try await fixture.deployment(id)?.status == .success)
      #expect(try await fixture.state().currentVersion == "2.3.0")
      #expect(try await fixture.history().map(\.status) == ["success"])
      #expect(try await fixture.reported() == ["scheduled", "inProgress", "failed", "success"])
      #expect(try await fixture.notices().contains("deploymentSucceeded"))
    }
  }

  /// Somebody has tried it again before the first attempt was heard of.
  @Test func aLateSuccessDoesNotEndALaterAttempt() async throws {
    try await BackendFixture.with(.sqlite) { fixture in
      let calls = BackendCalls(fixture)
      let id = try await fixture.addDownloaded(BackendFixture.offer("2.3.0"))
      let first = try await fixture.schedule(id)
      _ = try await Self.poll(calls)
      try await Self.say(calls, first.id, Self.begun)
      fixture.advance(.seconds(1801))
      try await fixture.pass()
      let second = try await fixture.schedule(id, at: fixture.now + .seconds(3600))
      try await Self.say(calls, first.id, Self.completed)
      #expect(try await fixture.deployment(id)?.status == .scheduled)
      #expect(try await fixture.task(second.id).status == .pending)
      #expect(try await fixture.state().currentVersion == "2.3.0")
    }
  }

  @Test(arguments: TestDatabase.available)
  func aScheduleThatNobodyKeepsIsMissedAndNeverMadeUpFor(_ kind: TestDatabase) async throws {
    try await BackendFixture.with(kind) { fixture in
      let calls = BackendCalls(fixture)
      let id = try await fixture.addDownloaded(BackendFixture.offer("2.3.0"))
      let task = try await fixture.schedule(id)
      fixture.advance(.seconds(600))
      try await fixture.pass()
      #expect(try await fixture.deployment(id)?.status == .scheduled)
      fixture.advance(.seconds(1))
      #expect(try await Self.poll(calls) == .null)
      for _ in 0..<2 { try await fixture.pass() }
      #expect(try await fixture.deployment(id)?.status == .missedSchedule)
      #expect(try await fixture.task(task.id).errorMessage == "Scheduled deployment missed, please reschedule")
      #expect(try await fixture.notices().filter { $0 == "missedSchedule" }.count == 1)
      #expect(try await Self.poll(calls) == .null)
      #expect(try await fixture.history().isEmpty)
      _ = try await fixture.schedule(id)
      #expect(try await Self.poll(calls) != .null)
    }
  }

  // MARK: Never both

  @Test(arguments: TestDatabase.available)
  func whileOurAgentHoldsItsLeaseNobodyElseGetsTasks(_ kind: TestDatabase) async throws {
    try await BackendFixture.with(kind) { fixture in
      let calls = BackendCalls(fixture)
      let agent = WatchingAgent(fixture)
      let id = try await fixture.addDownloaded(BackendFixture.offer("2.3.0"))
      let task = try await fixture.schedule(id)
      try await agent.renewLease()
      #expect(try await Self.poll(calls) == .null)
      fixture.advance(.seconds(15))
      #expect(try await Self.poll(calls)["id"]?.string == task.id)
      #expect(try await fixture.state().executor == .tasks)
      // Ours comes back and finds nothing to do.
      #expect(try await agent.record().spec.suspend)
      try await agent.renewLease()
      guard case .settled(_) = try await agent.look() else { return #expect(Bool(false), "both deploy") }
      try await Self.say(calls, task.id, Self.begun)
      try await fixture.pass()
      #expect(try await fixture.state().executor == .tasks)
      try await Self.say(calls, task.id, Self.completed)
      fixture.advance(.seconds(5))
      try await agent.renewLease()
      try await fixture.pass()
      #expect(try await fixture.state().executor == .record)
      // What it deployed before is not brought back over what the other has deployed.
      guard case .settled(_) = try await agent.look() else { return #expect(Bool(false), "it undoes the other's work") }
      #expect(try await fixture.state().currentVersion == "2.3.0")
      let next = try await fixture.addDownloaded(BackendFixture.offer("2.4.0"))
      _ = try await fixture.schedule(next)
      #expect(try await Self.poll(calls) == .null)
      try await agent.deploy()
      try await fixture.pass()
      #expect(try await fixture.state().currentVersion == "2.4.0")
    }
  }

  @Test func whatOurAgentHasBegunIsNotHandedOut() async throws {
    try await BackendFixture.with(.sqlite) { fixture in
      let agent = WatchingAgent(fixture)
      let id = try await fixture.addDownloaded(BackendFixture.offer("2.3.0"))
      _ = try await fixture.schedule(id)
      _ = try await agent.begin()
      // Its Lease has run out, and this server has not noticed yet that it began.
      #expect(try await Self.poll(BackendCalls(fixture)) == .null)
      #expect(try await fixture.state().executor == .record)
    }
  }

  @Test func aTaskThatWaitsGoesBackToOurAgent() async throws {
    try await BackendFixture.with(.sqlite) { fixture in
      let calls = BackendCalls(fixture)
      let agent = WatchingAgent(fixture)
      let id = try await fixture.addDownloaded(BackendFixture.offer("2.3.0"))
      let task = try await fixture.schedule(id)
      _ = try await Self.poll(calls)
      try await agent.renewLease()
      try await fixture.pass()
      #expect(try await agent.record().spec.suspend == false)
      #expect(try await Self.say(calls, task.id, Self.begun) == 409)
      try await agent.deploy()
      try await fixture.pass()
      #expect(try await fixture.deployment(id)?.status == .success)
    }
  }

  // MARK: Compose

  @Test(arguments: TestDatabase.available)
  func settingsAreSavedBeforeTheyAreDeployedAndGoWithTheirHistory(_ kind: TestDatabase) async throws {
    try await BackendFixture.with(kind, environment: ["WRKTALK_DEPLOYMENT_TYPE": "docker"]) { fixture in
      let calls = BackendCalls(fixture)
      let bucket = fixture.parts.bucket
      func deploy(_ version: String, _ settings: String) async throws {
        try await bucket.put("config/.env", .bytes(Array(settings.utf8)))
        try await bucket.put("artifacts/compose/wrktalk-\(version)-compose.tar.gz", .bytes([1]))
        let id = try await fixture.addDownloaded(BackendFixture.offer(version))
        let task = try await fixture.schedule(id)
        #expect(task.payload["envBucketPath"] == "config/.env")
        #expect(task.payload["chart"]?["bucketPath"]?.string == "artifacts/compose/wrktalk-\(version)-compose.tar.gz")
        #expect(try await Self.poll(calls) != .null)
        try await Self.say(calls, task.id, Self.begun)
        try await Self.say(calls, task.id, ["status": "completed", "result": ["status": "success"]])
        try await fixture.pass()
        fixture.advance(.seconds(60))
      }
      func saved(_ version: String) async throws -> String? {
        guard try await bucket.head("config/.env.v\(version)") != nil else { return nil }
        return String(decoding: try await bucket.get("config/.env.v\(version)", maximumBytes: 1000), as: UTF8.self)
      }
      try await deploy("2.2.0", "A=1")
      try await deploy("2.3.0", "A=2")
      #expect(try await saved("2.2.0") == "A=1")
      #expect(try await saved("2.3.0") == "A=2")
      let answer = try await calls.send(.post, "/api/admin/deployment/rollback", ["targetVersion": "2.2.0"])
      #expect(answer.status == 200 && answer.json["rollbackInitiated"] == true, "\(answer)")
      let task = try await fixture.task(try #require(answer.json["taskId"]?.string))
      #expect(task.type == .deploy && task.isRollback)
      #expect(
        task.payload == [
          "chart": ["bucketPath": "artifacts/compose/wrktalk-2.2.0-compose.tar.gz", "version": "2.2.0"],
          "imageTags": ["backend": "sha-abc", "media": "sha-def", "controlTower": "sha-ghi", "agent": "sha-jkl"],
          "valuesBucketPath": "config/values.yaml", "envBucketPath": "config/.env.v2.2.0", "newNonEssentialEnvs": [],
        ])
      _ = try await Self.poll(calls)
      try await Self.say(calls, task.id, Self.begun)
      try await Self.say(calls, task.id, ["status": "completed", "result": ["status": "success"]])
      #expect(try await saved("2.2.0") == "A=1")
      #expect(try await fixture.state().currentVersion == "2.2.0")
      for minor in 4...14 { try await deploy("2.\(minor).0", "A=\(minor)") }
      #expect(try await saved("2.2.0") == nil)
      #expect(try await saved("2.3.0") == nil)
      #expect(try await saved("2.5.0") == "A=5")
      let rows = try await fixture.query("SELECT version FROM compose_env_version").compactMap { $0[0].text }
      #expect(Set(rows) == Set((5...14).map { "2.\($0).0" }))
      // Its bundle is there still, but nobody knows any more what it ran with: nothing is begun that would fail.
      let gone = try await calls.send(.post, "/api/admin/deployment/rollback", ["targetVersion": "2.2.0"])
      #expect(gone.status == 404 && gone.error == "Version not available", "\(gone)")
      #expect(try await Self.poll(calls) == .null)
      let kept = try await calls.send(.post, "/api/admin/deployment/rollback", ["targetVersion": "2.5.0"])
      #expect(kept.status == 200, "\(kept)")
    }
  }

  @Test func aTaskWaitsWhileTheBucketDoesNotAnswer() async throws {
    try await BackendFixture.with(
      .sqlite, environment: ["WRKTALK_DEPLOYMENT_TYPE": "docker"], bucket: InterceptedBucket.closed
    ) {
      fixture in
      let id = try await fixture.addDownloaded(BackendFixture.offer("2.3.0"))
      let task = try await fixture.schedule(id)
      #expect(try await Self.poll(BackendCalls(fixture)) == .null)
      try await fixture.pass()
      #expect(try await fixture.task(task.id).status == .pending)
      let answer = try await BackendCalls(fixture).send(
        .post, "/api/admin/deployment/cancel", ["deploymentId": .string(id)])
      #expect(answer.status == 200)
    }
  }
}
