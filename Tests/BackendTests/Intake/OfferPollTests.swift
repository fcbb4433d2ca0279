import Database
import FleetProtocol
import HTTPTypes
import OfferPlanning
import ResourceModel
import TestSupport
import Testing
import WireFormats

@testable import Backend

/// What the vendor's server answers, and what becomes of it.
@Suite(.postgreSQLServer, .timeLimit(.minutes(5))) struct OfferPollTests {
  private func serve(
    _ database: TestDatabase, environment: [String: String] = [:],
    _ body: (BackendFixture, FakeVendor) async throws -> Void
  ) async throws {
    let vendor = try FakeVendor()
    try await BackendFixture.with(database, environment: vendor.environment.merging(environment) { $1 }) { fixture in
      try await body(fixture, vendor)
    }
  }

  @Test(arguments: TestDatabase.available)
  func anOfferIsTakenOnceHoweverOftenItComes(_ database: TestDatabase) async throws {
    try await serve(database) { fixture, vendor in
      try vendor.offer("2.3.0") { $0.isForced = true }
      try await fixture.pollVendor()
      let first = try #require(await fixture.onlyRelease())
      #expect(first.status == .pending && first.releaseName == "v2.3.0" && first.version == "2.3.0")
      #expect(first.isForced && first.forceDeadline == BackendFixture.start + .seconds(86_400))
      #expect(!first.isDownloaded && first.offer?.releaseID == "rel-2.3.0")
      fixture.advance(.seconds(600))
      try await fixture.pollVendor()
      #expect(vendor.requests("/updates").last?.headers["if-none-match"] != nil)
      // The vendor's server forgot what the tag meant.
      vendor.change { $0.updates = (200, [], $0.offer?.body ?? []) }
      fixture.advance(.seconds(600))
      try await fixture.pollVendor()
      #expect(try await fixture.onlyRelease() == first, "the deadline is that of the receipt")
      #expect(try await fixture.notices() == ["forcedUpdate"])
      let row = try await fixture.query("SELECT \"lastGccPoll\" IS NOT NULL, \"pollFailures\" FROM deployment_config")
      #expect(row.first?[0].boolean == true && row.first?[1].integer == 0)
    }
  }

  @Test(arguments: TestDatabase.available)
  func aRetryOfTheVendorsIsANewOffer(_ database: TestDatabase) async throws {
    try await serve(database) { fixture, vendor in
      try vendor.offer("2.3.0") { $0.isForced = true }
      try await fixture.pollVendor()
      let id = try #require(await fixture.onlyRelease()).id
      try await fixture.alter("UPDATE scheduled_deployment SET status = 'failed', attempt = 1, \"attemptId\" = 'a1'")
      let failed = StatusReport(
        organizationName: BackendFixture.organization, releaseID: "rel-2.3.0", status: .failed, attemptID: "a1",
        attempt: 1)
      try await fixture.database.transaction(.write) { connection in
        try fixture.parts.reports.record([.status(failed)], in: connection)
      }
      // Until the vendor has heard of it, the offer is the former.
      fixture.advance(.seconds(600))
      try await fixture.pollVendor()
      #expect(try await fixture.deployment(id)?.status == .failed)
      try await fixture.database.transaction(.write) { [now = fixture.now] connection in
        try VendorReports.settle(.status(failed), isTaken: true, at: now, in: connection)
      }
      // Its processes may not all know yet.
      fixture.advance(.seconds(20))
      fixture.parts.intake.poller?.wake()
      try await fixture.pollVendor()
      #expect(try await fixture.deployment(id)?.status == .failed)
      fixture.advance(.seconds(40))
      try await fixture.pollVendor()
      let again = try #require(await fixture.onlyRelease())
      #expect(again.id == id && again.status == .pending && again.attempt == 2 && again.attemptID != "a1")
      #expect(again.forceDeadline == fixture.now + .seconds(86_400), "a new offer has a deadline of its own")
      #expect(try await fixture.told().count == 2, "admins are told once more")
      fixture.advance(.seconds(600))
      try await fixture.pollVendor()
      #expect(try await fixture.onlyRelease() == again)
    }
  }

  /// Such as that of a rollout which was halted. What was offered just now is waited for: the vendor's processes may not all know.
  @Test(arguments: TestDatabase.available)
  func anOfferThatTheVendorTakesBackIsTakenBackHere(_ database: TestDatabase) async throws {
    try await serve(database) { fixture, vendor in
      try vendor.offer("2.3.0") { $0.isForced = true }
      try await fixture.pollVendor()
      try await fixture.fetchArtifacts()
      let id = try #require(await fixture.onlyRelease()).id
      vendor.change { $0.offer = nil }
      fixture.advance(.seconds(30))
      fixture.parts.intake.poller?.wake()
      try await fixture.pollVendor()
      #expect(try await fixture.deployment(id)?.status == .pending)
      fixture.advance(.seconds(30))
      try await fixture.pollVendor()
      let taken = try #require(await fixture.deployment(id))
      #expect(taken.status == .cancelled && taken.withdrawnAt == fixture.now)
      #expect(try await fixture.notices() == [])
      #expect(try await fixture.outbox("report").isEmpty, "the vendor knows")
      let list = try await DeploymentViews(context: fixture.parts.deployments).list(DeploymentListRequest(nil))
      #expect(list["pending"] == [])
      let refusal = await #expect(throws: StatusError.self) {
        _ = try await fixture.database.transaction(.write) { connection in
          try fixture.parts.scheduler.schedule(ScheduleRequest(deploymentID: id, actor: "ann"), in: connection)
        }
      }
      #expect(refusal?.reason == .conflict && refusal?.message.contains("taken v2.3.0 back") == true)
      // The rollout goes on.
      try vendor.offer("2.3.0")
      fixture.advance(.seconds(600))
      try await fixture.pollVendor()
      try await fixture.fetchArtifacts()
      let again = try #require(await fixture.deployment(id))
      #expect(again.status == .pending && again.isDownloaded && again.withdrawnAt == nil)
      #expect(try await fixture.notices() == ["releaseAvailable"])
    }
  }

  /// A faulty release is not deployed because somebody has chosen a time before that was known.
  @Test(arguments: TestDatabase.available)
  func whatAPersonHasScheduledIsCancelledWhereTheVendorTakesItBack(_ database: TestDatabase) async throws {
    try await serve(database) { fixture, vendor in
      try vendor.offer("2.3.0")
      try await fixture.pollVendor()
      try await fixture.fetchArtifacts()
      let id = try #require(await fixture.onlyRelease()).id
      let time = fixture.now + .seconds(86_400)
      _ = try await fixture.database.transaction(.write) { connection in
        try fixture.parts.scheduler.schedule(
          ScheduleRequest(deploymentID: id, scheduledFor: time, actor: "ann"), in: connection)
      }
      // While it is offered, polls leave it alone.
      fixture.advance(.seconds(600))
      try await fixture.pollVendor()
      try await fixture.parts.automatic.pass()
      #expect(try await fixture.deployment(id)?.status == .scheduled)

      vendor.change { $0.offer = nil }
      fixture.advance(.seconds(600))
      try await fixture.pollVendor()
      try await fixture.parts.automatic.pass()
      let ended = try #require(await fixture.deployment(id))
      #expect(ended.status == .cancelled && ended.withdrawnAt == fixture.now)
      #expect(ended.errorMessage?.contains("the vendor has taken the release back") == true)
      let tasks = try await fixture.query("SELECT status FROM agent_task WHERE status IN ('pending', 'inProgress')")
      #expect(tasks.isEmpty)
      #expect(try await fixture.notices().contains("deploymentCancelled"))
    }
  }

  /// A report of this customer's own has ended its offer, and it was fetched all the same.
  @Test(arguments: TestDatabase.available)
  func whatThisCustomersReportEndedIsNotTakenBack(_ database: TestDatabase) async throws {
    try await serve(database) { fixture, vendor in
      try vendor.offer("2.3.0")
      vendor.change { $0.moods = [.status(503), .status(503), .status(503)] }
      try await fixture.pollVendor()
      for _ in 0..<3 {
        try await fixture.fetchArtifacts()
        fixture.advance(.seconds(300))
      }
      #expect(try await fixture.onlyRelease()?.status == .downloadFailed)
      vendor.change { $0.offer = nil }
      fixture.advance(.seconds(6 * 3600))
      try await fixture.fetchArtifacts()
      try await fixture.pollVendor()
      let release = try await fixture.onlyRelease()
      #expect(release?.status == .pending && release?.isDownloaded == true)
    }
  }

  @Test(arguments: TestDatabase.available)
  func aChangedOfferIsDownloadedAnew(_ database: TestDatabase) async throws {
    try await serve(database) { fixture, vendor in
      let offer = try vendor.offer("2.3.0")
      try await fixture.pollVendor()
      try await fixture.fetchArtifacts()
      #expect(try await fixture.onlyRelease()?.isDownloaded == true)
      let changed = try vendor.offer("2.3.0", payload: "changed")
      #expect(changed.chartSha256 != offer.chartSha256)
      fixture.advance(.seconds(600))
      try await fixture.pollVendor()
      #expect(try await fixture.onlyRelease()?.isDownloaded == false)
      try await fixture.fetchArtifacts()
      #expect(try await fixture.onlyRelease()?.artifactSha256 == changed.chartSha256)
      #expect(try await fixture.notices() == ["releaseAvailable"])
      #expect(try await fixture.told().count == 2, "what is available is something else")
    }
  }

  @Test(arguments: TestDatabase.available)
  func whatNobodyCanTakeIsToldOnce(_ database: TestDatabase) async throws {
    try await serve(database) { fixture, vendor in
      try vendor.offer("latest")
      for _ in 0..<3 {
        try await fixture.pollVendor()
        fixture.advance(.seconds(600))
      }
      #expect(try await fixture.onlyRelease() == nil)
      #expect(try await fixture.notices() == ["downloadFailed"])
      let reports = try await fixture.outbox("report")
      #expect(reports.count == 1 && reports.first?["body"]?["reason"] == "InvalidVersion")
      try vendor.offer("2.3.0")
      try await fixture.pollVendor()
      #expect(try await fixture.onlyRelease()?.version == "2.3.0")
    }
  }

  @Test(arguments: TestDatabase.available)
  func whatCouldNotBeTakenIsToldForAsLongAsItIsOffered(_ database: TestDatabase) async throws {
    try await serve(database) { fixture, vendor in
      for round in 1...2 {
        try vendor.offer("2.3.0") { $0.chartSha256 = nil }
        try await fixture.pollVendor()
        #expect(try await fixture.notices() == ["downloadFailed"])
        #expect(try await fixture.told().count == round)
        fixture.advance(.seconds(600))
        vendor.change { $0.offer = nil }
        try await fixture.pollVendor()
        #expect(try await fixture.notices() == [])
        fixture.advance(.seconds(600))
      }
    }
  }

  /// There is a way out of too many, for people.
  @Test(arguments: TestDatabase.available)
  func ofTooManyThatWaitOneCanBeEnded(_ database: TestDatabase) async throws {
    try await serve(database) { fixture, vendor in
      var ids: [String] = []
      for minor in 0..<OfferIntake.maximumOpen {
        ids.append(try await fixture.addDownloaded(BackendFixture.offer("3.\(minor).0")))
      }
      try vendor.offer("4.0.0")
      func isKnown() async throws -> Bool {
        try await !fixture.query("SELECT 1 FROM scheduled_deployment WHERE version = '4.0.0'").isEmpty
      }
      try await fixture.pollVendor()
      #expect(try await !isKnown())
      #expect(try await fixture.notices() == ["downloadFailed"])
      let answer = try await fixture.send(
        .post, "/api/admin/deployment/cancel", ["deploymentId": .string(ids[0])])
      #expect(answer.status == 200)
      fixture.advance(.seconds(600))
      try await fixture.pollVendor()
      #expect(try await isKnown())
      #expect(try await fixture.notices() == [])
    }
  }

  @Test(arguments: TestDatabase.available)
  func whatRunsAlreadyIsReported(_ database: TestDatabase) async throws {
    try await serve(database) { fixture, vendor in
      try await fixture.alter("UPDATE deployment_config SET \"currentVersion\" = '2.3.0'")
      try vendor.offer("2.3.0")
      try await fixture.pollVendor()
      fixture.advance(.seconds(600))
      try await fixture.pollVendor()
      #expect(try await fixture.onlyRelease()?.status == .success)
      let reports = try await fixture.outbox("report").map { $0["body"] }
      #expect(reports.map { $0?["status"] } == ["success"] && reports.first??["currentVersion"] == "2.3.0")
      #expect(try await fixture.notices() == [])
    }
  }

  /// Nothing of what comes from outside is believed before it is read.
  @Test(arguments: [
    (200, "{"), (200, "<html>"), (200, #"{"eventType": "x"}"#), (200, #"{"eventType": "release.published"}"#),
    (200, String(repeating: "[", count: 100_000)), (200, String(repeating: " ", count: 5 << 20)),
    (200, #"{"eventType":"release.published","release":{"id":"a\u0000","version":"1.0.0"}}"#),
    (302, "{}"), (401, "{}"), (404, "{}"), (500, "{}"),
  ])
  func aWrongAnswerIsAskedForAgainLater(_ status: Int, _ body: String) async throws {
    try await serve(.sqlite) { fixture, vendor in
      vendor.change { $0.updates = (status, ["Location: \(vendor.url)/elsewhere"], Array(body.utf8)) }
      try await fixture.pollVendor()
      #expect(try await fixture.onlyRelease() == nil)
      #expect(try await fixture.query("SELECT \"pollFailures\" FROM deployment_config").first?[0].integer == 1)
      #expect(vendor.requests("/elsewhere").isEmpty)
      // It is not asked in a tight loop, whoever asks for it.
      fixture.parts.intake.poller?.wake()
      try await fixture.pollVendor()
      #expect(vendor.requests("/updates").count == 1)
      vendor.change { $0.updates = nil }
      try vendor.offer("2.3.0")
      fixture.advance(.seconds(15))
      try await fixture.pollVendor()
      #expect(try await fixture.onlyRelease() != nil)
      #expect(try await fixture.query("SELECT \"pollFailures\" FROM deployment_config").first?[0].integer == 0)
    }
  }

  @Test(arguments: TestDatabase.available)
  func theServersRetryAfterIsObeyed(_ database: TestDatabase) async throws {
    try await serve(database) { fixture, vendor in
      vendor.change { $0.updates = (503, ["Retry-After: 600"], []) }
      try await fixture.pollVendor()
      fixture.advance(.seconds(599))
      try await fixture.pollVendor()
      #expect(vendor.requests("/updates").count == 1)
      fixture.advance(.seconds(62))
      try await fixture.pollVendor()
      #expect(vendor.requests("/updates").count == 2)
    }
  }

  @Test(arguments: TestDatabase.available)
  func ofSeveralProcessesOneAsksAtATime(_ database: TestDatabase) async throws {
    try await serve(database) { fixture, vendor in
      try vendor.offer("2.3.0")
      try await fixture.withAnotherProcess { other in
        async let first = fixture.parts.intake.poller?.pass()
        async let second = other.intake.poller?.pass()
        _ = try await (first, second)
        #expect(vendor.requests("/updates").count == 1)
        async let third = fixture.parts.intake.heartbeats?.pass()
        async let fourth = other.intake.heartbeats?.pass()
        _ = try await (third, fourth)
        #expect(vendor.requests("/heartbeat").count == 1)
      }
    }
  }

  /// The claim of a process that was killed runs out.
  @Test(arguments: TestDatabase.available)
  func whatAKilledProcessHadBegunAnotherTakesUp(_ database: TestDatabase) async throws {
    try await serve(database) { fixture, vendor in
      try vendor.offer("2.3.0")
      _ = try await fixture.database.transaction(.write) { [now = fixture.now] connection in
        try VendorClock(activity: .poll).step(isWanted: false, now: now, in: connection)
      }
      try await fixture.pollVendor()
      #expect(vendor.requests("/updates").isEmpty)
      fixture.advance(VendorSchedule.lease)
      try await fixture.pollVendor()
      #expect(try await fixture.onlyRelease() != nil)
    }
  }

  @Test(arguments: TestDatabase.available)
  func aHeartbeatSaysWhatRunsAndHowItIs(_ database: TestDatabase) async throws {
    try await serve(database) { fixture, vendor in
      try await fixture.alter(
        "UPDATE deployment_config SET \"currentVersion\" = '2.3.0', \"lastAgentPoll\" = '2027-01-15T07:59:00.000Z'")
      _ = try await fixture.parts.intake.heartbeats?.pass()
      let request = try #require(vendor.requests("/api/v1/organizations/customer-x/heartbeat").first)
      #expect(request.headers["authorization"] == "Bearer key")
      var body = try JSONValue(parsing: request.body)
      #expect(body["installationId"]?.string?.isEmpty == false)
      body["installationId"] = Optional<JSONValue>.none
      #expect(
        body == [
          "version": "2.3.0", "status": "unknown", "agentLastPoll": "2027-01-15T07:59:00Z",
          "timestamp": .string(BackendFixture.start.description), "pendingReports": 0,
        ])
      #expect(
        try await fixture.query("SELECT 1 FROM deployment_config WHERE \"lastHeartbeat\" IS NOT NULL").count == 1)
      fixture.advance(.seconds(289))
      _ = try await fixture.parts.intake.heartbeats?.pass()
      fixture.advance(.seconds(1))
      _ = try await fixture.parts.intake.heartbeats?.pass()
      #expect(vendor.requests("/heartbeat").count == 2, "as the vendor's server asked")
      try await fixture.alter(
        "UPDATE deployment_config SET \"heartbeatEnabled\" = \(fixture.database.dialect.boolean(false))")
      fixture.advance(.seconds(3600))
      _ = try await fixture.parts.intake.heartbeats?.pass()
      #expect(vendor.requests("/heartbeat").count == 2)
    }
  }

  /// What a record says is of the past once its Agent is away, and where an Agent carries tasks out that writes none.
  @Test(arguments: TestDatabase.available)
  func aHeartbeatSaysHowItIsNow(_ database: TestDatabase) async throws {
    try await serve(database) { fixture, vendor in
      try await fixture.setRunning("2.3.0")
      try await fixture.setHealth("True", "Healthy", version: "2.3.0")
      func beat(_ seconds: Int64) async throws {
        fixture.advance(.seconds(seconds))
        _ = try await fixture.parts.intake.heartbeats?.pass()
      }
      try await beat(300)
      try await beat(301)
      try await fixture.setRunning("2.3.0")
      try await beat(300)
      try await fixture.alter("UPDATE deployment_config SET executor = 'tasks'")
      try await beat(300)
      let said = try vendor.requests("/heartbeat").map { try JSONValue(parsing: $0.body)["status"]?.string }
      #expect(said == ["healthy", "unknown", "healthy", "unknown"])
    }
  }

  @Test(arguments: TestDatabase.available)
  func theCustomersIntervalIsWhatTheRowSays(_ database: TestDatabase) async throws {
    func interval(_ fixture: BackendFixture) async throws -> Int64? {
      try await fixture.query("SELECT \"pollIntervalSec\" FROM deployment_config").first?[0].integer
    }
    try await BackendFixture.with(database) { fixture in
      let standard = try await interval(fixture)
      #expect(standard == 300)
    }
    try await BackendFixture.with(database, environment: ["WRKTALK_POLL_INTERVAL": "10m"]) { fixture in
      #expect(try await interval(fixture) == 600)
      // At the next start, too.
      try await fixture.alter("UPDATE deployment_config SET \"pollIntervalSec\" = 60")
      try await fixture.parts.prepare()
      #expect(try await interval(fixture) == 600)
    }
  }
}
