import Accounts
import FleetKinds
import HTTPTransport
import HTTPTypes
import Hummingbird
import Pages
import ResourceModel
import ResourceStorage
import TestSupport
import Testing
import WireFormats

@testable import Access
@testable import ControlCenter
@testable import HTTPService

/// Who may send what to the vendor's server, route by route. A route that is added finds its line here, or the first test fails.
@Suite(.timeLimit(.minutes(5))) struct FleetRouteRoleTests {
  private static let roles = ["admin", "engineer", "viewer", "ci", "customer-of-x"]
  private static let people: Set<String> = ["admin", "engineer", "viewer"]
  private static let engineers: Set<String> = ["admin", "engineer"]
  private static let builders: Set<String> = ["admin", "engineer", "ci"]
  private static let customers: Set<String> = ["customer-of-x"]

  /// Paths, who may read there and who may change. The first line that fits counts.
  private static let table: [(path: String, reading: Set<String>, changing: Set<String>)] = [
    ("/api/admin/accounts*", ["admin"], ["admin"]),
    ("/api/admin/audit*", people, []),
    ("/api/internal/artifacts", people.union(["ci"]), builders),
    ("/api/internal/releases", people.union(["ci"]), builders),
    ("/api/internal/releases/x/publish", people, builders),
    ("/api/internal/rollouts/plan", people, builders),
    ("/api/internal/*", people, engineers),
    ("/api/artifacts/*", ["admin", "customer-of-x"], []),
    ("/api/v1/*", customers, customers),
  ]

  private static func routes(_ fixture: FleetFixture) -> [(method: String, path: String, filled: String)] {
    let router = Router(context: ServiceContext.self)
    fixture.parts.addRoutes(to: router)
    return router.routes.map { route in
      let path = "\(route.path)"
      let filled = path.split(separator: "/").map { $0.hasPrefix("{") ? "x" : $0 }.joined(separator: "/")
      return (route.method.rawValue, path, "/" + filled)
    }.filter { $0.method != "OPTIONS" && !PathPatterns(Page.openPaths).contains($0.path) }
  }

  @Test func everyRouteHasItsRoles() async throws {
    try await FleetFixture.with(.sqlite) { fixture in
      let policy = ControlCenterAccess.policy
      let routes = Self.routes(fixture)
      #expect(routes.count > 30)
      try await ControlCenterTestServer.run(
        authenticator: RoleTokens(policy: policy), policy: policy, addRoutes: { fixture.parts.addRoutes(to: $0) }
      ) { server in
        for (method, path, filled) in routes where !path.hasPrefix("/api/admin/session") {
          let line = Self.table.first { PathPatterns([$0.path]).contains(filled) }
          guard let line else {
            Issue.record("\(method) \(path) is in no line of the table")
            continue
          }
          #expect(try await server.send(method, filled, token: nil).status == 401, "\(method) \(path) without a token")
          for role in Self.roles {
            // Without a body, so that nothing happens where it is allowed.
            let answer = try await server.send(method, filled, token: role)
            guard answer.status != 405 else { continue }
            let isReading = method == "GET" || method == "HEAD"
            let isAllowed = (isReading ? line.reading : line.changing).contains(role)
            #expect((answer.status == 403) != isAllowed, "\(role) \(method) \(path): \(answer.status) \(answer.error)")
            #expect(answer.status != 401)
          }
        }
      }
    }
  }

  /// What a customer's key is for, asked of another organization: there is none. A route that takes a body finds one here, or this fails.
  @Test func noRouteOfCustomersKnowsAnotherOrganization() async throws {
    let about: JSONValue = ["organizationName": "acme", "releaseId": "2.3.0"]
    var (scheduled, status) = (about, about)
    scheduled["scheduledFor"] = "2024-12-15T02:00:00Z"
    status["status"] = "success"
    let bodies: [String: JSONValue] = [
      "/api/v1/organizations/acme/heartbeat": ["version": "9.9.9", "status": "healthy"],
      "/api/v1/deployments/scheduled": scheduled, "/api/v1/deployments/status": status,
    ]
    try await FleetFixture.with(.sqlite) { fixture in
      try await fixture.addOrganization("acme", currentVersion: "2.2.0")
      try await fixture.addRelease("2.3.0")
      try await fixture.settle()
      let routes = Self.routes(fixture).filter { $0.path.hasPrefix("/api/v1/") }.map { method, path, _ in
        let parts = path.split(separator: "/").map { $0.hasPrefix("{") ? "acme" : $0 }
        return (method, "/" + parts.joined(separator: "/"))
      }
      #expect(routes.count >= 4)
      let revision = try await fixture.store.currentRevision()
      let policy = ControlCenterAccess.policy
      try await ControlCenterTestServer.run(
        authenticator: RoleTokens(policy: policy), policy: policy, addRoutes: { fixture.parts.addRoutes(to: $0) }
      ) { server in
        for (method, path) in routes {
          let body = method == "POST" ? bodies[path] : nil
          // Of another method than the route's.
          guard try await server.send(method, path, body, token: "customer-of-x").status != 405 else { continue }
          if method == "POST" { #expect(body != nil, "\(path) has no body here") }
          for token in ["customer-of-x", "customer-of-ACME", "customer-of-acme2"] {
            let answer = try await server.send(method, path, body, token: token)
            #expect(answer.status == 404, "\(token) \(method) \(path): \(answer.status) \(answer.error)")
          }
        }
      }
      #expect(try await fixture.store.currentRevision() == revision)
      #expect(try await fixture.organization("acme").status?.currentVersion == "2.2.0")
    }
  }

  @Test func everyRoleIsInTheTable() {
    let known = Set(Self.roles.map { $0.hasPrefix("customer") ? "customer" : $0 })
    #expect(Set(ControlCenterAccess.policy.roles.map(\.role.rawValue)) == known)
  }

  /// What CI's token is for, and nothing more: not the failures of customers, and nothing that cannot be taken back.
  @Test func theTokenOfCIReachesOnlyWhatItsSummarySays() {
    let identity = Identity(name: "ci", role: .ci)
    for (verb, path, isAllowed) in [
      ("post", "/api/internal/releases", true), ("post", "/api/internal/releases/1.0.0/publish", true),
      ("post", "/api/internal/releases/1.0.0/publish/x", false), ("post", "/api/internal/releases//publish", false),
      ("post", "/api/internal/releases/a/b/publish", false), ("post", "/api/internal/releases/1.0.0/withdraw", false),
      ("post", "/api/internal/releases/1.0.0/deprecate", false), ("get", "/api/internal/releases/1.0.0", false),
      ("get", "/api/internal/releases/1.0.0/failures", false),
      ("get", "/api/internal/releases/1.0.0/failures/organizations", false), ("get", "/api/internal/artifacts", true),
    ] {
      #expect(
        ControlCenterAccess.policy.allows(identity, verb: verb, path: path) == isAllowed, "\(verb) \(path)")
    }
  }

  // MARK: Sessions

  private struct Browser: Sendable {
    var headers: [(name: String, value: String)]
  }

  private static func with(
    _ body: @escaping @Sendable (FleetFixture, ControlCenterTestServer, Browser) async throws -> Void
  ) async throws {
    try await FleetFixture.with(.sqlite) { fixture in
      let (email, password) = ("eng@example.com", "correct horse battery")
      _ = try await fixture.parts.people.accounts.create(
        AccountRequest(email: email, name: "", role: .engineer, hasPassword: true), password: password,
        by: AuditActor(name: "test"))
      var service = ServiceConfiguration()
      service.openPaths = PathPatterns(AccountService.openPaths)
      try await ControlCenterTestServer.run(
        service: service, authenticator: RoleTokens(policy: ControlCenterAccess.policy),
        sessions: fixture.parts.people.sessions, policy: ControlCenterAccess.policy,
        addRoutes: { fixture.parts.addRoutes(to: $0) }
      ) { server in
        let origin = (name: "Origin", value: "http://127.0.0.1:\(server.port)")
        let answer = try await server.send(
          "POST", "/api/admin/session", ["email": .string(email), "password": .string(password)], token: nil,
          headers: [origin])
        let cookies = answer.headers.fields.filter { $0.name.lowercased() == "set-cookie" }.compactMap {
          $0.value.split(separator: ";").first
        }
        let token = try #require(answer.json["headerToken"]?.string, "\(answer.status) \(answer.error)")
        try await body(
          fixture, server,
          Browser(headers: [
            origin, ("Cookie", cookies.joined(separator: "; ")), (SessionRule.headerTokenName, token),
          ]))
      }
    }
  }

  @Test func aSessionThatSomebodyLeftOpenChangesNothing() async throws {
    try await Self.with { fixture, server, browser in
      try await fixture.addOrganization("x")
      let path = "/api/internal/organizations/x/keys"
      #expect(try await server.send("POST", path, token: nil, headers: browser.headers).status == 201)
      fixture.advance(.seconds(20 * 60))
      var count = 0
      for (method, route, filled) in Self.routes(fixture) where filled.hasPrefix("/api/internal/") {
        if method == "GET" || method == "HEAD" || route == "/api/internal/rollouts/plan" { continue }
        let body: JSONValue? =
          route == "/api/internal/fleet/jobs" ? ["action": "label", "filter": [:], "labels": ["a": "b"]] : nil
        let answer = try await server.send(method, filled, body, token: nil, headers: browser.headers)
        guard answer.status != 405 else { continue }
        count += 1
        #expect(
          answer.status == 403 && answer.error.contains("sign-in of the last 10 minutes"),
          "\(method) \(route): \(answer.status) \(answer.error)")
        // A token proves with each request who sends it.
        let token = try await server.send(method, filled, token: "engineer")
        #expect(token.status != 403, "\(method) \(route): \(token.error)")
      }
      #expect(count > 10)
    }
  }

  @Test func whatOnlyAsksNeedsNoRecentSignIn() async throws {
    try await Self.with { fixture, server, browser in
      try await fixture.addOrganization("x")
      try await fixture.addRelease("2.0.0")
      fixture.advance(.seconds(20 * 60))
      let plan = try await server.send(
        "POST", "/api/internal/rollouts/plan", ["spec": ["release": "2.0.0", "stages": [["name": "all"]]]],
        token: nil,
        headers: browser.headers)
      #expect(plan.status == 200, "\(plan.error)")
      let path = "/api/internal/fleet/jobs"
      let prepared = try await server.send(
        "POST", path, ["action": "label", "filter": [:], "labels": ["a": "b"], "dryRun": true], token: nil,
        headers: browser.headers)
      #expect(prepared.status == 201, "\(prepared.error)")
      let id = prepared.json["id"]?.string ?? ""
      #expect(try await server.send("POST", "\(path)/\(id)/start", token: nil, headers: browser.headers).status == 403)
      #expect(try await server.send("GET", path, token: nil, headers: browser.headers).json["jobs"] == [])
    }
  }
}
