import Access
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

/// What customers may ask and see, over HTTP.
@Suite(.postgreSQLServer, .timeLimit(.minutes(5))) struct CustomerEndpointTests {
  private static let policy = ControlCenterAccess.policy

  /// The routes of the program; `customer-of-NAME` is the token of that organization.
  private func serve(
    _ database: TestDatabase = .sqlite,
    _ body: @escaping @Sendable (FleetFixture, ControlCenterTestServer) async throws -> Void
  ) async throws {
    try await FleetFixture.with(database) { fixture in
      try await fixture.addOrganization("acme")
      try await fixture.addOrganization("other")
      try await fixture.addRelease("2.3.0")
      try await fixture.settle()
      let following = Task { try await fixture.parts.offers.run() }
      while !fixture.parts.offers.isLoaded { await Task.yield() }
      try await ControlCenterTestServer.run(
        authenticator: RoleTokens(policy: Self.policy), policy: Self.policy,
        addRoutes: { fixture.parts.addRoutes(to: $0) }
      ) { server in try await body(fixture, server) }
      following.cancel()
      _ = await following.result
    }
  }

  /// The specification's bodies of §5.4, §5.6, §7 and §14.2.
  @Test(arguments: TestDatabase.available)
  func theSpecificationsRequestsAreAnswered(_ database: TestDatabase) async throws {
    try await serve(database) { fixture, server async throws in
      let heartbeat: JSONValue = [
        "version": "2.3.0", "status": "healthy", "agentLastPoll": "2024-12-15T10:00:00Z",
        "pendingReports": 2, "timestamp": "2024-12-15T10:05:00Z",
      ]
      var answer = try await server.send(
        "POST", "/api/v1/organizations/acme/heartbeat", heartbeat, token: "customer-of-acme")
      #expect(answer.status == 200 && answer.json["received"] == true, "\(answer.error)")
      let next = try #require(answer.json["nextHeartbeatSeconds"]?.integer)
      #expect((270...330).contains(next))
      #expect(try await fixture.organization("acme").status?.reportedStatus == "healthy")
      let pending = try await fixture.query("SELECT \"pendingReports\" FROM organizational_service WHERE name = 'acme'")
      #expect(pending.first?[0].integer == 2)
      let found = try await server.send("GET", "/api/internal/fleet/organizations?q=acme", token: "viewer")
      #expect(found.json.text.contains(#""pendingReports":2"#), "\(found.json.text)")
      let id = try await fixture.query("SELECT id FROM gcc_release").first?[0].text ?? ""
      answer = try await server.send(
        "POST", "/api/v1/deployments/scheduled",
        ["organizationName": "acme", "releaseId": .string(id), "scheduledFor": "2024-12-15T02:00:00Z"],
        token: "customer-of-acme")
      #expect(answer.status == 200, "\(answer.error)")
      #expect(try await fixture.target("acme", "2.3.0").status?.phase == .scheduled)
      answer = try await server.send(
        "POST", "/api/v1/deployments/status",
        [
          "organizationName": "acme", "releaseId": .string(id), "status": "success",
          "deployedAt": "2024-12-15T02:10:00Z", "helmRevision": 5, "currentVersion": "2.3.0",
        ], token: "customer-of-acme")
      #expect(answer.status == 200, "\(answer.error)")
      #expect(try await fixture.target("acme", "2.3.0").status?.helmRevision == 5)
    }
  }

  @Test func updatesAreTheWebhooksBodyAndCostNothingWhereNothingIsNew() async throws {
    try await serve { fixture, server async throws in
      let path = "/api/v1/organizations/acme/updates"
      let first = try await server.send("GET", path, token: "customer-of-acme")
      #expect(first.status == 200 && first.body == fixture.parts.offers.release("2.3.0")?.body)
      let tag = try #require(first.headers["ETag"])
      // What is not there cannot be asked: nothing new is known without a query.
      await fixture.database.close()
      let second = try await server.send("GET", path, token: "customer-of-acme", headers: [("If-None-Match", tag)])
      #expect(second.status == 304 && second.body.isEmpty)
      // A proxy may have made it weak, or sends all that it keeps.
      for known in ["W/\(tag)", "\"other\", \(tag)"] {
        let again = try await server.send("GET", path, token: "customer-of-acme", headers: [("If-None-Match", known)])
        #expect(again.status == 304, "\(known)")
      }
      #expect(second.headers["X-Next-Poll-Seconds"].flatMap { Int($0) } != nil)
    }
  }

  /// Each route with the key of another customer: that organization is not there.
  @Test func anotherCustomersKeyFindsNothingAnywhere() async throws {
    try await serve { _, server async throws in
      let heartbeat: JSONValue = ["version": "9.9.9", "status": "healthy"]
      let scheduled: JSONValue = [
        "organizationName": "acme", "releaseId": "2.3.0", "scheduledFor": "2024-12-15T02:00:00Z",
      ]
      let status: JSONValue = ["organizationName": "acme", "releaseId": "2.3.0", "status": "success"]
      let requests: [(String, String, JSONValue?)] = [
        ("GET", "/api/v1/organizations/acme/updates", nil), ("HEAD", "/api/v1/organizations/acme/updates", nil),
        ("POST", "/api/v1/organizations/acme/heartbeat", heartbeat),
        ("POST", "/api/v1/deployments/scheduled", scheduled),
        ("POST", "/api/v1/deployments/status", status), ("GET", "/api/v1/organizations/nobody/updates", nil),
      ]
      for (method, path, body) in requests {
        let answer = try await server.send(method, path, body, token: "customer-of-other")
        #expect(answer.status == 404, "\(method) \(path): \(answer.status)")
      }
    }
  }

  @Test func customersReachNothingOfTheVendorsOwnAndNobodyElseReachesTheirs() async throws {
    try await serve { _, server async throws in
      for path in [
        "/api/internal/fleet/summary", "/api/internal/organizations/acme/keys",
        "/api/internal/organizations/acme/history",
        "/api/internal/releases", "/api/internal/artifacts", "/api/internal/releases/2.3.0/failures",
      ] { #expect(try await server.send("GET", path, token: "customer-of-acme").status == 403, "\(path)") }
      #expect(
        try await server.send("PUT", "/api/internal/organizations/acme/webhook-secret", [:], token: "customer-of-acme")
          .status == 403)
      for token in ["ci", "viewer"] {
        #expect(try await server.send("GET", "/api/v1/organizations/acme/updates", token: token).status == 403)
      }
      #expect(try await server.send("GET", "/api/v1/organizations/acme/updates", token: nil).status == 401)
    }
  }

  @Test(
    arguments: [
      ("[]", 400, "must be a JSON object"), ("{", 400, "not valid JSON"),
      (#"{"version": 3}"#, 400, "version: must be text"),
      (#"{"agentLastPoll": "yesterday"}"#, 400, "agentLastPoll: must be a time"),
      (#"{"version": "\u0000"}"#, 400, "NUL"),
    ])
  func aHeartbeatThatIsNotOneIsRefusedWithTheReason(_ body: String, _ status: Int, _ reason: String) async throws {
    try await serve { _, server async throws in
      let answer = try await server.send(
        "POST", "/api/v1/organizations/acme/heartbeat", bytes: Array(body.utf8), contentType: "application/json",
        token: "customer-of-acme")
      #expect(answer.status == status && answer.error.contains(reason), "\(answer.error)")
      let large = try await server.send(
        "POST", "/api/v1/organizations/acme/heartbeat", bytes: [UInt8](repeating: 0x20, count: 70_000),
        contentType: "application/json", token: "customer-of-acme")
      #expect(large.status == 413)
    }
  }

  @Test func reportsOfUnknownReleasesAreRefusedAndUnknownWordsExplained() async throws {
    try await serve { _, server async throws in
      var report: JSONValue = ["organizationName": "acme", "releaseId": "9.9.9", "status": "success"]
      var answer = try await server.send("POST", "/api/v1/deployments/status", report, token: "customer-of-acme")
      #expect(answer.status == 404 && answer.error.contains("9.9.9"))
      report["status"] = "great"
      answer = try await server.send("POST", "/api/v1/deployments/status", report, token: "customer-of-acme")
      #expect(answer.status == 400 && answer.error.contains("status: must be one of downloadFailed"), "\(answer.error)")
    }
  }

  @Test(arguments: TestDatabase.available)
  func keysAreTwoAtMostShownOnceAndWorthlessOnceRevoked(_ database: TestDatabase) async throws {
    try await serve(database) { fixture, server async throws in
      let path = "/api/internal/organizations/acme/keys"
      let first = try await server.send("POST", path, [:], token: "admin")
      #expect(first.status == 201)
      let key = try #require(first.json["key"]?.string)
      #expect(try await server.send("POST", path, [:], token: "admin").status == 201)
      #expect(try await server.send("POST", path, [:], token: "admin").status == 409)
      #expect(
        try await server.send("POST", "/api/internal/organizations/nobody/keys", [:], token: "admin").status == 404)
      let list = try await server.send("GET", path, token: "admin")
      #expect(list.json["keys"]?.array?.count == 2 && !String(decoding: list.body, as: UTF8.self).contains(key))
      try await fixture.parts.keys.load()
      let authenticator = FleetAuthenticator(
        keys: fixture.parts.keys, tokens: .init(tokens: .init(database: fixture.database), now: { fixture.now }),
        ciToken: nil)
      #expect(try await authenticator.identity(forToken: key, mayLookUp: {})?.tenant == "acme")
      let kept = try await fixture.query("SELECT digest FROM gcc_organization_key").compactMap { $0[0].text }
      #expect(!kept.contains { $0.contains(key) })
      let id = try #require(first.json["id"]?.string)
      #expect(try await server.send("DELETE", "\(path)/\(id)", token: "admin").status == 200)
      #expect(try await server.send("DELETE", "\(path)/\(id)", token: "admin").status == 404)
      try await fixture.parts.keys.load()
      #expect(try await authenticator.identity(forToken: key, mayLookUp: {}) == nil)
    }
  }

  @Test func theNameOfAnotherOrganizationInAPathIsNoWayAround() async throws {
    try await serve { _, server async throws in
      for name in ["acme%2F..%2Fother", "..%2Facme", "acme%00", "ACME"] {
        let answer = try await server.send("GET", "/api/v1/organizations/\(name)/updates", token: "customer-of-other")
        #expect(answer.status == 404, "\(name): \(answer.status)")
      }
    }
  }

  @Test(arguments: TestDatabase.available)
  func aPlanSaysWhoIsInWhichStageAndFailuresAreGrouped(_ database: TestDatabase) async throws {
    try await serve(database) { fixture, server async throws in
      try await fixture.addRelease("2.4.0", state: .draft)
      let plan = try await server.send(
        "POST", "/api/internal/rollouts/plan",
        [
          "spec": [
            "release": "2.4.0", "stages": [["name": "one", "organizations": ["acme", "nobody"]], ["name": "rest"]],
          ]
        ],
        token: "engineer")
      #expect(plan.status == 200, "\(plan.error)")
      #expect(plan.json["stages"]?.array?.compactMap { $0["organizations"]?.array?.count } == [1, 1])
      let wrong = try await server.send(
        "POST", "/api/internal/rollouts/plan", ["spec": ["release": "2.4.0", "stages": []]], token: "engineer")
      #expect(wrong.status == 422 && wrong.error.contains("stages"), "\(wrong.error)")
      for name in ["acme", "other"] {
        try await fixture.report(
          name, "2.3.0", .failed, reason: "ImagePullFailed",
          message: "media: pull of sha-\(name == "acme" ? 1 : 2) failed")
      }
      let failures = try await server.send("GET", "/api/internal/releases/2.3.0/failures", token: "viewer")
      #expect(failures.json["failed"] == 2 && failures.json["reported"] == 2)
      #expect(failures.json["groups"]?.array?.first?["reason"] == "ImagePullFailed")
    }
  }
}
