import Cryptography
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
        ("version=2.2.0", ["corp"]), ("version=unknown", []),
        ("hasVersion=false", ["dune"]), ("hasVersion=true&q=o", ["bolt-50%", "corp"]),
        ("behind=1", ["bolt-50%", "corp"]),
        ("behindExactly=0", ["acme"]), ("behindExactly=unknown", ["dune"]), ("health=NeverSeen", ["dune"]),
        ("health=Online", ["acme", "bolt-50%", "corp"]), ("label=ring=canary", ["acme", "corp"]),
        ("label=ring=canary,tier", ["corp"]), ("label=ring=", []), ("deploymentType=Docker", ["dune"]),
        ("notSeenFor=1h", []), ("escalation=any", []), ("label=ring", ["acme", "bolt-50%", "corp"]),
        ("behind=1&q=corp&label=tier=gold", ["corp"]),
      ]
      for (query, expected) in cases {
        let answer = try await search(fixture, query)
        #expect(names(answer) == expected, "\(query)")
        #expect(answer["total"] == .integer(Int64(expected.count)), "\(query)")
      }
    }
  }

  /// Who was never seen has not been seen since it is known, and not since for ever.
  @Test(arguments: TestDatabase.available)
  func whoIsNewIsNotMissingYet(_ database: TestDatabase) async throws {
    try await fleet(database) { fixture in
      fixture.advance(.seconds(7200))
      try await fixture.addOrganization("new")
      try await fixture.heartbeat("corp")
      #expect(names(try await search(fixture, "notSeenFor=1h")) == ["acme", "bolt-50%", "dune"])
      #expect(names(try await search(fixture, "notSeenFor=3h")).isEmpty)
    }
  }

  /// An address that is misspelt, with a job for all whom it finds, must not mean the whole fleet.
  @Test func aFilterThatThereIsNotIsRefused() async throws {
    try await FleetFixture.with(.sqlite) { fixture in
      try await ControlCenterTestServer.run(
        authenticator: RoleTokens(policy: ControlCenterAccess.policy), policy: ControlCenterAccess.policy,
        addRoutes: { fixture.parts.addRoutes(to: $0) }
      ) { server in
        for (query, error) in [
          ("versoin=2.2.0", "versoin: there is no such filter; did you mean version?"),
          ("q=a&colour=red", "colour: there is no such filter; there are q, version"),
          ("sort=name&limit=5&q=&label=a%3Db", nil), ("", nil),
        ] as [(String, String?)] {
          let answer = try await server.send("GET", "/api/internal/fleet/organizations?\(query)", token: "viewer")
          #expect(answer.status == (error == nil ? 200 : 400), "\(query)")
          if let error { #expect(answer.error.contains(error), "\(answer.error)") }
        }
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
        ("-since", ["corp", "bolt-50%", "acme", "dune"]), ("behind", ["dune", "acme", "corp", "bolt-50%"]),
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
      #expect(names(try await search(fixture, "stuckFor=1h&label=ring=canary&release=2.3.0")) == ["corp"])
      #expect(names(try await search(fixture, "stuckFor=1h&release=2.3.0&bucket=succeeded")).isEmpty)
      #expect(names(try await search(fixture, "release=2.3.0&bucket=succeeded")) == ["bolt-50%"])
    }
  }

  @Test(arguments: TestDatabase.available)
  func whereItFailedIsFoundByReleaseAndByEscalation(_ database: TestDatabase) async throws {
    try await fleet(database) { fixture in
      try await fixture.addRollout(
        "next", RolloutSpec(release: "2.3.0", stages: [.init(name: "all", organizations: ["corp", "bolt-50%"])]))
      try await fixture.settle()
      try await fixture.report("bolt-50%", "2.3.0", .failed, attempt: "a", number: 1)
      for (query, expected) in [
        ("escalation=any", ["bolt-50%"]), ("escalation=DEPLOYMENT_FAILED", ["bolt-50%"]),
        ("escalation=CLIENT_OFFLINE", []), ("release=2.3.0", ["bolt-50%", "corp"]), ("release=9.9.9", []),
        ("release=2.3.0&bucket=failed", ["bolt-50%"]), ("release=2.3.0&bucket=consent,failed", ["bolt-50%", "corp"]),
        ("release=2.3.0&bucket=consent,failed&label=ring=late", ["bolt-50%"]), ("release=2.3.0&bucket=offline", []),
        ("escalation=any&release=2.3.0&bucket=consent", []),
      ] {
        let answer = try await search(fixture, query)
        #expect(names(answer) == expected, "\(query)")
        #expect(answer["total"] == .integer(Int64(expected.count)), "\(query)")
      }
    }
  }

  /// What is shown beside a customer is what there is to do now, not what failed once.
  @Test(arguments: TestDatabase.available)
  func aFailureIsOpenUntilTheNextReleaseIsMeantForTheCustomer(_ database: TestDatabase) async throws {
    try await FleetFixture.with(database) { fixture in
      for name in ["a", "b", "c"] { try await fixture.addOrganization(name, currentVersion: "1.0.0") }
      try await fixture.addRelease("2.0.0")
      try await fixture.addRollout("two", RolloutSpec(release: "2.0.0", stages: [.init(name: "all")]))
      try await fixture.settle()
      for name in ["a", "b", "c"] { try await fixture.report(name, "2.0.0", .failed, attempt: "x", number: 1) }
      fixture.advance(.seconds(60))
      try await fixture.addRelease("2.1.0")
      try await fixture.addRollout(
        "three", RolloutSpec(release: "2.1.0", stages: [.init(name: "some", organizations: ["a", "b"])]))
      try await fixture.settle()
      try await fixture.report("a", "2.1.0", .success, attempt: "y", number: 1)
      let found = try await search(fixture, "")["organizations"]?.array ?? []
      #expect(found.map { $0["open"]?["release"]?.string } == [nil, "2.1.0", "2.0.0"])
      #expect(found.map { $0["open"]?["state"]?.string } == [nil, "consent", "failed"])
    }
  }

  /// A page goes on in the order in which the page before was; what nobody was given is refused, not looked up.
  @Test(arguments: TestDatabase.available)
  func aPlaceIsOfOneOrder(_ database: TestDatabase) async throws {
    try await fleet(database) { fixture in
      let orders = ["name", "lastSeen", "since", "behind"].flatMap { [$0, "-\($0)"] }
      var tokens: [String: String] = [:]
      for order in orders { tokens[order] = try await search(fixture, "sort=\(order)&limit=1")["continue"]?.string }
      #expect(tokens.count == orders.count)
      for order in orders {
        for (other, token) in tokens where other != order {
          let error = await #expect(throws: StatusError.self, "\(order) after \(other)") {
            try await search(fixture, "sort=\(order)&continue=\(token)")
          }
          #expect(error?.reason == .badRequest)
        }
      }
      for (order, value, name) in [
        ("behind", "abc", "x"), ("behind", "", "x"), ("since", "abc", "x"), ("since", "0000-01-01T00:00:00Z", "x"),
        ("lastSeen", "", "x"), ("name", "x", "x"), ("name", "", "a\u{0}"), ("behind", "99999999999999999999", "x"),
      ] {
        let json: JSONValue = ["o": .string(order), "v": .string(value), "n": .string(name)]
        let token = Base64.encode(json.serialized(), alphabet: .urlSafe)
        let error = await #expect(throws: StatusError.self, "\(json.text)") {
          try await search(fixture, "sort=\(order)&continue=\(token)")
        }
        #expect(error?.reason == .badRequest, "\(json.text)")
      }
    }
  }

  @Test(arguments: TestDatabase.available)
  func timesThatNoDatabaseKnowsAreRefused(_ database: TestDatabase) async throws {
    try await FleetFixture.with(database) { fixture in
      try await ControlCenterTestServer.run(
        authenticator: RoleTokens(policy: ControlCenterAccess.policy), policy: ControlCenterAccess.policy,
        addRoutes: { fixture.parts.addRoutes(to: $0) }
      ) { server in
        for (query, status) in [
          ("to=0001-01-01T00:00:00Z", 400), ("from=0000-01-01T00:00:00Z", 400), ("to=1999-12-31T23:59:59Z", 400),
          ("to=2000-01-01T00:00:00Z", 200), ("from=2026-01-01T00:00:00Z&to=9999-12-31T23:59:59Z", 200),
        ] {
          let answer = try await server.send("GET", "/api/internal/fleet/versions?\(query)", token: "viewer")
          #expect(answer.status == status, "\(query): \(answer.error)")
        }
        let cut = try await server.send(
          "GET", "/api/internal/fleet/organizations?sort=behind&continue=eyJ2IjoiIn0", token: "viewer")
        #expect(cut.status == 400)
      }
    }
  }

  @Test(
    arguments: [
      "health=Well", "behind=-1", "behind=many", "notSeenFor=soon", "escalation=x", "deploymentType=VM",
      "bucket=failed",
      "release=1&bucket=x", "sort=size", "hasVersion=perhaps", "label=a\\b", "continue=nonsense", "label==x",
      "label=a==b", "label=a!=b", "stuckFor=0", "notSeenFor=0s",
      "q=" + String(repeating: "x", count: 300),
    ])
  func whatCannotBeAskedIsRefused(_ query: String) async throws {
    try await FleetFixture.with(.sqlite) { fixture in
      let error = await #expect(throws: StatusError.self) { try await search(fixture, query) }
      #expect(error?.reason == .badRequest)
    }
  }
}
