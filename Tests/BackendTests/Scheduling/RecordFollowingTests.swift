import CoreKinds
import Database
import DeploymentKinds
import DeploymentPlanning
import OfferPlanning
import ResourceModel
import ResourceStorage
import TestSupport
import Testing
import WireFormats

@testable import Backend

/// The DesiredDeployment as the second view of a task: what our Agent says there becomes what admins and the vendor are told.
@Suite(.postgreSQLServer, .timeLimit(.minutes(5))) struct RecordFollowingTests {
  @Test(arguments: TestDatabase.available)
  func aDeploymentIsFollowedFromItsBeginningToItsEnd(_ kind: TestDatabase) async throws {
    try await BackendFixture.with(kind) { fixture in
      let agent = WatchingAgent(fixture)
      let id = try await fixture.addDownloaded(BackendFixture.offer("2.3.0"))
      let task = try await fixture.schedule(id, at: fixture.now + .seconds(60))
      guard case .settled(_) = try await agent.look() else { return #expect(Bool(false), "it does not wait") }
      try await fixture.pass()
      #expect(try await fixture.deployment(id)?.status == .scheduled)
      fixture.advance(.seconds(60))
      let plan = try await agent.begin()
      for _ in 0..<2 { try await fixture.pass() }
      #expect(try await fixture.deployment(id)?.status == .inProgress)
      #expect(try await fixture.task(task.id).executor == .record)
      #expect(try await fixture.deployment(id)?.startedAt == fixture.now)
      fixture.advance(.seconds(120))
      try await agent.succeed(plan)
      for _ in 0..<2 { try await fixture.pass() }
      let deployment = try #require(try await fixture.deployment(id))
      #expect(deployment.status == .success && deployment.helmRevision == 1)
      #expect(try await fixture.task(task.id).status == .completed)
      #expect(try await fixture.state().currentVersion == "2.3.0")
      let history = try await fixture.history()
      #expect(history.count == 1 && history[0].isCurrent && history[0].version == "2.3.0")
      #expect(try await fixture.notices() == ["deploymentScheduled", "deploymentStarted", "deploymentSucceeded"])
      #expect(try await fixture.reported() == ["scheduled", "inProgress", "success"])
    }
  }

  /// The whole of it between two looks.
  @Test func whatWasNotSeenToBeginIsToldAllTheSame() async throws {
    try await BackendFixture.with(.sqlite) { fixture in
      let id = try await fixture.addDownloaded(BackendFixture.offer("2.3.0"))
      _ = try await fixture.schedule(id)
      try await WatchingAgent(fixture).deploy()
      try await fixture.pass()
      #expect(try await fixture.deployment(id)?.status == .success)
      #expect(try await fixture.reported() == ["scheduled", "inProgress", "success"])
    }
  }

  @Test(arguments: TestDatabase.available)
  func whatFailedIsNotEndedBeforeTheLastGoodVersionRuns(_ kind: TestDatabase) async throws {
    try await BackendFixture.with(kind) { fixture in
      let agent = WatchingAgent(fixture)
      try await fixture.run("2.2.0", by: agent)
      let id = try await fixture.addDownloaded(BackendFixture.offer("2.3.0"))
      _ = try await fixture.schedule(id)
      _ = try await agent.begin()
      try await agent.fail("HelmUpgradeFailed", "timed out waiting for media")
      try await fixture.pass()
      #expect(try await fixture.deployment(id)?.status == .inProgress)
      try await agent.restore()
      try await fixture.pass()
      let deployment = try #require(try await fixture.deployment(id))
      #expect(deployment.status == .rolledBack && deployment.failureReason == "HelmUpgradeFailed")
      #expect(try await fixture.state().currentVersion == "2.2.0")
      #expect(try await fixture.notices().contains("deploymentFailed"))
      let report = try #require(try await fixture.outbox(VendorReports.topic).last?["body"])
      #expect(report["status"] == "rolledBack" && report["currentVersion"] == "2.2.0")
      #expect(report["reason"] == "HelmUpgradeFailed" && report["errorMessage"] == "timed out waiting for media")
      #expect(try await fixture.history().map(\.status).sorted() == ["rolledBack", "success"])
      #expect(try await fixture.history().filter(\.isCurrent).map(\.version) == ["2.2.0"])
      // Nothing of it comes again by itself; an admin may try once more.
      fixture.advance(.seconds(3600))
      guard case .settled(_) = try await agent.look() else { return #expect(Bool(false), "it tries again") }
      _ = try await fixture.schedule(id)
      try await agent.deploy()
      try await fixture.pass()
      #expect(try await fixture.deployment(id)?.status == .success)
      #expect(try await fixture.deployment(id)?.attempt == 2)
    }
  }

  @Test func whatFailedUntouchedIsFailed() async throws {
    try await BackendFixture.with(.sqlite) { fixture in
      let agent = WatchingAgent(fixture)
      try await fixture.run("2.2.0", by: agent)
      let id = try await fixture.addDownloaded(BackendFixture.offer("2.3.0"))
      _ = try await fixture.schedule(id)
      _ = try await agent.begin()
      try await agent.fail("ArtifactNotFound", "no such object", isUntouched: true)
      try await agent.look()
      try await fixture.pass()
      #expect(try await fixture.deployment(id)?.status == .failed)
      #expect(try await fixture.notices().contains("deploymentFailed"))
    }
  }

  @Test func aComposeFailureThatLeavesHalfIsCritical() async throws {
    try await BackendFixture.with(.sqlite, environment: ["WRKTALK_DEPLOYMENT_TYPE": "docker"]) { fixture in
      let agent = WatchingAgent(fixture)
      let id = try await fixture.addDownloaded(BackendFixture.offer("2.3.0"))
      _ = try await fixture.schedule(id)
      _ = try await agent.begin()
      try await agent.fail("PortInUse", "port 80 is taken")
      try await agent.look()
      try await fixture.pass()
      #expect(try await fixture.deployment(id)?.status == .failed)
      #expect(try await fixture.notices().contains("composeFailed"))
    }
  }

  @Test(arguments: TestDatabase.available)
  func anExpiredLicenceAtTheAgentFailsTheTaskAndTakesItBack(_ kind: TestDatabase) async throws {
    try await BackendFixture.with(kind) { fixture in
      let agent = WatchingAgent(fixture)
      try await fixture.run("2.2.0", by: agent)
      let id = try await fixture.addDownloaded(BackendFixture.offer("2.3.0"))
      _ = try await fixture.schedule(id)
      agent.license = .expired(at: fixture.now)
      try await agent.look()
      try await fixture.pass()
      #expect(try await fixture.deployment(id)?.status == .failed)
      #expect(try await fixture.deployment(id)?.errorMessage?.hasPrefix("License expired") == true)
      #expect(try await fixture.notices().contains("licenseBlocked"))
      // Renewed within the time, it would begin by itself.
      agent.license = .valid
      guard case .settled(_) = try await agent.look() else { return #expect(Bool(false), "it deploys") }
      #expect(try await agent.record().spec.version == "2.2.0")
    }
  }

  @Test(arguments: TestDatabase.available)
  func aScheduleThatOurAgentMissedIsTold(_ kind: TestDatabase) async throws {
    try await BackendFixture.with(kind) { fixture in
      let agent = WatchingAgent(fixture)
      let id = try await fixture.addDownloaded(BackendFixture.offer("2.3.0"))
      _ = try await fixture.schedule(id)
      fixture.advance(.seconds(601))
      try await agent.renewLease()
      try await agent.look()
      try await fixture.pass()
      #expect(try await fixture.deployment(id)?.status == .missedSchedule)
      #expect(try await fixture.notices() == ["deploymentScheduled", "missedSchedule"])
      _ = try await fixture.schedule(id)
      try await agent.deploy()
      try await fixture.pass()
      #expect(try await fixture.deployment(id)?.status == .success)
    }
  }

  @Test(arguments: TestDatabase.available)
  func renewalsOfTheLeaseAreHeartbeatsAndPolls(_ kind: TestDatabase) async throws {
    try await BackendFixture.with(kind) { fixture in
      let agent = WatchingAgent(fixture)
      let id = try await fixture.addDownloaded(BackendFixture.offer("2.3.0"))
      let task = try await fixture.schedule(id)
      try await agent.renewLease()
      _ = try await agent.begin()
      try await fixture.pass()
      for _ in 0..<4 {
        fixture.advance(.seconds(1500))
        try await agent.renewLease()
        try await fixture.pass()
        #expect(try await fixture.task(task.id).status == .inProgress)
      }
      #expect(try await fixture.state().lastAgentPoll == fixture.now)
      fixture.advance(.seconds(1801))
      try await fixture.pass()
      #expect(try await fixture.task(task.id).errorMessage == "Task timeout - no heartbeat received")
      #expect(try await fixture.notices().contains("agentOffline"))
    }
  }

  @Test func aSuccessThatComesAfterTheTimeoutIsTold() async throws {
    try await BackendFixture.with(.sqlite) { fixture in
      let agent = WatchingAgent(fixture)
      let id = try await fixture.addDownloaded(BackendFixture.offer("2.3.0"))
      _ = try await fixture.schedule(id)
      let plan = try await agent.begin()
      try await fixture.pass()
      fixture.advance(.seconds(1801))
      try await fixture.pass()
      #expect(try await fixture.deployment(id)?.status == .failed)
      try await agent.succeed(plan)
      try await fixture.pass()
      #expect(try await fixture.deployment(id)?.status == .success)
      #expect(try await fixture.history().map(\.status) == ["success"])
      #expect(try await fixture.reported() == ["scheduled", "inProgress", "failed", "success"])
    }
  }

  /// Meanwhile its deadline has begun another attempt.
  @Test func aSuccessThatComesAfterTheDeadlineIsTold() async throws {
    try await BackendFixture.with(.sqlite) { fixture in
      let agent = WatchingAgent(fixture)
      let id = try await fixture.addDownloaded(BackendFixture.offer("2.3.0", isForced: true))
      _ = try await fixture.schedule(id)
      let plan = try await agent.begin()
      try await fixture.pass()
      for pause in [1801, 86_400] {
        fixture.advance(.seconds(pause))
        try await fixture.pass()
      }
      #expect(try await fixture.deployment(id)?.status == .deadlineExceeded)
      try await agent.succeed(plan)
      try await fixture.pass()
      #expect(try await fixture.deployment(id)?.status == .success)
      #expect(
        try await fixture.reported() == ["scheduled", "inProgress", "failed", "deadlineExceeded", "success"])
      let ids = try await fixture.outbox(VendorReports.topic).map { $0["body"]?["attemptId"]?.string }
      #expect(Set(ids).count == 3)
    }
  }

  // MARK: Others

  @Test(arguments: TestDatabase.available)
  func aReleaseThatWasRolledBackAndIsAppliedByHandIsReportedAsAnotherAttempt(_ kind: TestDatabase) async throws {
    try await BackendFixture.with(kind) { fixture in
      let agent = WatchingAgent(fixture)
      try await fixture.run("2.2.0", by: agent)
      let id = try await fixture.addDownloaded(BackendFixture.offer("2.3.0"))
      _ = try await fixture.schedule(id)
      _ = try await agent.begin()
      try await agent.fail("HelmUpgradeFailed", "timed out waiting for media")
      try await agent.restore()
      try await fixture.pass()
      try await agent.edit { $0["spec"]?["interval"] = "2m" }
      fixture.advance(.seconds(60))
      try await agent.deploy()
      try await fixture.pass()
      #expect(try await fixture.deployment(id)?.status == .success)
      let reports = try await fixture.outbox(VendorReports.topic).suffix(2).compactMap { $0["body"] }
      #expect(reports.map { $0["status"]?.string } == ["rolledBack", "success"])
      #expect(reports.map { $0["attempt"]?.integer } == [1, 2] && reports[0]["attemptId"] != reports[1]["attemptId"])
    }
  }

  @Test(arguments: TestDatabase.available)
  func whatSomebodyElseDecidesIsNotFoughtOver(_ kind: TestDatabase) async throws {
    try await BackendFixture.with(kind) { fixture in
      let agent = WatchingAgent(fixture)
      try await fixture.run("2.2.0", by: agent)
      let id = try await fixture.addDownloaded(BackendFixture.offer("2.3.0"))
      _ = try await fixture.schedule(id, at: fixture.now + .seconds(3600))
      try await agent.edit { object in
        object["spec"]?["version"] = "2.2.1"
        object["spec"]?["schedule"] = nil
      }
      for _ in 0..<2 { try await fixture.pass() }
      #expect(try await agent.record().spec.version == "2.2.1")
      let deployment = try #require(try await fixture.deployment(id))
      #expect(deployment.status == .cancelled && deployment.failureReason == "RecordChanged")
      #expect(deployment.errorMessage?.contains("kubectl-edit") == true)
      let events = try await fixture.store.list(Event.definition, ListQuery(namespace: "wrktalk")).items
      #expect(try events.contains { try $0.value()["reason"] == "ScheduleSuperseded" })
      try await agent.deploy()
      for _ in 0..<2 { try await fixture.pass() }
      #expect(try await fixture.state().currentVersion == "2.2.1")
      let current = try #require(try await fixture.history().first(where: \.isCurrent))
      #expect(current.version == "2.2.1" && current.requestedBy == "kubectl-edit" && current.taskID == nil)
    }
  }

  @Test func whatPeopleChangeBesideTheReleaseIsNoMatter() async throws {
    try await BackendFixture.with(.sqlite) { fixture in
      let agent = WatchingAgent(fixture)
      let id = try await fixture.addDownloaded(BackendFixture.offer("2.3.0"))
      let task = try await fixture.schedule(id)
      try await agent.edit { $0["spec"]?["drift"] = "Warn" }
      try await fixture.pass()
      #expect(try await fixture.task(task.id).status == .pending)
      try await agent.deploy()
      try await fixture.pass()
      #expect(try await fixture.deployment(id)?.status == .success)
      _ = try await fixture.schedule(try await fixture.addDownloaded(BackendFixture.offer("2.4.0")))
      #expect(try await agent.record().spec.drift == .warn)
    }
  }

  @Test func aRecordThatSomebodyDeletesEndsItsTask() async throws {
    try await BackendFixture.with(.sqlite) { fixture in
      let id = try await fixture.addDownloaded(BackendFixture.offer("2.3.0"))
      _ = try await fixture.schedule(id, at: fixture.now + .seconds(3600))
      let key = fixture.parts.deployments.recordKey
      let stored = try #require(try await fixture.store.get(DesiredDeploymentKind.definition, key))
      _ = try await fixture.store.write(
        DesiredDeploymentKind.definition, .remove(key: key, expected: stored.revision))
      try await fixture.pass()
      #expect(try await fixture.deployment(id)?.status == .cancelled)
      #expect(try await fixture.store.get(DesiredDeploymentKind.definition, key) == nil)
    }
  }

  @Test(arguments: TestDatabase.available)
  func anOfferThatSomebodyDeploysByHandIsDeployed(_ kind: TestDatabase) async throws {
    try await BackendFixture.with(kind) { fixture in
      let agent = WatchingAgent(fixture)
      try await fixture.run("2.2.0", by: agent)
      let id = try await fixture.addDownloaded(BackendFixture.offer("2.3.0", isForced: true))
      try await agent.edit { object in
        object["spec"]?["version"] = "2.3.0"
        object["spec"]?["schedule"] = nil
      }
      try await agent.deploy()
      for _ in 0..<2 { try await fixture.pass() }
      #expect(try await fixture.deployment(id)?.status == .success)
      #expect(try await fixture.reported().last == "success")
      fixture.advance(.seconds(90_000))
      try await fixture.pass()
      #expect(try await !fixture.notices().contains("deadlineExceeded"))
    }
  }

  /// Several processes look at the same moment.
  @Test func severalProcessesTakeOneStep() async throws {
    guard TestDatabase.available.contains(.postgresql) else { return }
    try await BackendFixture.with(.postgresql) { fixture in
      let id = try await fixture.addDownloaded(BackendFixture.offer("2.3.0"))
      _ = try await fixture.schedule(id)
      try await WatchingAgent(fixture).deploy()
      let controllers = (0..<4).map { _ in
        DeploymentController(
          context: fixture.parts.deployments,
          environments: ComposeEnvironments(
            context: fixture.parts.deployments, bucket: fixture.parts.bucket, logger: fixture.parts.logger),
          logger: fixture.parts.logger)
      }
      try await withThrowingTaskGroup(of: Void.self) { group in
        for controller in controllers { group.addTask { try await controller.pass() } }
        try await group.waitForAll()
      }
      #expect(try await fixture.reported() == ["scheduled", "inProgress", "success"])
      #expect(try await fixture.history().count == 1)
    }
  }
}
