import Database
import HTTPTypes
import OfferPlanning
import TestSupport
import Testing
import WireFormats

@testable import Backend

@Suite(.postgreSQLServer, .timeLimit(.minutes(5))) struct HealthWatchServiceTests {
  /// A customer who runs 2.4.0 since now, and ran 2.3.0 for a day before.
  private func with(
    _ database: TestDatabase, previous: String? = "2.3.0",
    _ body: (BackendFixture, BackendFixture.Asked, String) async throws -> Void
  ) async throws {
    try await BackendFixture.with(database) { fixture in
      if let previous { try await fixture.addDeployed(previous) }
      fixture.advance(.seconds(86_400))
      let id = try await fixture.addDeployed("2.4.0")
      try await fixture.setHealth("True", "Healthy", version: "2.4.0")
      try await body(fixture, BackendFixture.Asked(), id)
    }
  }

  /// Looks every 20 seconds, each time in a new process.
  private func look(
    _ fixture: BackendFixture, _ times: Int, _ asked: BackendFixture.Asked, refusal: String? = nil
  ) async throws {
    for _ in 0..<times {
      fixture.advance(.seconds(20))
      try await fixture.setRunning("2.4.0")
      try await fixture.healthWatch(BackendFixture.actions(asked, refusal: refusal)).pass()
    }
  }

  private func states(_ fixture: BackendFixture) async throws -> [String] {
    try await fixture.query("SELECT state FROM health_watch ORDER BY state").compactMap { $0[0].text }
  }

  @Test(arguments: TestDatabase.available)
  func whatGoesBadIsRolledBackOnce(_ database: TestDatabase) async throws {
    try await with(database) { fixture, asked, id in
      _ = try await fixture.send(.put, "/api/admin/windows", BackendFixture.weekend)
      _ = try await fixture.send(.put, "/api/admin/policy", ["deploymentPolicy": "Automatic"])
      try await look(fixture, 1, asked)
      #expect(try await states(fixture) == ["watching"])
      try await fixture.setHealth("False", "WorkloadUnhealthy", version: "2.4.0")
      try await look(fixture, 3, asked)
      #expect(asked.all.isEmpty)
      try await look(fixture, 4, asked)
      #expect(asked.all == ["roll back to 2.3.0: UnhealthyAfterDeployment: media 0/2 ready"])
      #expect(try await states(fixture) == ["returning"], "it is not done yet, and was asked for once")
      #expect(try await fixture.notices() == ["automaticOff", "unhealthyAfterDeployment"])
      let policy = try await fixture.policy()
      #expect(policy.policy == .manual)
      #expect(policy.automaticOffReason == "v2.4.0 went bad after its deployment: media 0/2 ready")
      // From there it reaches the vendor when the rollback is done.
      let deployment = try await fixture.deployment(id)
      #expect(deployment?.failureReason == "UnhealthyAfterDeployment" && deployment?.status == .success)
      #expect(deployment?.errorMessage == "media 0/2 ready")
      try await end(fixture, "completed")
      try await fixture.setRunning("2.3.0")
      try await fixture.healthWatch(BackendFixture.actions(asked)).pass()
      #expect(try await states(fixture) == ["rolledBack"])
      #expect(asked.all.count == 1)
    }
  }

  /// Ends the task of a return as an Agent or an admin does.
  private func end(_ fixture: BackendFixture, _ status: String, reason: String? = nil) async throws {
    let now = fixture.now
    _ = try await fixture.database.transaction(.write) { connection in
      let dialect = connection.dialect
      return try connection.execute(
        """
        UPDATE agent_task SET status = \(dialect.word("$1", "AgentTaskStatus")), "failureReason" = $2,
          "completedAt" = \(dialect.time("$3")) WHERE status = 'pending'
        """, [.text(status), SQLValue(reason), now.column])
    }
  }

  /// Such as another task that is scheduled, or the licence: once it is gone, the return is made.
  @Test(arguments: TestDatabase.available)
  func aReturnThatIsRefusedIsAskedForUntilItIsDone(_ database: TestDatabase) async throws {
    try await with(database) { fixture, asked, _ in
      try await fixture.setHealth("False", "WorkloadUnhealthy", version: "2.4.0")
      try await look(fixture, 8, asked, refusal: "Cannot rollback - deployment in progress")
      #expect(try await states(fixture) == ["returning"])
      #expect(asked.all.isEmpty)
      try await look(fixture, 1, asked)
      #expect(asked.all.count == 1)
      // One that failed is tried again after a pause, though not for ever.
      for count in 2...3 {
        try await end(fixture, "failed", reason: "HelmUpgradeFailed")
        try await look(fixture, 2, asked)
        #expect(asked.all.count == count - 1)
        try await look(fixture, 2, asked)
        #expect(asked.all.count == count)
      }
      try await end(fixture, "failed", reason: "HelmUpgradeFailed")
      try await look(fixture, 8, asked)
      #expect(asked.all.count == 3)
      #expect(try await states(fixture) == ["unhealthy"])
      #expect(try await fixture.notices() == ["unhealthyAfterDeployment"])
    }
  }

  @Test(arguments: TestDatabase.available)
  func whatAnAdminHasCancelledIsNotAskedForAgain(_ database: TestDatabase) async throws {
    try await with(database) { fixture, asked, _ in
      try await fixture.setHealth("False", "WorkloadUnhealthy", version: "2.4.0")
      try await look(fixture, 4, asked)
      try await end(fixture, "failed", reason: "Cancelled")
      try await look(fixture, 8, asked)
      #expect(asked.all.count == 1)
      #expect(try await states(fixture) == ["unhealthy"])
    }
  }

  @Test(arguments: TestDatabase.available)
  func whatRecoversBeforeItsReturnIsLeftAlone(_ database: TestDatabase) async throws {
    try await with(database) { fixture, asked, _ in
      try await fixture.setHealth("False", "WorkloadUnhealthy", version: "2.4.0")
      try await look(fixture, 5, asked, refusal: "License expired")
      try await fixture.setHealth("True", "Healthy", version: "2.4.0")
      try await look(fixture, 4, asked)
      #expect(asked.all.isEmpty)
      #expect(try await states(fixture) == ["unhealthy"])
    }
  }

  @Test(arguments: TestDatabase.available)
  func aRestartIsNoReason(_ database: TestDatabase) async throws {
    try await with(database) { fixture, asked, _ in
      for _ in 0..<6 {
        try await fixture.setHealth("False", "WorkloadUnhealthy", version: "2.4.0")
        try await look(fixture, 2, asked)
        try await fixture.setHealth("False", "WorkloadStarting", version: "2.4.0")
        try await look(fixture, 1, asked)
        try await fixture.setHealth("True", "Healthy", version: "2.4.0")
        try await look(fixture, 2, asked)
      }
      #expect(try await states(fixture) == ["passed"])
      // After its time nothing counts any more.
      try await fixture.setHealth("False", "WorkloadUnhealthy", version: "2.4.0")
      try await look(fixture, 8, asked)
      #expect(asked.all.isEmpty)
      #expect(try await fixture.notices().isEmpty)
    }
  }

  @Test(arguments: TestDatabase.available)
  func whereNothingElseRanItIsToldOnly(_ database: TestDatabase) async throws {
    try await with(database, previous: nil) { fixture, asked, _ in
      try await fixture.setHealth("False", "WorkloadUnhealthy", version: "2.4.0")
      try await look(fixture, 8, asked)
      #expect(asked.all.isEmpty)
      #expect(try await states(fixture) == ["unhealthy"])
      #expect(try await fixture.notices() == ["unhealthyAfterDeployment"])
      let notice = try await fixture.told()[0]
      #expect(notice["detail"]?.string == "media 0/2 ready No other version ran here that it could return to.")
    }
  }

  /// Nothing of a rollback that was refused is left but the wish.
  @Test(arguments: TestDatabase.available)
  func whereTheRollbackIsRefusedItIsTold(_ database: TestDatabase) async throws {
    try await with(database) { fixture, asked, _ in
      try await fixture.setHealth("False", "WorkloadUnhealthy", version: "2.4.0")
      try await look(fixture, 8, asked, refusal: "Cannot rollback - deployment in progress")
      #expect(try await states(fixture) == ["returning"])
      #expect(try await fixture.query("SELECT 1 FROM agent_task WHERE status = 'pending'").isEmpty)
      #expect(try await fixture.notices() == ["unhealthyAfterDeployment"])
      let notice = try await fixture.told()[0]
      #expect(notice["detail"]?.string?.hasSuffix("can be: Cannot rollback - deployment in progress") == true)
    }
  }

  /// Whoever was killed after the rollback and before the notice.
  @Test func whatWasNotToldIsToldByTheNext() async throws {
    try await with(.sqlite) { fixture, asked, _ in
      try await fixture.setHealth("False", "WorkloadUnhealthy", version: "2.4.0")
      try await look(fixture, 4, asked)
      #expect(try await fixture.notices() == ["unhealthyAfterDeployment"])
      try await fixture.execute("UPDATE health_watch SET \"toldAt\" = NULL")
      try await fixture.execute("DELETE FROM admin_notice")
      try await look(fixture, 2, asked)
      #expect(try await fixture.notices() == ["unhealthyAfterDeployment"])
      #expect(asked.all.count == 1)
    }
  }

  @Test(arguments: TestDatabase.available)
  func whatAnAgentThatIsAwayWroteDoesNotCount(_ database: TestDatabase) async throws {
    try await with(database) { fixture, asked, _ in
      try await fixture.setHealth("False", "WorkloadUnhealthy", version: "2.4.0")
      fixture.advance(.seconds(200))
      for _ in 0..<8 {
        fixture.advance(.seconds(20))
        try await fixture.healthWatch(BackendFixture.actions(asked)).pass()
      }
      #expect(asked.all.isEmpty)
      #expect(try await states(fixture) == ["watching"])
      // To its end nobody has said that it is good either.
      fixture.advance(.seconds(300))
      try await fixture.healthWatch(BackendFixture.actions(asked)).pass()
      #expect(try await states(fixture) == ["unknown"])
      let watch = try await fixture.send(.get, "/api/admin/status").json["healthWatch"]
      #expect(watch?["state"] == "unknown" && watch?["message"]?.string?.hasPrefix("No Agent said") == true)
      #expect(try await fixture.notices().isEmpty && asked.all.isEmpty)
    }
  }

  /// It is kept from one look to the next, and by whom is all the same.
  @Test(arguments: TestDatabase.available)
  func whatWasGoodToTheEndHasPassed(_ database: TestDatabase) async throws {
    try await with(database) { fixture, asked, _ in
      try await look(fixture, 29, asked)
      try await fixture.setHealth("Unknown", "Deploying", version: "2.4.0")
      try await look(fixture, 1, asked)
      #expect(try await states(fixture) == ["passed"])
    }
  }

  @Test(arguments: TestDatabase.available)
  func onlyWhatATaskHasDeployedLatelyIsWatched(_ database: TestDatabase) async throws {
    try await BackendFixture.with(database) { fixture in
      let asked = BackendFixture.Asked()
      // Too long ago.
      try await fixture.addDeployed("2.2.0")
      fixture.advance(.seconds(601))
      try await look(fixture, 1, asked)
      #expect(try await states(fixture).isEmpty)
      // A rollback.
      try await fixture.addDeployed("2.1.0", isRollback: true)
      try await look(fixture, 1, asked)
      #expect(try await states(fixture).isEmpty)
      try await fixture.addDeployed("2.3.0")
      try await look(fixture, 1, asked)
      #expect(try await states(fixture) == ["watching"])
      // Another one takes its place.
      try await fixture.addDeployed("2.4.0")
      try await look(fixture, 1, asked)
      #expect(try await states(fixture) == ["superseded", "watching"])
      // Nothing is watched any more.
      _ = try await fixture.send(.put, "/api/admin/policy", ["healthWatchMinutes": 0])
      try await look(fixture, 1, asked)
      #expect(try await states(fixture) == ["superseded", "superseded"])
    }
  }
}
