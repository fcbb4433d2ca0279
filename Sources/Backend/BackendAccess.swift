import Access
import CoreKinds
import DeploymentKinds
import ResourceModel

/// Who may do what at the Backend.
enum BackendAccess {
  static let policy = AccessPolicy([.admin, .viewer, agent])

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
