import Database
import HTTPTypes
import TestSupport
import Testing
import WireFormats

@testable import Backend

@Suite(.postgreSQLServer, .timeLimit(.minutes(5))) struct StatusEndpointTests {
  @Test(arguments: TestDatabase.available)
  func anEmptyServerSaysSo(_ database: TestDatabase) async throws {
    try await BackendFixture.with(database) { fixture in
      let answer = try await fixture.send(.get, "/api/admin/status", role: "viewer")
      #expect(answer.status == 200)
      let json = answer.json
      #expect(json["currentVersion"] == .null && json["rollback"] == .null && json["healthWatch"] == .null)
      #expect(json["agent"]?["isOnline"] == false && json["agent"]?["lastPoll"] == .null)
      #expect(json["vendor"]?["isConfigured"] == true && json["vendor"]?["lastPoll"] == .null)
      #expect(json["reports"]?["waiting"] == 0 && json["behind"] == ["versions": 0])
      #expect(try await fixture.send(.get, "/api/admin/status", role: "agent").status == 403)
    }
  }

  @Test(arguments: TestDatabase.available)
  func whatRunsAndWhatOneClickWouldReturnToAreNamed(_ database: TestDatabase) async throws {
    try await BackendFixture.with(database) { fixture in
      try await fixture.addDeployed("2.3.0")
      fixture.advance(.seconds(86_400))
      try await fixture.addDeployed("2.4.0")
      try await fixture.setHealth("True", "Healthy", version: "2.4.0")
      try await fixture.setRunning("2.4.0")
      try await fixture.healthWatch(BackendFixture.actions(BackendFixture.Asked())).pass()
      let json = try await fixture.send(.get, "/api/admin/status").json
      #expect(json["currentVersion"] == "2.4.0" && json["rollback"]?["version"] == "2.3.0", "\(json.text)")
      #expect(json["healthWatch"]?["state"] == "watching" && json["healthWatch"]?["version"] == "2.4.0")
      let (start, end) = (json["healthWatch"]?["startedAt"]?.string, json["healthWatch"]?["endsAt"]?.string)
      let length = try #require(end.flatMap { Timestamp($0) }) - (try #require(start.flatMap { Timestamp($0) }))
      #expect(length == .seconds(600))
    }
  }

  /// Versions are ordered by what they say, not by their letters, and one that came twice counts once.
  @Test(arguments: TestDatabase.available)
  func versionsBehindAreThoseThatAreNewer(_ database: TestDatabase) async throws {
    try await BackendFixture.with(database) { fixture in
      try await fixture.addDeployed("2.9.0")
      try await fixture.setRunning("2.9.0")
      for (version, status) in [("2.10.0", "pending"), ("2.11.0", "failed"), ("2.8.0", "pending")] {
        let id = try await fixture.addDeployed(version)
        let word = fixture.database.dialect.word("$2", "LocalDeploymentStatus")
        try await fixture.execute(
          "UPDATE scheduled_deployment SET status = \(word) WHERE id = $1", [.text(id), .text(status)])
      }
      try await fixture.setRunning("2.9.0")
      let behind = try await fixture.send(.get, "/api/admin/status").json["behind"]
      #expect(behind?["versions"] == 2 && behind?["newest"] == "2.11.0", "\(behind?.text ?? "")")
    }
  }

  @Test(arguments: TestDatabase.available)
  func aReleaseIsFoundByTheVendorsIDToo(_ database: TestDatabase) async throws {
    try await BackendFixture.with(database) { fixture in
      let id = try await fixture.addDeployed("2.3.0")
      let own = try await fixture.send(.get, "/api/admin/deployment/releases/\(id)")
      let vendor = try #require(own.json["gccReleaseId"]?.string)
      #expect(try await fixture.send(.get, "/api/admin/deployment/releases/\(vendor)").json == own.json)
      #expect(try await fixture.send(.get, "/api/admin/deployment/releases/none").status == 404)
    }
  }
}
