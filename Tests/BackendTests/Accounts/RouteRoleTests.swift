import Database
import HTTPTypes
import Pages
import TestSupport
import Testing
import WireFormats

@testable import Access
@testable import Accounts
@testable import Backend

/// Who may send what, route by route. A route that is added finds its line here, or the first test fails.
@Suite(.timeLimit(.minutes(5))) struct RouteRoleTests {
  private static let everyone: Set<String> = ["admin", "operator", "viewer", "agent"]
  private static let people: Set<String> = ["admin", "operator", "viewer"]
  private static let operators: Set<String> = ["admin", "operator"]
  private static let admins: Set<String> = ["admin"]
  private static let agents: Set<String> = ["admin", "agent"]

  /// Paths, who may read there and who may change. The first line that fits counts.
  private static let table: [(path: String, reading: Set<String>, changing: Set<String>)] = [
    ("/api/admin/session*", people, people),
    ("/api/admin/accounts*", admins, admins),
    ("/api/admin/audit*", people, []),
    ("/api/admin/config*", people, operators),
    ("/api/admin/deployment/*", people, operators),
    ("/api/admin/windows*", people, operators),
    ("/api/admin/policy", people, admins),
    ("/api/admin/license", people, admins),
    ("/api/admin/status", people, []),
    ("/api/admin/tokens*", admins, admins),
    ("/api/admin/notices*", people, admins),
    // Who only looks would take a task away from who carries it out.
    ("/internal/agent/*", ["agent"], ["agent"]),
    ("/internal/*", agents, agents),
  ]

  private static func line(_ path: String) -> (reading: Set<String>, changing: Set<String>)? {
    table.first { PathPatterns([$0.path]).contains(path) }.map { ($0.reading, $0.changing) }
  }

  @Test func everyRouteHasItsRoles() async throws {
    try await BackendFixture.with(.sqlite) { fixture in
      let front = BackendFront(fixture)
      #expect(front.routes.count > 20)
      for (method, path) in front.routes {
        // Its signature says who sends it; and a page is for whoever wants to sign in.
        if path == "/api/deployment/webhook" || PathPatterns(Page.openPaths).contains(path) { continue }
        guard let line = Self.line(path) else {
          Issue.record("\(method) \(path) is in no line of the table")
          continue
        }
        let filled = "/" + path.split(separator: "/").map { $0.hasPrefix("{") ? "x" : $0 }.joined(separator: "/")
        let isReading = method == .get || method == .head
        let isOpen = path.hasPrefix("/api/admin/session")
        if !isOpen { #expect(try await front.send(method, filled).status == 401, "\(method) \(path) without a token") }
        for role in Self.everyone.sorted() {
          // Without a body, so that nothing happens where it is allowed.
          let answer = try await front.send(method, filled, token: role)
          guard answer.status != 405 else { continue }
          // Whether there is an identity provider is said to everybody.
          if isOpen, method == .post || path.hasSuffix("/oidc") { continue }
          let isAllowed = (isReading ? line.reading : line.changing).contains(role)
          #expect(
            (answer.status == 403) != isAllowed, "\(role) \(method) \(path): \(answer.status) \(answer.error)")
          #expect(answer.status != 401)
        }
      }
    }
  }

  /// The router and the table of rights take a path for the same one.
  @Test(arguments: [
    "/api/admin//accounts", "/api//admin/accounts", "//api/admin/accounts", "/api/admin/accounts//",
    "/api/admin/./accounts", "/api/admin/x/../accounts", "/api/admin/%61ccounts", "/api/admin/accounts%2F",
    "/api/admin/ACCOUNTS",
  ])
  func nobodyGetsPastTheTableByWritingAPathInAnotherWay(_ path: String) async throws {
    try await BackendFixture.with(.sqlite) { fixture in
      try await fixture.addAccount("ada@example.com")
      let front = BackendFront(fixture)
      for role in ["viewer", "operator", "agent"] {
        let answer = try await front.send(.get, path, token: role)
        #expect(answer.status != 200 && answer.json["accounts"] == nil, "\(role) \(path): \(answer.json)")
      }
    }
  }

  @Test func everyRoleIsInTheTable() {
    #expect(Set(BackendAccess.policy.roles.map(\.role.rawValue)) == Self.everyone)
    for role in BackendAccess.accounts.roles { #expect(BackendAccess.policy.definition(role) != nil) }
  }

  /// Objects of the resource API: verb, resource, roles.
  @Test(
    arguments: [
      ("list", "desireddeployments", everyone), ("watch", "desireddeployments", everyone),
      ("create", "desireddeployments", admins), ("patch", "desireddeployments", admins),
      ("delete", "desireddeployments", admins), ("patch", "desireddeployments/status", agents),
    ])
  func objectsAreWrittenByAdminsAndAgents(verb: String, resource: String, roles: Set<String>) {
    let parts = resource.split(separator: "/").map(String.init)
    let attributes = AccessAttributes(
      verb: verb, group: "deploy.wrktalk.com", resource: parts[0], subresource: parts.count > 1 ? parts[1] : "",
      namespace: "wrktalk")
    for role in Self.everyone {
      let identity = Identity(name: "x", role: Role(rawValue: role), tenant: role == "agent" ? "wrktalk" : nil)
      #expect(BackendAccess.policy.allows(identity, attributes) == roles.contains(role), "\(role)")
    }
  }
}
