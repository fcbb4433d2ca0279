import Access
import Accounts
import CoreKinds
import DeploymentKinds
import ResourceModel

extension Role {
  /// Runs deployments: reads everything, schedules, cancels, rolls back, edits settings and windows.
  static let `operator` = Role(rawValue: "operator")
}

/// Who may do what at the Backend.
enum BackendAccess {
  static let policy = AccessPolicy([.admin, operatorRole, viewer, agent])

  /// Who signs in at the Control Tower.
  static let accounts = AccountRules(
    roles: [.admin, .operator, .viewer], policy: policy, cookieName: "wrktalk", settingPrefix: "WRKTALK_")

  /// What operators may change: deployments, settings and windows; not who has access, nor whom to trust.
  private static let operation = PathRule(
    verbs: ["post", "put", "patch", "delete"],
    paths: [
      "/api/admin/deployment/*", "/api/admin/config", "/api/admin/config/*", "/api/admin/windows",
      "/api/admin/windows/*",
    ])

  /// One's own session and password.
  private static let own = PathRule(
    verbs: ["get", "head", "post", "delete"], paths: ["/api/admin/session", "/api/admin/session/*"])

  /// All but who has access.
  private static let reading = PathRule(
    verbs: ["get", "head"], paths: ["/api/admin/*", "/metrics"],
    except: ["/api/admin/accounts", "/api/admin/accounts/*", "/api/admin/tokens", "/api/admin/tokens/*"])

  private static let operatorRole = RoleDefinition(
    .operator, summary: "reads everything; schedules, cancels, rolls back, edits settings and windows",
    rules: RoleDefinition.viewer.rules, paths: [.documents, reading, own, operation])

  private static let viewer = RoleDefinition(
    .viewer, summary: "reads", rules: RoleDefinition.viewer.rules, paths: [.documents, reading, own])

  /// Where a caller may send a token in another header than `Authorization`, and with which role.
  static let tokenHeaders = [TokenHeader(name: "X-Agent-Secret", roles: [.agent])]

  private static let agent = RoleDefinition(
    .agent, summary: "one namespace: reads records; reports status, Events, a Lease",
    rules: { identity in AgentBinding(identity)?.rules ?? unboundRules },
    // Not the figures of the server.
    paths: [.documents, PathRule(verbs: ["get", "head", "post"], paths: ["/internal/*"])],
    isMachine: true,
    refusal: { identity, object, old, names in
      AgentBinding(identity)?.refusal(of: object, replacing: old, names)
    },
    // An Agent's Event is about an object that is there.
    makesNamespace: { $0 != Event.names })

  /// Of tokens of earlier versions.
  private static let unboundRules = [
    AccessRule(verbs: AccessPolicy.readVerbs, groups: ["*"], resources: ["*"]),
    AccessRule(
      verbs: ["update", "patch"], groups: ["deploy.wrktalk.com"],
      resources: ["desireddeployments/status", "desireddeployments/\(AccessScope.finalizersName)"]),
    AccessRule(verbs: ["create", "update", "patch"], groups: [""], resources: ["events"]),
    AccessRule(verbs: ["create", "update", "patch"], groups: ["coordination.k8s.io"], resources: ["leases"]),
  ]
}
