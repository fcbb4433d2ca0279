import Database
import DeploymentKinds
import HTTPTypes
import OfferPlanning
import ResourceModel
import TestSupport
import Testing
import WireFormats

@testable import Backend

/// What policy and health watch do, by the scheduler itself and an Agent that watches.
@Suite(.postgreSQLServer, .timeLimit(.minutes(5))) struct PolicyOutcomeTests {
  @Test(arguments: TestDatabase.available)
  func whatWentBadIsRolledBackAndReportedWithItsCause(_ database: TestDatabase) async throws {
    try await BackendFixture.with(database) { fixture in
      let agent = WatchingAgent(fixture)
      try await fixture.run("2.2.0", by: agent)
      try await fixture.run("2.3.0", by: agent)
      try await fixture.setHealth("False", "WorkloadUnhealthy", version: "2.3.0")
      for _ in 0..<6 {
        try await fixture.setRunning("2.3.0")
        try await fixture.parts.healthWatch.pass()
        fixture.advance(.seconds(20))
      }
      #expect(try await agent.record().spec.rollbackTo == .init(revision: 1))
      try await agent.deploy()
      try await fixture.pass()
      #expect(try await fixture.state().currentVersion == "2.2.0")
      let report = try #require(try await fixture.outbox(VendorReports.topic).last?["body"])
      #expect(report["releaseId"] == "rel-2.3.0" && report["status"] == "rolledBack")
      #expect(report["reason"] == "UnhealthyAfterDeployment" && report["currentVersion"] == "2.2.0")
      #expect(report["errorMessage"] == "media 0/2 ready Rolled back to 2.2.0 by health-watch")
      #expect(try await fixture.reported().filter { $0 == "rolledBack" }.count == 1)
      let notices = try await fixture.notices()
      for kind in ["unhealthyAfterDeployment", "rollbackStarted", "rollbackSucceeded"] {
        #expect(notices.filter { $0 == kind }.count == 1, "\(kind)")
      }
      // What it returned to is not watched, whatever its health.
      try await fixture.setHealth("False", "WorkloadUnhealthy", version: "2.2.0")
      for _ in 0..<6 {
        try await fixture.setRunning("2.2.0")
        try await fixture.parts.healthWatch.pass()
        fixture.advance(.seconds(20))
      }
      #expect(try await fixture.query("SELECT 1 FROM agent_task WHERE \"isRollback\"").count == 1)
    }
  }

  /// It is Friday; the window begins on Saturday at 02:00 in Berlin.
  @Test(arguments: TestDatabase.available)
  func aReleaseGoesFromTheBucketIntoTheWindowAndAFailureTurnsThePolicyOff(_ database: TestDatabase) async throws {
    try await BackendFixture.with(database) { fixture in
      let agent = WatchingAgent(fixture)
      try await fixture.run("2.3.0", by: agent)
      #expect(try await fixture.send(.put, "/api/admin/windows", BackendFixture.weekend).status == 200)
      #expect(
        try await fixture.send(.put, "/api/admin/policy", ["deploymentPolicy": "Automatic"]).status == 200)
      let id = try await fixture.addDownloaded(BackendFixture.offer("2.4.0"))
      let actions = DeploymentActions(fixture.parts.scheduler)
      let processes = [fixture.parts.automatic] + (0..<3).map { _ in fixture.automatic(actions) }
      try await withThrowingTaskGroup(of: Void.self) { group in
        for process in processes { group.addTask { try await process.pass() } }
        try await group.waitForAll()
      }
      let start = try #require(Timestamp("2027-01-16T01:00:00Z"))
      let deployment = try #require(try await fixture.deployment(id))
      #expect(deployment.status == .scheduled && deployment.isAutomatic && deployment.scheduledFor == start)
      #expect(deployment.scheduledBy == "deployment-policy" && deployment.attempt == 1)
      #expect(try await agent.record().spec.schedule?.notBefore == start)
      #expect(try await fixture.notices().filter { $0 == "automaticScheduled" }.count == 1)
      // People are bound by the windows as well.
      let answer = try await fixture.send(
        .post, "/api/admin/deployment/schedule",
        ["deploymentId": .string(id), "scheduledFor": .string((start + .seconds(-3600)).description)])
      #expect(answer.status == 422)
      #expect(answer.error.contains("Sat 2027-01-16 02:00 Europe/Berlin (2027-01-16T01:00:00Z)"), "\(answer.error)")

      fixture.advance(start - fixture.now)
      _ = try await agent.begin()
      try await agent.fail("ImagePullFailed", "no such image")
      try await agent.restore()
      try await fixture.pass()
      try await fixture.addDownloaded(BackendFixture.offer("2.5.0"))
      for process in processes { try await process.pass() }
      let policy = try await fixture.send(.get, "/api/admin/policy").json
      #expect(policy["deploymentPolicy"] == "Manual")
      #expect(policy["automaticOffReason"]?.string?.contains("v2.4.0") == true, "\(policy.text)")
      #expect(try await fixture.notices().filter { $0 == "automaticOff" }.count == 1)
      #expect(try await fixture.query("SELECT 1 FROM scheduled_deployment WHERE status = 'scheduled'").isEmpty)
    }
  }

  /// While the last release is watched nothing follows by itself, so that a return is free to begin; what the policy had scheduled
  /// before gives way, and does not come after the policy is off.
  @Test(arguments: TestDatabase.available)
  func nothingFollowsAReleaseThatIsWatchedOrWentBad(_ database: TestDatabase) async throws {
    try await BackendFixture.with(database) { fixture in
      let agent = WatchingAgent(fixture)
      try await fixture.run("2.3.0", by: agent)
      try await fixture.run("2.4.0", by: agent)
      _ = try await fixture.send(.put, "/api/admin/windows", BackendFixture.weekend)
      _ = try await fixture.send(.put, "/api/admin/policy", ["deploymentPolicy": "Automatic"])
      let id = try await fixture.addDownloaded(BackendFixture.offer("2.5.0"))
      // Before the watch has begun.
      try await fixture.parts.automatic.pass()
      #expect(try await fixture.deployment(id)?.status == .scheduled)
      try await fixture.database.transaction(.write) { connection in
        try fixture.parts.scheduler.cancel(
          deploymentID: id, WithdrawalRequest(actor: "ann"), in: connection)
        _ = try connection.execute(
          "UPDATE scheduled_deployment SET status = 'pending', attempt = 0, \"attemptId\" = NULL WHERE id = $1",
          [.text(id)])
      }
      try await fixture.parts.healthWatch.pass()
      try await fixture.parts.automatic.pass()
      #expect(try await fixture.deployment(id)?.status == .pending, "2.4.0 is watched")
      let start = try #require(Timestamp("2027-01-16T01:00:00Z"))
      _ = try await fixture.database.transaction(.write) { connection in
        try DeploymentActions(fixture.parts.scheduler).schedule(id, start, connection)
      }
      #expect(try await fixture.deployment(id)?.status == .scheduled)
      try await fixture.setHealth("False", "WorkloadUnhealthy", version: "2.4.0")
      for _ in 0..<5 {
        fixture.advance(.seconds(20))
        try await fixture.setRunning("2.4.0")
        try await fixture.parts.healthWatch.pass()
      }
      #expect(try await fixture.deployment(id)?.status == .cancelled)
      #expect(try await agent.record().spec.rollbackTo != nil)
      #expect(try await fixture.send(.get, "/api/admin/policy").json["deploymentPolicy"] == "Manual")
      #expect(try await fixture.notices().filter { $0 == "unhealthyAfterDeployment" }.count == 1)
    }
  }

  @Test(arguments: TestDatabase.available)
  func whatTheVendorTakesBackIsNotDeployedByItself(_ database: TestDatabase) async throws {
    let vendor = try FakeVendor()
    try await BackendFixture.with(database, environment: vendor.environment) { fixture in
      let agent = WatchingAgent(fixture)
      try await fixture.run("2.3.0", by: agent)
      fixture.advance(.seconds(3600))
      _ = try await fixture.send(.put, "/api/admin/windows", BackendFixture.weekend)
      _ = try await fixture.send(.put, "/api/admin/policy", ["deploymentPolicy": "Automatic"])
      try vendor.offer("2.4.0")
      try await fixture.pollVendor()
      try await fixture.fetchArtifacts()
      try await fixture.parts.automatic.pass()
      let id = try #require(
        try await fixture.query("SELECT id FROM scheduled_deployment WHERE version = '2.4.0'").first?[0].text)
      #expect(try await fixture.deployment(id)?.status == .scheduled)
      vendor.change { $0.offer = nil }
      fixture.advance(.seconds(600))
      try await fixture.pollVendor()
      for _ in 0..<2 { try await fixture.parts.automatic.pass() }
      #expect(try await fixture.deployment(id)?.status == .cancelled)
      #expect(try await fixture.query("SELECT 1 FROM agent_task WHERE status = 'pending'").isEmpty)
      #expect(try await agent.record().spec.version != "2.4.0")
    }
  }
}
