import FleetKinds
import TestSupport
import Testing
import WireFormats

@testable import ControlCenter

/// Who may look at the fleet by the paths that the dashboard uses.
@Suite(.timeLimit(.minutes(2))) struct FleetRoleTests {
  @Test func theFleetIsForTheVendorsPeople() async throws {
    try await FleetFixture.with(.sqlite) { fixture in
      try await fixture.addRelease("2.0.0")
      try await fixture.addOrganization("acme")
      try await fixture.addRollout("r", RolloutSpec(release: "2.0.0", stages: [.init(name: "all")]))
      try await ControlCenterTestServer.run(
        authenticator: RoleTokens(policy: ControlCenterAccess.policy), policy: ControlCenterAccess.policy,
        addRoutes: { fixture.parts.addRoutes(to: $0) }
      ) { server in
        let readers = ["admin", "engineer", "viewer"]
        for path in [
          "fleet/summary", "fleet/versions", "fleet/organizations", "rollouts/r/progress", "rollouts/r/targets",
        ] {
          for token in readers + ["ci", "customer-of-acme"] {
            let answer = try await server.send("GET", "/api/internal/\(path)", token: token)
            #expect(answer.status == (readers.contains(token) ? 200 : 403), "\(token) \(path): \(answer.error)")
          }
          #expect(try await server.send("GET", "/api/internal/\(path)", token: nil).status == 401, "\(path)")
        }
        for path in ["failures", "failures/organizations"] {
          for token in readers + ["customer-of-acme"] {
            let answer = try await server.send("GET", "/api/internal/releases/2.0.0/\(path)", token: token)
            #expect(answer.status == (readers.contains(token) ? 200 : 403), "\(token) \(path): \(answer.error)")
          }
        }
        let spec: JSONValue = ["spec": ["release": "2.0.0", "stages": [["name": "all"]]]]
        for (token, status) in [
          ("admin", 200), ("engineer", 200), ("ci", 200), ("viewer", 403), ("customer-of-acme", 403),
        ] {
          let answer = try await server.send("POST", "/api/internal/rollouts/plan", spec, token: token)
          #expect(answer.status == status, "\(token): \(answer.error)")
        }
      }
    }
  }
}
