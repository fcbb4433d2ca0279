import Access
import Accounts
import CoreKinds
import FleetKinds
import ResourceModel

extension Role {
  /// The build pipeline: uploads artifacts, makes releases and publishes them.
  static let ci = Role(rawValue: "ci")
  /// A release engineer: releases, rollouts, organizations and their keys; no tokens of others.
  static let engineer = Role(rawValue: "engineer")
  /// A customer's Backend, by an API key of its organization: only what is that organization's.
  static let customer = Role(rawValue: "customer")
}

/// Who may do what at the vendor's server.
enum ControlCenterAccess {
  static let policy = AccessPolicy([.admin, viewer, engineer, ci, customer])

  /// Who signs in at the fleet dashboard. A server of a customer under the same name, as on a developer's machine, has other cookies.
  static let accounts = AccountRules(
    roles: [.admin, .engineer, .viewer], policy: policy, cookieName: "wrktalk-gcc", settingPrefix: "GCC_")

  /// One's own session and password.
  private static let own = PathRule(
    verbs: ["get", "head", "post", "delete"], paths: ["/api/admin/session", "/api/admin/session/*"])

  private static let audit = PathRule(verbs: ["get", "head"], paths: ["/api/admin/audit", "/api/admin/audit/*"])

  /// What customers may ask for.
  static let customerPaths = ["/api/artifacts/*", "/api/v1/*"]

  private static let viewer = RoleDefinition(
    .viewer, summary: "reads everything", rules: RoleDefinition.viewer.rules,
    paths: RoleDefinition.viewer.paths + [own, audit, PathRule(verbs: ["get", "head"], paths: ["/api/internal/*"])])

  private static let engineer = RoleDefinition(
    .engineer, summary: "releases, rollouts, organizations and their keys",
    rules: { _ in
      [
        AccessRule(verbs: AccessPolicy.readVerbs, groups: ["*"], resources: ["*"]),
        AccessRule(
          verbs: ["create", "update", "patch", "delete"], groups: ["deploy.wrktalk.com"],
          resources: [OrganizationKind.names.plural, RolloutKind.names.plural, EscalationKind.names.plural]),
        // What was published stays: a version that is gone could be published again with another content.
        AccessRule(
          verbs: ["create", "update", "patch"], groups: ["deploy.wrktalk.com"], resources: [ReleaseKind.names.plural]),
      ]
    },
    paths: RoleDefinition.viewer.paths + [own, audit, PathRule(verbs: ["*"], paths: ["/api/internal/*"])])

  private static let ci = RoleDefinition(
    .ci, summary: "uploads artifacts, makes releases and publishes them",
    rules: { _ in
      [
        AccessRule(
          verbs: AccessPolicy.readVerbs, groups: ["deploy.wrktalk.com"],
          resources: [ReleaseKind.names.plural, RolloutKind.names.plural]),
        AccessRule(
          verbs: ["create"], groups: ["deploy.wrktalk.com"], resources: [RolloutKind.names.plural]),
      ]
    },
    paths: [
      documents,
      PathRule(verbs: ["get", "head", "post"], paths: ["/api/internal/artifacts", "/api/internal/releases"]),
      PathRule(verbs: ["post"], paths: ["/api/internal/releases/*/publish", "/api/internal/rollouts/plan"]),
    ], isMachine: true)

  /// What is served and in which form; nothing of what lies under `/api` besides.
  private static let documents = PathRule(
    verbs: ["get", "head"],
    paths: [
      "/", "/api", "/api/v1", "/apis", "/apis/*", "/openapi/*", "/version", "/healthz", "/livez", "/readyz",
    ])

  private static let customer = RoleDefinition(
    .customer, summary: "an API key of one organization (see key)", rules: { _ in [] },
    paths: [PathRule(verbs: ["get", "head", "post"], paths: customerPaths)], isMachine: true)

  /// The organization that a request under `customerPaths` is for.
  /// - Parameter organization: as the path or the body names it; nil where it names none.
  /// - Throws: `notFound` where it is not the caller's: who asks learns nothing of other customers.
  static func requireCustomer(_ identity: Identity, organization: String?) throws(StatusError) -> String {
    guard identity.roles.contains(.customer), let tenant = identity.tenant else {
      throw StatusError(.forbidden, "this path is for customers: send an API key of an organization")
    }
    guard organization == nil || organization == tenant else {
      throw StatusError(.notFound, "there is no such organization")
    }
    return tenant
  }
}
