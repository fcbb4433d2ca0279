import Database
import FleetKinds
import FleetProtocol
import HTTPService
import ResourceModel
import TestSupport
import Testing
import WireFormats

@testable import ControlCenter

/// Customers by what they have in common: the list, how many there are, and every page of it are of one question.
@Suite(.postgreSQLServer, .timeLimit(.minutes(2))) struct FleetSearchTests {
  private func search(_ fixture: FleetFixture, _ query: String) async throws -> JSONValue {
    try await OrganizationSearch(database: fixture.database, now: fixture.parts.now)
      .page(QueryItems(query), PageRequest(query))
  }

  private func names(_ answer: JSONValue) -> [String] {
    answer["organizations"]?.array?.compactMap { $0["name"]?.string } ?? []
  }

  private func fleet(_ database: TestDatabase, _ body: (FleetFixture) async throws -> Void) async throws {
    try await FleetFixture.with(database) { fixture in
      for version in ["2.1.0", "2.2.0", "2.3.0"] { try await fixture.addRelease(version) }
      try await fixture.addOrganization("acme", labels: ["ring": "canary"], currentVersion: "2.3.0")
      try await fixture.addOrganization("bolt-50%", labels: ["ring": "late"], currentVersion: "2.1.0")
      try await fixture.addOrganization("corp", labels: ["ring": "canary", "tier": "gold"], currentVersion: "2.2.0")
      try await fixture.addOrganization("dune", deploymentType: .docker)
      try await body(fixture)
    }
  }

  @Test(arguments: TestDatabase.available)
  func everyFilterFindsAndCountsTheSame(_ database: TestDatabase) async throws {
    try await fleet(database) { fixture in
      let cases: [(String, [String])] = [
        ("", ["acme", "bolt-50%", "corp", "dune"]), ("q=CO", ["corp"]), ("q=%25", ["bolt-50%"]), ("q=_", []),
        ("version=2.2.0", ["corp"]), ("version=unknown", ["dune"]), ("behind=1", ["bolt-50%", "corp"]),
        ("behindExactly=0", ["acme"]), ("behindExactly=unknown", ["dune"]), ("health=NeverSeen", ["dune"]),
        ("health=Online", ["acme", "bolt-50%", "corp"]), ("label=ring=canary", ["acme", "corp"]),
        ("label=ring=canary,tier", ["corp"]), ("label=ring=", []), ("deploymentType=Docker", ["dune"]),
        ("notSeenFor=1h", ["dune"]), ("escalation=any", []), ("behind=1&q=corp&label=tier=gold", ["corp"]),
      ]
      for (query, expected) in cases {
        let answer = try await search(fixture, query)
        #expect(names(answer) == expected, "\(query)")
        #expect(answer["total"] == .integer(Int64(expected.count)), "\(query)")
      }
    }
  }

  @Test(arguments: TestDatabase.available)
  func everyOrderGoesOnWhereThePageBeforeEnded(_ database: TestDatabase) async throws {
    try await fleet(database) { fixture in
      fixture.advance(.seconds(60))
      try await fixture.heartbeat("corp")
      for (order, expected) in [
        ("name", ["acme", "bolt-50%", "corp", "dune"]), ("-name", ["dune", "corp", "bolt-50%", "acme"]),
        ("lastSeen", ["dune", "acme", "bolt-50%", "corp"]), ("-lastSeen", ["corp", "bolt-50%", "acme", "dune"]),
        ("-behind", ["bolt-50%", "corp", "acme", "dune"]), ("since", ["dune", "acme", "bolt-50%", "corp"]),
      ] {
        var (found, token): ([String], String?) = ([], nil)
        repeat {
          let answer = try await search(fixture, "sort=\(order)&limit=1" + (token.map { "&continue=\($0)" } ?? ""))
          found += names(answer)
          #expect((answer["total"] == nil) == (token != nil))
          token = answer["continue"]?.string
        } while token != nil && found.count < 9
        #expect(found == expected, "\(order)")
      }
    }
  }

  @Test(arguments: TestDatabase.available)
  func whoIsStuckIsWhoHasNotEndedWhatWasOffered(_ database: TestDatabase) async throws {
    try await fleet(database) { fixture in
      try await fixture.addRollout(
        "next", RolloutSpec(release: "2.3.0", stages: [.init(name: "all", organizations: ["corp", "bolt-50%"])]))
      try await fixture.settle()
      try await fixture.report("bolt-50%", "2.3.0", .success, attempt: "a", number: 1)
      fixture.advance(.seconds(7200))
      let answer = try await search(fixture, "stuckFor=1h")
      #expect(names(answer) == ["corp"])
      #expect(answer["organizations"]?.array?.first?["open"]?["release"] == "2.3.0")
      #expect(names(try await search(fixture, "stuckFor=3h")).isEmpty)
      #expect(names(try await search(fixture, "release=2.3.0&bucket=succeeded")) == ["bolt-50%"])
    }
  }

  @Test(
    arguments: [
      "health=Well", "behind=-1", "behind=many", "notSeenFor=soon", "escalation=x", "deploymentType=VM",
      "bucket=failed",
      "release=1&bucket=x", "sort=size", "continue=nonsense", "label==x", "q=" + String(repeating: "x", count: 300),
    ])
  func whatCannotBeAskedIsRefused(_ query: String) async throws {
    try await FleetFixture.with(.sqlite) { fixture in
      let error = await #expect(throws: StatusError.self) { try await search(fixture, query) }
      #expect(error?.reason == .badRequest)
    }
  }
}
