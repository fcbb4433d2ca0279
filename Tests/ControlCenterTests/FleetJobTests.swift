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

  private func everybody() throws -> FleetJobs.Selection { .filter(try OrganizationFilter([:])) }

  /// Action and object of each entry, in their order.
  private func audited(_ fixture: FleetFixture) async throws -> [[String]] {
    try await fixture.query("SELECT actor, action FROM audit_entry ORDER BY sequence").map {
      $0.values.compactMap(\.text)
    }
  }

  @Test(arguments: TestDatabase.available)
  func labelsAreSetForThoseThatWereShown(_ database: TestDatabase) async throws {
    try await FleetFixture.with(database) { fixture in
      _ = try await fixture.addOrganizations(1_200)
      try await fixture.addOrganization("other", labels: ["ring": "late"])
      try await fixture.addOrganization("org-zz", labels: ["old": "x", "kept": "y"])
      let jobs = fixture.parts.jobs
      let filter = FleetJobs.Selection.filter(try OrganizationFilter(["q": "org-"]))
      let prepared = try await jobs.prepare(.label(["ring": "canary", "old": nil]), for: filter, by: Self.actor)
      #expect(prepared.state == .prepared && prepared.total == 1_201)
      #expect(try await jobs.list(limit: 10).isEmpty)
      #expect(try await jobs.pass() == false)
      // One leaves, and another one comes: as many as before, but not those that were shown.
      try await fixture.execute("DELETE FROM organizational_service WHERE name = 'org-0001'")
      try await fixture.addOrganization("org-zzz")
      let job = try await jobs.start(prepared.id, by: Self.actor)
      #expect(job.state == .running && job.total == 1_201 && job.done == 0)
      // A process that is stopped between two sets leaves the rest to the next one.
      #expect(try await jobs.pass())
      #expect(try await jobs.find(job.id).done == Int64(FleetJobs.setCount))
      try await finish(another(fixture))
      let done = try await jobs.find(job.id)
      #expect(done.state == .completed && done.done == 1_201 && done.changed == 1_200 && done.finishedAt != nil)
      #expect(try await fixture.organization("org-0007").metadata.labels == ["ring": "canary"])
      #expect(try await fixture.organization("org-zz").metadata.labels == ["ring": "canary", "kept": "y"])
      #expect(try await fixture.organization("org-zzz").metadata.labels == nil)
      #expect(try await fixture.organization("other").metadata.labels == ["ring": "late"])
      #expect(try await fixture.query("SELECT 1 FROM gcc_fleet_job_member").isEmpty)
      #expect(
        try await audited(fixture) == [
          ["ann@example.com", "FleetJobStarted"], ["ann@example.com", "FleetJobCompleted"],
        ])
      let end = try await fixture.query("SELECT detail FROM audit_entry ORDER BY sequence DESC LIMIT 1")
      #expect(end.first?[0].text == #"{"action":"label","changed":1200,"done":1201,"refused":0}"#)
      // Who asks twice has begun it once.
      #expect(try await jobs.start(job.id, by: Self.actor).state == .completed)
    }
  }

  private func another(_ fixture: FleetFixture) -> FleetJobs {
    FleetJobs(
      database: fixture.database, audit: fixture.parts.audit, now: fixture.parts.now, makeID: fixture.parts.makeID,
      logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
  }

  @Test(arguments: TestDatabase.available)
  func twoProcessesDoEachSetOnce(_ database: TestDatabase) async throws {
    try await FleetFixture.with(database) { fixture in
      _ = try await fixture.addOrganizations(2_600)
      let processes = [fixture.parts.jobs, another(fixture), another(fixture)]
      var started: [FleetJob] = []
      for number in 0..<2 {
        started.append(
          try await processes[0].start(.label(["l\(number)": "x"]), for: try everybody(), by: Self.actor))
      }
      try await withThrowingTaskGroup(of: Void.self) { tasks in
        for process in processes { tasks.addTask { try await finish(process) } }
        try await tasks.waitForAll()
      }
      // One that found the rest of the sets taken has ended early.
      try await finish(processes[0])
      for job in started {
        let job = try await processes[0].find(job.id)
        #expect(job.state == .completed && job.done == 2_600 && job.changed == 2_600)
      }
    }
  }

  @Test(arguments: TestDatabase.available)
  func whatWasPreparedIsStartedByWhoSawItWithinTenMinutes(_ database: TestDatabase) async throws {
    try await FleetFixture.with(database) { fixture in
      _ = try await fixture.addOrganizations(3)
      let jobs = fixture.parts.jobs
      func prepare() async throws -> FleetJob {
        try await jobs.prepare(.label(["a": "b"]), for: try everybody(), by: Self.actor)
      }
      let first = try await prepare()
      let other = await #expect(throws: StatusError.self) {
        try await jobs.start(first.id, by: AuditActor(name: "bob@example.com"))
      }
      #expect(other?.reason == .forbidden)
      fixture.advance(.seconds(601))
      let late = await #expect(throws: StatusError.self) { try await jobs.start(first.id, by: Self.actor) }
      #expect(late?.reason == .notFound)
      #expect(try await jobs.pass() == false)
      // Who only looks leaves a few of them at most.
      for _ in 0..<10 { _ = try await prepare() }
      #expect(
        try await fixture.query("SELECT 1 FROM gcc_fleet_job").count == FleetJobs.maximumPreparedOfOne)
      let last = try await prepare()
      #expect(try await jobs.cancel(last.id, by: Self.actor).state == .cancelled)
      fixture.advance(.seconds(601))
      #expect(try await jobs.pass() == false)
      #expect(try await fixture.query("SELECT 1 FROM gcc_fleet_job WHERE state = 'Prepared'").isEmpty)
      #expect(try await fixture.query("SELECT 1 FROM gcc_fleet_job_member").isEmpty)
      // Nobody has done anything.
      #expect(try await audited(fixture) == [])
    }
  }

  @Test(arguments: TestDatabase.available)
  func namesThatNobodyHasAreRefusedAndManyNamesHideNothingFromTheAudit(_ database: TestDatabase) async throws {
    try await FleetFixture.with(database) { fixture in
      let names = try await fixture.addOrganizations(500, prefix: String(repeating: "long-name-", count: 10))
      let jobs = fixture.parts.jobs
      let error = await #expect(throws: StatusError.self) {
        try await jobs.start(.label(["a": "b"]), for: .names(names + ["nobody"]), by: Self.actor)
      }
      #expect(error?.reason == .notFound && error?.message.contains("nobody") == true)
      #expect(try await fixture.query("SELECT 1 FROM gcc_fleet_job").isEmpty)
      _ = try await jobs.start(.label(["evil": "1"]), for: .names(names), by: Self.actor)
      let text = try #require(try await fixture.query("SELECT detail FROM audit_entry").first?[0].text)
      let detail = try JSONValue(parsing: Array(text.utf8))
      #expect(detail["action"] == "label" && detail["parameters"] == ["labels": ["evil": "1"]])
      #expect(detail["organizations"] == 500 && detail["filter"]?["organizations"]?["count"] == 500)
      #expect(detail["filter"]?["organizations"]?["first"]?.array?.first == .string(names[0]))
      #expect(detail["filter"]?["organizations"]?["sha256"]?.string?.count == 64)
    }
  }

  @Test(arguments: TestDatabase.available)
  func theJobsTakeTurns(_ database: TestDatabase) async throws {
    try await FleetFixture.with(database) { fixture in
      _ = try await fixture.addOrganizations(1_200)
      let jobs = fixture.parts.jobs
      let large = try await jobs.start(.label(["a": "b"]), for: try everybody(), by: Self.actor)
      let small = try await jobs.start(.label(["c": "d"]), for: .names(["org-0000"]), by: Self.actor)
      for _ in 0..<4 { #expect(try await jobs.pass()) }
      #expect(try await jobs.find(small.id).state == .completed)
      #expect(try await jobs.find(large.id).done == 1_000)
    }
  }

  @Test(arguments: TestDatabase.available)
  func aJobOfALaterVersionHoldsNothingUpAndCanBeCancelled(_ database: TestDatabase) async throws {
    try await FleetFixture.with(database) { fixture in
      _ = try await fixture.addOrganizations(3)
      try await fixture.execute(
        """
        INSERT INTO gcc_fleet_job (id, action, parameters, filter, state, total, "createdBy", "createdAt")
        VALUES ('future', 'relicense', '{"until":"2030"}', '{}', 'Running', 3, 'ann@example.com', '2020-01-01 00:00:00.000')
        """)
      let jobs = fixture.parts.jobs
      let job = try await jobs.start(.label(["a": "b"]), for: try everybody(), by: Self.actor)
      try await finish(jobs)
      #expect(try await jobs.find(job.id).state == .completed)
      let future = try await jobs.find("future")
      #expect(future.state == .running && future.json["action"] == "relicense")
      #expect(try await jobs.list(limit: 10).map(\.id).contains("future"))
      #expect(try await jobs.cancel("future", by: Self.actor).state == .cancelled)
    }
  }

  @Test(arguments: TestDatabase.available)
  func aJobThatCannotBeCarriedOutFailsWithAReasonAndHoldsNothingUp(_ database: TestDatabase) async throws {
    try await FleetFixture.with(database) { fixture in
      _ = try await fixture.addOrganizations(3)
      let jobs = fixture.parts.jobs
      try await fixture.execute("ALTER TABLE gcc_escalation RENAME TO away")
      let broken = try await jobs.start(
        .resolveEscalations(resolution: "called", type: nil), for: try everybody(), by: Self.actor)
      let sound = try await jobs.start(.label(["a": "b"]), for: try everybody(), by: Self.actor)
      try await finish(jobs)
      #expect(try await jobs.find(sound.id).state == .completed)
      #expect(try await jobs.find(broken.id).state == .running)
      // Not at once again: what is in its way may pass.
      #expect(try await jobs.find(broken.id).failures == 1)
      for _ in 0..<FleetJobs.maximumFailures {
        fixture.advance(.seconds(61))
        try await finish(jobs)
      }
      let failed = try await jobs.find(broken.id)
      #expect(failed.state == .failed && failed.reason?.contains("gcc_escalation") == true && failed.done == 0)
      #expect(try await fixture.query("SELECT 1 FROM gcc_fleet_job_member").isEmpty)
      #expect(try await audited(fixture).last == ["ann@example.com", "FleetJobFailed"])
    }
  }

  @Test(arguments: TestDatabase.available)
  func aSetThatFailsHalfwayIsDoneWhollyLater(_ database: TestDatabase) async throws {
    try await FleetFixture.with(database) { fixture in
      _ = try await fixture.addOrganizations(700)
      let jobs = fixture.parts.jobs
      let job = try await jobs.start(.label(["a": "b"]), for: try everybody(), by: Self.actor)
      let refusal =
        database == .postgresql
        ? [
          "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$",
          """
          CREATE TRIGGER refused BEFORE UPDATE ON organizational_service FOR EACH ROW WHEN (NEW.name = 'org-0600')
          EXECUTE FUNCTION refuse()
          """,
        ]
        : [
          """
          CREATE TRIGGER refused BEFORE UPDATE ON organizational_service WHEN NEW.name = 'org-0600'
          BEGIN SELECT RAISE(ABORT, 'no'); END
          """
        ]
      for statement in refusal { try await fixture.execute(statement) }
      try await finish(jobs)
      let broken = try await jobs.find(job.id)
      #expect(broken.state == .running && broken.done == 500 && broken.changed == 500 && broken.failures == 1)
      #expect(try await fixture.organization("org-0550").metadata.labels == nil)
      try await fixture.execute(
        "DROP TRIGGER refused" + (database == .postgresql ? " ON organizational_service" : ""))
      fixture.advance(.seconds(61))
      try await finish(jobs)
      let done = try await jobs.find(job.id)
      #expect(done.state == .completed && done.done == 700 && done.changed == 700 && done.failures == 0)
    }
  }

  @Test(arguments: TestDatabase.available)
  func onlySoManyRunAtOnceAndNoneForNobody(_ database: TestDatabase) async throws {
    try await FleetFixture.with(database) { fixture in
      let jobs = fixture.parts.jobs
      let nobody = await #expect(throws: StatusError.self) {
        try await jobs.start(.label(["a": "b"]), for: try everybody(), by: Self.actor)
      }
      #expect(nobody?.reason == .conflict)
      try await fixture.addOrganization("a")
      for _ in 0..<FleetJobs.maximumRunning {
        _ = try await jobs.start(.label(["a": "b"]), for: try everybody(), by: Self.actor)
      }
      let another = await #expect(throws: StatusError.self) {
        try await jobs.start(.label(["a": "b"]), for: try everybody(), by: Self.actor)
      }
      #expect(another?.reason == .tooManyRequests)
      try await finish(jobs)
      #expect(try await jobs.start(.label(["a": "c"]), for: try everybody(), by: Self.actor).state == .running)
    }
  }

  @Test(arguments: TestDatabase.available)
  func whoWouldHaveTooManyLabelsStaysAsItIsAndIsCounted(_ database: TestDatabase) async throws {
    try await FleetFixture.with(database) { fixture in
      let labels = Dictionary(uniqueKeysWithValues: (0..<OrganizationKind.maximumLabelCount).map { ("l\($0)", "x") })
      try await fixture.addOrganization("full", labels: labels)
      try await fixture.addOrganization("a")
      let jobs = fixture.parts.jobs
      let job = try await jobs.start(.label(["one-more": "x"]), for: try everybody(), by: Self.actor)
      let exchange = try await jobs.start(
        .label(["another": "x", "l0": nil]), for: .names(["full"]), by: Self.actor)
      try await finish(jobs)
      let done = try await jobs.find(job.id)
      #expect(done.state == .completed && done.done == 2 && done.changed == 1 && done.refused == 1)
      #expect(try await jobs.find(exchange.id).changed == 1)
      let kept = try await fixture.organization("full").metadata.labels ?? [:]
      #expect(kept.count == labels.count && kept["one-more"] == nil && kept["another"] == "x")
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
      let one = try await jobs.start(.retry(release: "2.0.0"), for: .names(["a"]), by: Self.actor)
      try await finish(jobs)
      #expect(try await jobs.find(one.id).changed == 1)
      #expect(try await fixture.target("a", "2.0.0").status?.bucket == .waiting)
      #expect(try await fixture.target("b", "2.0.0").status?.bucket == .failed)
      try await fixture.settle()
      #expect(try await fixture.target("a", "2.0.0").status?.bucket == .consent)
      let open = try await fixture.query("SELECT 1 FROM gcc_escalation WHERE \"resolvedAt\" IS NULL").count
      let resolved = try await jobs.start(
        .resolveEscalations(resolution: "called them", type: nil), for: try everybody(), by: Self.actor)
      try await finish(jobs)
      #expect(open > 0)
      #expect(try await jobs.find(resolved.id).changed == Int64(open))
      let (kept, counted) = try await fixture.counters("r")
      #expect(kept == counted)
      // In a rollout that is halted they would be taken back at once.
      try await fixture.change("r") { $0.spec.state = .halted }
      try await fixture.settle()
      let refused = await #expect(throws: StatusError.self) {
        try await jobs.start(.retry(release: "2.0.0"), for: .names(["b"]), by: Self.actor)
      }
      #expect(refused?.message.contains("is halted") == true)
    }
  }

  private func withFailedTargets(
    _ database: TestDatabase, _ body: (FleetFixture) async throws -> Void
  ) async throws {
    try await FleetFixture.with(database) { fixture in
      try await fixture.addRelease("2.0.0")
      for name in ["a", "b"] { try await fixture.addOrganization(name, currentVersion: "1.0.0") }
      try await fixture.addRollout("r", RolloutSpec(release: "2.0.0", stages: [.init(name: "all")]))
      try await fixture.settle()
      for name in ["a", "b"] {
        try await fixture.report(name, "2.0.0", .failed, attempt: "x", number: 1, reason: "ImagePullFailed")
      }
      try await body(fixture)
    }
  }

  @Test(arguments: TestDatabase.available)
  func whatFailedOutsideEveryRolloutStaysFailed(_ database: TestDatabase) async throws {
    try await withFailedTargets(database) { fixture in
      // As the deletion of its rollout leaves it.
      try await fixture.execute(
        "UPDATE gcc_deployment_target SET \"rolloutName\" = NULL WHERE \"organizationName\" = 'b'")
      let jobs = fixture.parts.jobs
      let job = try await jobs.start(.retry(release: "2.0.0"), for: try everybody(), by: Self.actor)
      try await finish(jobs)
      #expect(try await jobs.find(job.id).changed == 1)
      #expect(try await fixture.target("a", "2.0.0").status?.bucket == .waiting)
      #expect(try await fixture.target("b", "2.0.0").status?.bucket == .failed)
    }
  }

  @Test(
    arguments: TestDatabase.available,
    [
      ("DELETE FROM gcc_rollout", "has no rollout"),
      ("UPDATE gcc_release SET status = 'deprecated'", "is not offered any more"),
    ])
  func aRetryEndsWhereNothingIsToBeRetriedAnyMore(_ database: TestDatabase, _ change: (String, String)) async throws {
    try await withFailedTargets(database) { fixture in
      let jobs = fixture.parts.jobs
      let job = try await jobs.start(.retry(release: "2.0.0"), for: try everybody(), by: Self.actor)
      try await fixture.execute(change.0)
      try await finish(jobs)
      let ended = try await jobs.find(job.id)
      #expect(ended.state == .cancelled && ended.changed == 0 && ended.reason?.contains(change.1) == true)
      // Why they failed is still to be seen.
      #expect(try await fixture.target("a", "2.0.0").status?.bucket == .failed)
      let refused = await #expect(throws: StatusError.self) {
        try await jobs.prepare(.retry(release: "2.0.0"), for: try everybody(), by: Self.actor)
      }
      #expect(refused?.reason == .conflict)
    }
  }

  @Test(arguments: TestDatabase.available)
  func aJobThatIsStoppedDoesNoMore(_ database: TestDatabase) async throws {
    try await FleetFixture.with(database) { fixture in
      _ = try await fixture.addOrganizations(700)
      let jobs = fixture.parts.jobs
      let job = try await jobs.start(
        .label(["a": "b"]), for: try everybody(), by: Self.actor)
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
      ("resolveEscalations", ["resolution": "x", "type": "NONE"]),
      ("resolveEscalations", ["resolution": "x", "type": ["CLIENT_OFFLINE"]]), ("retry", [:]), ("delete", [:]),
    ] as [(String, JSONValue)])
  func whatIsNoActionIsRefused(_ name: String, _ body: JSONValue) {
    let error = #expect(throws: StatusError.self) { try FleetJob.Action(name, body) }
    #expect(error?.reason == .invalid)
  }

  // MARK: Over HTTP

  private func serve(
    _ fixture: FleetFixture, _ body: @Sendable (ControlCenterTestServer) async throws -> Void
  ) async throws {
    try await ControlCenterTestServer.run(
      authenticator: RoleTokens(policy: ControlCenterAccess.policy), policy: ControlCenterAccess.policy,
      addRoutes: { fixture.parts.addRoutes(to: $0) }, body)
  }

  @Test(
    arguments: [
      ["dryRun": "true"], ["dryRun": 1], ["dryRun": .null], ["filter": .null], ["filter": []], ["filter": ["q": 1]],
      ["filter": "everybody"], ["organizations": "a", "filter": nil], ["organizations": [], "filter": nil],
      ["organizations": ["a"]], ["organizations": ["a", 1], "filter": nil],
      ["organizations": .array((0...500).map { .string("o\($0)") }), "filter": nil], ["labels": "a=b"],
      ["action": ["label"]],
      ["action": "resolveEscalations", "resolution": "x", "type": .null],
      ["action": "resolveEscalations", "resolution": "x", "type": ["CLIENT_OFFLINE"]],
    ] as [[String: JSONValue?]])
  func whatIsOfTheWrongTypeStartsNothing(_ change: [String: JSONValue?]) async throws {
    try await FleetFixture.with(.sqlite) { fixture in
      try await fixture.addOrganization("a")
      var members: [String: JSONValue] = ["action": "label", "filter": [:], "labels": ["a": "b"]]
      for (name, value) in change { members[name] = value }
      try await serve(fixture) { [members] server in
        let answer = try await server.send(
          "POST", "/api/internal/fleet/jobs", .object(members), token: "engineer")
        #expect(answer.status == 422, "\(answer.status) \(answer.json.text)")
      }
      #expect(try await fixture.query("SELECT 1 FROM gcc_fleet_job").isEmpty)
    }
  }

  @Test func aDryRunIsStartedByItsID() async throws {
    try await FleetFixture.with(.sqlite) { fixture in
      try await fixture.addOrganization("a")
      try await serve(fixture) { server in
        let path = "/api/internal/fleet/jobs"
        let body: JSONValue = ["action": "label", "filter": [:], "labels": ["a": "b"], "dryRun": true]
        let prepared = try await server.send("POST", path, body, token: "engineer")
        #expect(prepared.status == 201 && prepared.json["state"] == "Prepared" && prepared.json["total"] == 1)
        let id = try #require(prepared.json["id"]?.string)
        #expect(try await server.send("GET", path, token: "viewer").json["jobs"] == [])
        #expect(try await server.send("POST", "\(path)/\(id)/start", token: "viewer").status == 403)
        let started = try await server.send("POST", "\(path)/\(id)/start", token: "engineer")
        #expect(started.status == 200 && started.json["state"] == "Running")
        #expect(try await server.send("POST", "\(path)/nobody/start", token: "engineer").status == 404)
        #expect(try await server.send("GET", path, token: "viewer").json["jobs"]?.array?.count == 1)
      }
    }
  }
}
