import Database
import FleetKinds
import FleetProtocol
import HTTPService
import HTTPTransport
import ResourceModel
import TestSupport
import Testing
import WireFormats

@testable import ControlCenter

/// Who runs what since when, how far everybody is behind, and how that has changed.
@Suite(.postgreSQLServer, .timeLimit(.minutes(2))) struct FleetNumberTests {
  private func endpoints(_ fixture: FleetFixture) -> FleetEndpoints {
    FleetEndpoints(database: fixture.database, now: fixture.parts.now)
  }

  private func search(_ fixture: FleetFixture, _ query: String) async throws -> JSONValue {
    try await OrganizationSearch(database: fixture.database, now: fixture.parts.now)
      .page(QueryItems(query), PageRequest(query))
  }

  private func fleet(_ database: TestDatabase, _ body: (FleetFixture) async throws -> Void) async throws {
    try await FleetFixture.with(database) { fixture in
      for version in ["2.1.0", "2.2.0", "2.3.0", "2.4.0-rc.1"] { try await fixture.addRelease(version) }
      try await fixture.addRelease("2.5.0", state: .draft)
      try await fixture.addRelease("2.2.5")
      try await fixture.execute(
        "UPDATE gcc_release SET withdrawn = \(database == .postgresql ? "true" : "1") WHERE version = '2.2.5'")
      let versions: [(String, String?)] = [
        ("a", "2.3.0"), ("b", "2.1.0"), ("c", "2.1.0"), ("d", "2.2.0"), ("e", "latest"), ("f", nil),
      ]
      for (name, version) in versions { try await fixture.addOrganization(name, currentVersion: version) }
      try await body(fixture)
    }
  }

  @Test(arguments: TestDatabase.available)
  func theSummarySaysHowFarEverybodyIsBehind(_ database: TestDatabase) async throws {
    try await fleet(database) { fixture in
      let summary = try await endpoints(fixture).summary()
      #expect(
        summary["behind"] == [
          "releases": [
            ["behind": 0, "organizations": 1], ["behind": 1, "organizations": 1], ["behind": 2, "organizations": 2],
          ], "unknown": 2,
        ])
      #expect(
        summary["versions"]?.array?.first
          == ["version": "2.1.0", "organizations": 2, "behind": 2, "preReleasesBehind": 1])
    }
  }

  @Test(arguments: TestDatabase.available)
  func whoRunsWhatSinceWhenIsListedPageByPage(_ database: TestDatabase) async throws {
    try await fleet(database) { fixture in
      let start = fixture.now
      fixture.advance(.seconds(3600))
      try await fixture.heartbeat("a", version: "2.3.0")
      try await fixture.heartbeat("b", version: "2.2.0")
      let all = try await search(fixture, "limit=4")
      let organizations = try #require(all["organizations"]?.array)
      #expect(organizations.compactMap { $0["name"]?.string } == ["a", "b", "c", "d"])
      #expect(organizations[0]["since"]?.string == start.description && organizations[0]["behind"] == 0)
      #expect(organizations[1]["since"]?.string == fixture.now.description && organizations[1]["behind"] == 1)
      let rest = try await search(fixture, "limit=4&continue=\(all["continue"]?.string ?? "")")
      #expect(rest["organizations"]?.array?.compactMap { $0["name"]?.string } == ["e", "f"] && rest["continue"] == nil)
      let late = try await search(fixture, "behind=1")
      #expect(late["organizations"]?.array?.compactMap { $0["name"]?.string } == ["b", "c", "d"])
      let same = try await search(fixture, "version=2.2.0")
      #expect(same["organizations"]?.array?.compactMap { $0["name"]?.string } == ["b", "d"])
    }
  }

  @Test(arguments: TestDatabase.available)
  func eachHourIsKeptOnceAndThePastByDays(_ database: TestDatabase) async throws {
    try await fleet(database) { fixture in
      let start = fixture.now
      #expect(try await fixture.parts.snapshots.pass())
      #expect(try await !fixture.parts.snapshots.pass())
      for _ in 0..<(10 * 24) {
        fixture.advance(.seconds(3600))
        #expect(try await fixture.parts.snapshots.pass())
      }
      let kept = try await fixture.query("SELECT count(*) FROM gcc_version_snapshot").first?[0].integer ?? 0
      #expect((193...196).contains(kept), "\(kept)")
      #expect(
        try await fixture.query(
          "SELECT count(*) FROM gcc_version_spread WHERE at NOT IN (SELECT at FROM gcc_version_snapshot)"
        ).first?[0].integer == 0)
      let day = try await endpoints(fixture).versions(from: fixture.now + .seconds(-86_400), to: fixture.now)
      #expect(day["interval"] == "1h" && day["snapshots"]?.array?.count == 25)
      #expect(
        day["snapshots"]?.array?.last?["versions"]?.array?.first
          == ["version": "2.1.0", "organizations": 2, "behind": 2, "preReleasesBehind": 1])
      #expect(day["snapshots"]?.array?.last?["organizations"] == 6 && day["snapshots"]?.array?.last?["others"] == 0)
      let month = try await endpoints(fixture).versions(from: start, to: fixture.now)
      #expect(month["interval"] == "24h" && month["snapshots"]?.array?.count == 10)
    }
  }

  @Test(arguments: TestDatabase.available)
  func theNumbersAreServed(_ database: TestDatabase) async throws {
    try await fleet(database) { fixture in
      try await fixture.parts.snapshots.pass()
      try await ControlCenterTestServer.run(
        authenticator: RoleTokens(policy: ControlCenterAccess.policy), policy: ControlCenterAccess.policy,
        addRoutes: { fixture.parts.addRoutes(to: $0) }
      ) { server in
        let path = "/api/internal/fleet"
        let answer = try await server.send("GET", "\(path)/versions?from=2026-01-01T00:00:00Z", token: "viewer")
        #expect(answer.status == 200 && answer.json["interval"] == "24h", "\(answer.error)")
        #expect(try await server.send("GET", "\(path)/versions", token: "viewer").json["snapshots"]?.array?.count == 1)
        #expect(try await server.send("GET", "\(path)/organizations?behind=2", token: "viewer").status == 200)
        for query in ["from=yesterday", "to=1", "from=2027-01-01T00:00:00Z&to=2026-01-01T00:00:00Z"] {
          #expect(try await server.send("GET", "\(path)/versions?\(query)", token: "viewer").status == 400)
        }
        for path in ["\(path)/versions", "\(path)/organizations", "\(path)/summary"] {
          #expect(try await server.send("GET", path, token: "customer-of-a").status == 403)
        }
      }
    }
  }
}
