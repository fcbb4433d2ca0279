import Database
import FleetProtocol
import HTTPTypes
import MaintenanceWindows
import OfferPlanning
import TestSupport
import Testing
import WireFormats

@testable import Backend

/// It is Friday, 15 January 2027, 08:00 UTC; the windows are on Saturdays and Sundays from 02:00 to 05:00 in Berlin.
@Suite(.postgreSQLServer, .timeLimit(.minutes(5))) struct AutomaticDeploymentTests {
  private func with(
    _ database: TestDatabase,
    _ body: (BackendFixture, BackendFixture.Asked, AutomaticDeployments) async throws -> Void
  ) async throws {
    try await BackendFixture.with(database) { fixture in
      _ = try await fixture.send(.put, "/api/admin/windows", BackendFixture.weekend)
      let answer = try await fixture.send(.put, "/api/admin/policy", ["deploymentPolicy": "Automatic"])
      #expect(answer.status == 200)
      try await fixture.setRunning("2.3.0")
      let asked = BackendFixture.Asked()
      try await body(fixture, asked, fixture.automatic(BackendFixture.actions(asked)))
    }
  }

  @Test(arguments: TestDatabase.available)
  func theNewestReleaseIsScheduledForTheNextWindowOnce(_ database: TestDatabase) async throws {
    try await with(database) { fixture, asked, automatic in
      try await automatic.pass()
      #expect(asked.all.isEmpty)
      try await fixture.addDownloaded(BackendFixture.offer("2.4.0"))
      let id = try await fixture.addDownloaded(BackendFixture.offer("2.5.0"))
      let migration = ReleaseOffer(
        releaseID: "rel-9", version: "2.6.0", chartSha256: String(repeating: "a", count: 64), isMigrationRequired: true)
      try await fixture.addDownloaded(migration)
      for _ in 0..<3 { try await automatic.pass() }
      #expect(asked.all == ["schedule at 2027-01-16T01:00:00Z"])
      let answer = try await fixture.send(.get, "/api/admin/policy")
      #expect(
        answer.json["automaticallyScheduled"] == [
          "deploymentId": .string(id), "version": "2.5.0", "scheduledFor": "2027-01-16T01:00:00Z",
        ])
      // Windows that leave it out are refused until somebody cancels it.
      var other = BackendFixture.weekend
      other["freezes"] = [["from": "2027-01-16", "to": "2027-01-16", "timeZone": "UTC", "reason": "Fair"]]
      let refused = try await fixture.send(.put, "/api/admin/windows", other)
      #expect(refused.status == 409)
      #expect(refused.json["error"]?.string?.contains("v2.5.0 was scheduled automatically") == true)
    }
  }

  /// Two processes over one database.
  @Test(arguments: TestDatabase.available)
  func twoProcessesScheduleOnce(_ database: TestDatabase) async throws {
    try await with(database) { fixture, asked, _ in
      try await fixture.addDownloaded(BackendFixture.offer("2.4.0"))
      try await fixture.addDownloaded(BackendFixture.offer("2.5.0"))
      let processes = (0..<4).map { _ in fixture.automatic(BackendFixture.actions(asked)) }
      try await withThrowingTaskGroup(of: Void.self) { group in
        for process in processes { group.addTask { for _ in 0..<3 { try await process.pass() } } }
        try await group.waitForAll()
      }
      #expect(try await fixture.query("SELECT 1 FROM agent_task").count == 1)
      #expect(try await fixture.query("SELECT 1 FROM scheduled_deployment WHERE status = 'scheduled'").count == 1)
    }
  }

  @Test(arguments: [
    // In a window: soon; where too little of it is left: in the next.
    ("2027-01-16T02:00:30Z", "2027-01-16T02:02:00Z"), ("2027-01-16T03:49:00Z", "2027-01-16T03:50:00Z"),
    ("2027-01-16T03:49:01Z", "2027-01-17T01:00:00Z"), ("2027-01-16T00:59:00Z", "2027-01-16T01:00:00Z"),
    ("2027-01-15T08:00:00Z", "2027-01-16T01:00:00Z"),
  ])
  func whatIsScheduledBeginsInsideAWindowAlways(_ now: String, _ start: String) async throws {
    try await with(.sqlite) { fixture, asked, automatic in
      try await fixture.addDownloaded(BackendFixture.offer("2.4.0"))
      fixture.advance(try #require(Timestamp(now)) - fixture.now)
      try await automatic.pass()
      #expect(asked.all == ["schedule at \(start)"])
    }
  }

  @Test(arguments: TestDatabase.available)
  func whatFailedHereIsNotTriedAgain(_ database: TestDatabase) async throws {
    try await with(database) { fixture, asked, automatic in
      let now = fixture.now
      _ = try await fixture.database.transaction(.write) { connection in
        // Of before the policy was turned on.
        try connection.execute(
          """
          INSERT INTO deployment_history (id, "gccReleaseId", "releaseName", version, "deployedAt", status)
          VALUES ('h', 'r', 'v2.5.0', '2.5.0', \(connection.dialect.time("$1")), 'failed')
          """, [(now + .seconds(-3600)).column])
      }
      try await fixture.addDownloaded(BackendFixture.offer("2.5.0"))
      try await automatic.pass()
      #expect(asked.all.isEmpty)
      #expect(try await fixture.policy().policy == .automatic)
      try await fixture.addDownloaded(BackendFixture.offer("2.4.0"))
      try await automatic.pass()
      #expect(asked.all.count == 1)
      #expect(
        try await fixture.query("SELECT version FROM scheduled_deployment WHERE status = 'scheduled'")[0][0].text
          == "2.4.0")
    }
  }

  enum Failure: String, CaseIterable, Sendable {
    case failed, rolledBack, rollback, badHealth
  }

  @Test(arguments: TestDatabase.available, Failure.allCases)
  func afterAFailureItIsOffUntilAnAdminTurnsItOn(_ database: TestDatabase, _ failure: Failure) async throws {
    try await with(database) { fixture, asked, automatic in
      fixture.advance(.seconds(3600))
      let id = try await fixture.addDownloaded(BackendFixture.offer("2.4.0"))
      let now = fixture.now
      try await fixture.database.transaction(.write) { connection in
        let time = connection.dialect.time("$1")
        switch failure {
        case .failed, .rolledBack:
          try connection.execute(
            """
            UPDATE scheduled_deployment SET status = '\(failure.rawValue)', attempt = 1, "completedAt" = \(time),
              "errorMessage" = 'no image' WHERE id = $2
            """, [now.column, .text(id)])
        case .rollback:
          try connection.execute(
            """
            INSERT INTO agent_task (id, type, status, payload, "isRollback", "createdAt")
            VALUES ('t', 'rollback', 'completed', '{}', \(connection.dialect.boolean(true)), \(time))
            """, [now.column])
        case .badHealth:
          try connection.execute(
            """
            INSERT INTO health_watch ("historyId", version, state, "startedAt", "endedAt", message)
            VALUES ('h', '2.4.0', 'unhealthy', \(time), \(time), 'media 0/2 ready')
            """, [now.column])
        }
      }
      try await fixture.addDownloaded(BackendFixture.offer("2.5.0"))
      for _ in 0..<2 { try await automatic.pass() }
      #expect(asked.all.isEmpty)
      let policy = try await fixture.send(.get, "/api/admin/policy").json
      #expect(policy["deploymentPolicy"] == "Manual")
      let reason = policy["automaticOffReason"]?.string
      switch failure {
      case .failed: #expect(reason == "The deployment of v2.4.0 failed: no image")
      case .rolledBack: #expect(reason == "The deployment of v2.4.0 was rolled back: no image")
      case .rollback: #expect(reason == "A rollback was asked for.")
      case .badHealth: #expect(reason == "v2.4.0 went bad after its deployment: media 0/2 ready")
      }
      #expect(try await fixture.notices() == ["automaticOff"])
      // An admin who has looked at it turns it on again, and what was before does not count any more.
      fixture.advance(.seconds(60))
      let answer = try await fixture.send(.put, "/api/admin/policy", ["deploymentPolicy": "Automatic"])
      #expect(answer.json["automaticOffReason"] == .null)
      try await automatic.pass()
      #expect(asked.all.count == 1)
      #expect(try await fixture.notices().isEmpty, "it is not off any more")
    }
  }

  @Test func withThePolicyManualNothingIsScheduled() async throws {
    try await with(.sqlite) { fixture, asked, automatic in
      _ = try await fixture.send(.put, "/api/admin/policy", ["deploymentPolicy": "Manual"])
      try await fixture.addDownloaded(BackendFixture.offer("2.4.0"))
      try await automatic.pass()
      #expect(asked.all.isEmpty)
    }
  }
}
