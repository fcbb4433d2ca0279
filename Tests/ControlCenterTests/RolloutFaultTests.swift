import Database
import FleetKinds
import FleetPlanning
import FleetProtocol
import Outbox
import ResourceModel
import ResourceStorage
import Synchronization
import TestSupport
import Testing
import WireFormats

@testable import ControlCenter

/// What went wrong for others, or was found to go wrong here.
@Suite(.postgreSQLServer, .timeLimit(.minutes(5))) struct RolloutFaultTests {
  private func remove(_ name: String, _ fixture: FleetFixture) async throws {
    let stored = try #require(
      try await fixture.store.get(RolloutKind.definition, ObjectKey(namespace: "", name: name)))
    _ = try await fixture.store.write(RolloutKind.definition, .remove(key: stored.key, expected: stored.revision))
  }

  /// A step was counted done by the status of the release before.
  @Test(arguments: TestDatabase.available)
  func aRolloutThatIsMadeAnewUnderItsNameBeginsWithNothing(_ database: TestDatabase) async throws {
    try await FleetFixture.with(database) { fixture in
      let names = try await fixture.addOrganizations(6)
      let stages: [RolloutSpec.Stage] = [
        .init(name: "first", count: 2, gate: .init(minReports: 2)), .init(name: "rest", maxInFlight: 1),
      ]
      try await fixture.addRollout("weekly", RolloutSpec(release: "2.3.0", stages: stages))
      try await fixture.addRelease("2.3.0")
      try await fixture.settle()
      for name in names { try await fixture.report(name, "2.3.0", .success) }
      try await fixture.settle()
      try await remove("weekly", fixture)
      try await fixture.addRollout("weekly", RolloutSpec(release: "2.4.0", stages: stages))
      try await fixture.addRelease("2.4.0")
      try await fixture.settle()
      let status = try #require(try await fixture.rollout("weekly").status)
      #expect(status.stages.map(\.phase) == [.running, .pending], "\(status.reason)")
      #expect(status.stages[0].counts.succeeded == 0 && status.stages[0].counts.members == 2)
    }
  }

  @Test(arguments: TestDatabase.available)
  func whatADeletedRolloutHadNotFinishedIsTakenBack(_ database: TestDatabase) async throws {
    try await FleetFixture.with(database) { fixture in
      let names = try await fixture.addOrganizations(4)
      try await fixture.addRollout("r", RolloutSpec(release: "2.3.0", stages: [.init(name: "all")]))
      try await fixture.addRelease("2.3.0")
      try await fixture.settle()
      try await fixture.report(names[0], "2.3.0", .success)
      try await remove("r", fixture)
      try await fixture.settle()
      var phases: [TargetPhase?] = []
      for name in names { phases.append(try await fixture.target(name, "2.3.0").status?.phase) }
      #expect(phases == [.success, .cancelled, .cancelled, .cancelled])
      #expect(
        try await fixture.query("SELECT count(*) FROM gcc_rollout_counter WHERE count <> 0").first?[0].integer == 0)
    }
  }

  @Test(arguments: TestDatabase.available)
  func aReleaseThatIsWithdrawnAfterItsRolloutWasCompletedHaltsIt(_ database: TestDatabase) async throws {
    try await FleetFixture.with(database) { fixture in
      try await fixture.addOrganization("acme")
      try await fixture.addRelease("2.3.0")
      try await fixture.settle()
      try await fixture.report("acme", "2.3.0", .success)
      try await fixture.settle()
      #expect(try await fixture.rollout("release-2.3.0").status?.phase == .completed)
      try await fixture.execute(
        "UPDATE gcc_release SET withdrawn = \(database == .postgresql ? "true" : "1"), resource_version = 0")
      try await fixture.settle()
      #expect(try await fixture.rollout("release-2.3.0").status?.phase == .halted)
    }
  }

  @Test(arguments: TestDatabase.available)
  func numbersOfACompletedRolloutFollowWhatIsReportedLater(_ database: TestDatabase) async throws {
    try await FleetFixture.with(database) { fixture in
      try await fixture.addOrganization("acme")
      try await fixture.addRelease("2.3.0")
      try await fixture.settle()
      try await fixture.report("acme", "2.3.0", .success, attempt: "a1")
      try await fixture.settle()
      try await fixture.report("acme", "2.3.0", .rolledBack, attempt: "a2")
      try await fixture.settle()
      let counts = try #require(try await fixture.rollout("release-2.3.0").status?.stages.first?.counts)
      #expect(counts.failed == 1 && counts.succeeded == 0, "\(counts)")
    }
  }

  @Test(arguments: TestDatabase.available)
  func renewedLicencesAreOfferedUnderTheLimitsOfTheStageAndEndTheirEscalations(_ database: TestDatabase) async throws {
    try await FleetFixture.with(database) { fixture in
      for number in 0..<10 {
        try await fixture.addOrganization(
          "o\(number)", webhook: "http://127.0.0.1:1/", secret: "a secret of many characters",
          licenseExpiresAt: fixture.now)
      }
      try await fixture.addRollout("r", RolloutSpec(release: "2.3.0", stages: [.init(name: "all", maxInFlight: 2)]))
      try await fixture.addRelease("2.3.0")
      try await fixture.settle()
      #expect(try await fixture.rollout("r").status?.stages.first?.counts.blocked == 10)
      try await fixture.execute("UPDATE organizational_service SET \"licenseExpiresAt\" = NULL")
      #expect(try await fixture.parts.steps.recheckBlocked(after: "") == nil)
      try await fixture.settle()
      let counts = try #require(try await fixture.rollout("r").status?.stages.first?.counts)
      #expect(counts.notifying == 2 && counts.waiting == 8, "\(counts)")
      #expect(
        try await fixture.query("SELECT count(*) FROM gcc_escalation WHERE \"resolvedAt\" IS NULL").first?[0].integer
          == 0)
    }
  }

  /// Who reports of what it was never offered, under whatever name.
  @Test(arguments: TestDatabase.available)
  func aCustomerGivesItselfNoOffer(_ database: TestDatabase) async throws {
    try await FleetFixture.with(database) { fixture in
      try await fixture.addOrganization("expired", licenseExpiresAt: fixture.now)
      try await fixture.addRelease("2.3.0")
      try await fixture.settle()
      for status in StatusReport.Status.allCases where status != .success {
        #expect(try await fixture.report("expired", "2.3.0", status, attempt: "invented") == .ignored, "\(status)")
      }
      #expect(try await fixture.target("expired", "2.3.0").status?.blocked == .licenseExpired)
    }
  }

  /// After a halt nobody is told of the release any more, whatever waited to be sent.
  @Test(arguments: TestDatabase.available)
  func whatIsQueuedWhenARolloutHaltsIsNotSent(_ database: TestDatabase) async throws {
    let received = Mutex(0)
    let server = try LoopbackServer { _, connection in
      received.withLock { $0 += 1 }
      connection.respond(200)
    }
    try await FleetFixture.with(database) { fixture in
      for number in 0..<5 {
        try await fixture.addOrganization("o\(number)", webhook: server.url, secret: "a secret of many characters")
      }
      try await fixture.addRollout("r", RolloutSpec(release: "2.3.0", stages: [.init(name: "all")]))
      try await fixture.addRelease("2.3.0")
      try await fixture.settle()
      #expect(try await fixture.query("SELECT count(*) FROM outbox").first?[0].integer == 5)
      try await fixture.change("r") { $0.spec.state = .halted }
      try await fixture.settle()
      let tasks = [Task { try await fixture.parts.offers.run() }, Task { await fixture.parts.outbox.run() }]
      while try await fixture.query("SELECT count(*) FROM outbox").first?[0].integer != 0 {
        try await Task.sleep(for: .milliseconds(5))
      }
      fixture.parts.outbox.cancel()
      for task in tasks { task.cancel() }
      for task in tasks { _ = await task.result }
      #expect(received.withLock { $0 } == 0)
    }
  }

  /// A time that one database cannot keep must fail nobody's heartbeat, and least of all others'.
  @Test func timesOfNoCalendarAreRefusedWhereTheyAreRead() {
    for text in [
      "0000-01-01T00:00:00Z", "0000-01-01T00:00:00+14:00", "1969-12-31T23:59:59Z", "9999-12-31T23:59:59-14:00",
    ] {
      #expect(throws: ProtocolError.self) { try Heartbeat(reading: ["agentLastPoll": .string(text)]) }
    }
  }
}
