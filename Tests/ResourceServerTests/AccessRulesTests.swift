import ResourceModel
import Testing
import WireFormats

@testable import Access
@testable import Backend
@testable import ResourceServer

@Suite struct AccessRulesTests {
  static let group = "deploy.wrktalk.com"
  private static let readers: [Role] = [.admin, Role(rawValue: "operator"), .viewer, .agent]

  @Test(
    arguments: [
      ("get", group, "desireddeployments", "", readers),
      ("list", "", "events", "", readers),
      ("watch", group, "desireddeployments", "", readers),
      ("get", group, "desireddeployments", "status", readers),
      ("create", group, "desireddeployments", "", [.admin]),
      ("update", group, "desireddeployments", "", [.admin]),
      ("patch", group, "desireddeployments", "", [.admin]),
      ("delete", group, "desireddeployments", "", [.admin]),
      ("deletecollection", group, "desireddeployments", "", [.admin]),
      ("update", group, "desireddeployments", "status", [.admin, .agent]),
      ("patch", group, "desireddeployments", "status", [.admin, .agent]),
      ("update", group, "desireddeployments", "finalizers", [.admin, .agent]),
      ("patch", group, "desireddeployments", "finalizers", [.admin, .agent]),
      ("patch", group, "rollouts", "finalizers", [.admin]),
      ("patch", group, "rollouts", "status", [.admin]),
      ("create", "", "events", "", [.admin, .agent]),
      ("patch", "", "events", "", [.admin, .agent]),
      ("delete", "", "events", "", [.admin]),
      ("create", "coordination.k8s.io", "leases", "", [.admin, .agent]),
      ("update", "coordination.k8s.io", "leases", "", [.admin, .agent]),
      ("delete", "coordination.k8s.io", "leases", "", [.admin]),
    ] as [(String, String, String, String, [Role])])
  func eachRoleMayDoWhatTheTableSays(
    verb: String, group: String, resource: String, subresource: String, roles: [Role]
  ) {
    let attributes = AccessAttributes(verb: verb, group: group, resource: resource, subresource: subresource)
    for role in BackendAccess.policy.roles.map(\.role) {
      #expect(
        BackendAccess.policy.allows(Identity(name: "a", role: role), attributes) == roles.contains(role),
        "\(role) \(verb) \(resource)")
    }
  }

  @Test(
    arguments: [
      (Role.admin, "patch", "desireddeployments", AccessScope.everything),
      (.agent, "get", "desireddeployments", .everything), (.agent, "patch", "desireddeployments", .finalizers),
      (.agent, "update", "desireddeployments", .finalizers), (.agent, "delete", "desireddeployments", nil),
      (.agent, "create", "desireddeployments", nil), (.agent, "patch", "rollouts", nil),
      (.viewer, "patch", "desireddeployments", nil),
    ] as [(Role, String, String, AccessScope?)])
  func anAgentWritesFinalizersThroughTheObjectItself(
    role: Role, verb: String, resource: String, scope: AccessScope?
  ) {
    let attributes = AccessAttributes(verb: verb, group: Self.group, resource: resource)
    #expect(BackendAccess.policy.scope(Identity(name: "a", role: role), attributes) == scope)
  }
}
