import Accounts
import Audit
import Database
import FleetKinds
import FleetProtocol
import Logging
import ResourceModel
import TestSupport
import Testing
import WireFormats

@testable import ControlCenter

/// Changes for many customers: for whom they were shown, a set at a time, whoever is killed in between.
@Suite(.postgreSQLServer, .timeLimit(.minutes(2))) struct FleetJobTests {
  private static let actor = AuditActor(name: "ann@example.com", roles: "engineer")

  private func finish(_ jobs: FleetJobs) async throws { while try await jobs.pass() {} }

  @Test(arguments: TestDatabase.available)
  func labelsAreSetForThoseThatWereShown(_ database: TestDatabase) async throws {
    try await FleetFixture.with(database) { fixture in
      _ = try await fixture.addOrganizations(1_200)
      try await fixture.addOrganization("other", labels: ["ring": "late"])
      let jobs = fixture.parts.jobs
      let filter = FleetJobs.Selection.filter(try OrganizationFilter(["q": "org-"]))
      #expect(try await jobs.count(filter) == 1_200)
      let job = try await jobs.start(
        .label(["ring": "canary", "old": nil]), for: filter, expected: 1_200, by: Self.actor)
      #expect(job.state == .running && job.total == 1_200 && job.done == 0)
      // A process that was killed after a set leaves the rest to the next one.
      #expect(try await jobs.pass())
      #expect(try await jobs.find(job.id).done == Int64(FleetJobs.setCount))
      let another = FleetJobs(
        database: fixture.database, audit: fixture.parts.audit, now: fixture.parts.now, makeID: fixture.parts.makeID,
        logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
      try await finish(another)
      let done = try await jobs.find(job.id)
      #expect(done.state == .completed && done.done == 1_200 && done.changed == 1_200 && done.finishedAt != nil)
      #expect(try await fixture.organization("org-0007").metadata.labels == ["ring": "canary"])
      #expect(try await fixture.organization("other").metadata.labels == ["ring": "late"])
      #expect(try await fixture.query("SELECT 1 FROM gcc_fleet_job_member").isEmpty)
      #expect(
        try await fixture.query("SELECT actor, action FROM audit_entry").map { [$0[0].text, $0[1].text] }
          == [["ann@example.com", "FleetJobStarted"]])
    }
  }

  @Test(arguments: TestDatabase.available)
  func nothingBeginsWhereThereAreOthersNow(_ database: TestDatabase) async throws {
    try await FleetFixture.with(database) { fixture in
      _ = try await fixture.addOrganizations(3)
      let filter = FleetJobs.Selection.filter(try OrganizationFilter([:]))
      let error = await #expect(throws: StatusError.self) {
        try await fixture.parts.jobs.start(.label(["a": "b"]), for: filter, expected: 2, by: Self.actor)
      }
      #expect(error?.reason == .conflict)
      #expect(try await fixture.query("SELECT 1 FROM gcc_fleet_job").isEmpty)
      #expect(try await fixture.parts.jobs.pass() == false)
    }
  }

  @Test(arguments: TestDatabase.available)
  func whatFailedWaitsAgainAndEscalationsAreResolved(_ database: TestDatabase) async throws {
    try await FleetFixture.with(database) { fixture in
      try await fixture.addRelease("2.0.0")
      for name in ["a", "b"] { try await fixture.addOrganization(name, currentVersion: "1.0.0") }
      try await fixture.addRollout("r", RolloutSpec(release: "2.0.0", stages: [.init(name: "all")]))
      try await fixture.settle()
      for name in ["a", "b"] {
        try await fixture.report(name, "2.0.0", .failed, attempt: "x", number: 1, reason: "ImagePullFailed")
      }
      let jobs = fixture.parts.jobs
      let one = try await jobs.start(.retry(release: "2.0.0"), for: .names(["a"]), expected: 1, by: Self.actor)
      try await finish(jobs)
      #expect(try await jobs.find(one.id).changed == 1)
      #expect(try await fixture.target("a", "2.0.0").status?.bucket == .waiting)
      #expect(try await fixture.target("b", "2.0.0").status?.bucket == .failed)
      try await fixture.settle()
      #expect(try await fixture.target("a", "2.0.0").status?.bucket == .consent)
      let open = try await fixture.query("SELECT 1 FROM gcc_escalation WHERE \"resolvedAt\" IS NULL").count
      let resolved = try await jobs.start(
        .resolveEscalations(resolution: "called them", type: nil), for: .filter(try OrganizationFilter([:])),
        expected: nil, by: Self.actor)
      try await finish(jobs)
      #expect(open > 0)
      #expect(try await jobs.find(resolved.id).changed == Int64(open))
      let (kept, counted) = try await fixture.counters("r")
      #expect(kept == counted)
      // In a rollout that is halted they would be taken back at once.
      try await fixture.change("r") { $0.spec.state = .halted }
      try await fixture.settle()
      let refused = await #expect(throws: StatusError.self) {
        try await jobs.start(.retry(release: "2.0.0"), for: .names(["b"]), expected: nil, by: Self.actor)
      }
      #expect(refused?.message.contains("is halted") == true)
    }
  }

  @Test(arguments: TestDatabase.available)
  func aJobThatIsStoppedDoesNoMore(_ database: TestDatabase) async throws {
    try await FleetFixture.with(database) { fixture in
      _ = try await fixture.addOrganizations(700)
      let jobs = fixture.parts.jobs
      let job = try await jobs.start(
        .label(["a": "b"]), for: .filter(try OrganizationFilter([:])), expected: nil, by: Self.actor)
      #expect(try await jobs.pass())
      let stopped = try await jobs.cancel(job.id, by: Self.actor)
      #expect(stopped.state == .cancelled && stopped.done == 500)
      #expect(try await jobs.pass() == false)
      #expect(try await fixture.organization("org-0600").metadata.labels == nil)
    }
  }

  @Test(
    arguments: [
      ("label", [:]), ("label", ["labels": [:]]), ("label", ["labels": ["a b": "c"]]), ("label", ["labels": ["a": 1]]),
      ("label", ["labels": ["a": "<b>"]]), ("resolveEscalations", [:]), ("resolveEscalations", ["resolution": ""]),
      ("resolveEscalations", ["resolution": "x", "type": "NONE"]), ("retry", [:]), ("delete", [:]),
    ] as [(String, JSONValue)])
  func whatIsNoActionIsRefused(_ name: String, _ body: JSONValue) {
    let error = #expect(throws: StatusError.self) { try FleetJob.Action(name, body) }
    #expect(error?.reason == .invalid)
  }
}
