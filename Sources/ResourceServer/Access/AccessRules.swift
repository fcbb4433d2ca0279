public import ResourceModel
import WireFormats

/// What a request wants to do, in the words of Kubernetes' authorization (`SubjectAccessReview`).
public struct AccessAttributes: Sendable, Hashable {
  public var verb: String
  public var group: String
  /// The plural; `*` for all.
  public var resource: String
  public var subresource: String
  /// Empty for all namespaces, and for objects of the whole cluster.
  public var namespace: String
  /// Empty where the request names no object.
  public var name: String

  public init(
    verb: String, group: String, resource: String, subresource: String = "", namespace: String = "", name: String = ""
  ) {
    self.verb = verb
    self.group = group
    self.resource = resource
    self.subresource = subresource
    self.namespace = namespace
    self.name = name
  }
}

/// One row of the table of permissions.
public struct AccessRule: Sendable, Hashable {
  public var verbs: [String]
  public var groups: [String]
  /// Plurals, `plural/subresource`, or `*`.
  public var resources: [String]
  public var namespaces: [String]
  /// Of objects. What is created has its name in the body, which is looked at when it is read.
  public var names: [String]

  public init(
    verbs: [String], groups: [String], resources: [String], namespaces: [String] = ["*"], names: [String] = ["*"]
  ) {
    self.verbs = verbs
    self.groups = groups
    self.resources = resources
    self.namespaces = namespaces
    self.names = names
  }

  func allows(_ attributes: AccessAttributes) -> Bool {
    let resource =
      attributes.subresource.isEmpty ? attributes.resource : "\(attributes.resource)/\(attributes.subresource)"
    return Self.contains(verbs, attributes.verb) && Self.contains(groups, attributes.group)
      && Self.contains(resources, resource) && allowsPlace(of: attributes)
  }

  private func allowsPlace(of attributes: AccessAttributes) -> Bool {
    Self.contains(namespaces, attributes.namespace)
      && (Self.contains(names, attributes.name) || attributes.verb == "create" && attributes.name.isEmpty)
  }

  private static func contains(_ list: [String], _ word: String) -> Bool { list.contains("*") || list.contains(word) }
}

/// The table of permissions.
public enum AccessRules {
  public static let readVerbs = ["get", "list", "watch"]

  /// What somebody may do; everything else is forbidden.
  public static func rules(for identity: Identity) -> [AccessRule] {
    switch identity.role {
    case .admin: [AccessRule(verbs: ["*"], groups: ["*"], resources: ["*"])]
    case .viewer: [AccessRule(verbs: readVerbs, groups: ["*"], resources: ["*"])]
    case .agent where identity.binding != nil: identity.binding?.rules ?? []
    case .agent:
      [
        AccessRule(verbs: readVerbs, groups: ["*"], resources: ["*"]),
        AccessRule(
          verbs: ["update", "patch"], groups: ["deploy.wrktalk.com"],
          resources: ["desireddeployments/status", "desireddeployments/\(AccessScope.finalizersName)"]),
        AccessRule(verbs: ["create", "update", "patch"], groups: [""], resources: ["events"]),
        AccessRule(verbs: ["create", "update", "patch"], groups: ["coordination.k8s.io"], resources: ["leases"]),
      ]
    }
  }

  public static func allows(_ identity: Identity, _ attributes: AccessAttributes) -> Bool {
    rules(for: identity).contains { $0.allows(attributes) }
  }

  /// How much of the object a request may change; nil where it is forbidden. Who may write `plural/finalizers` may send
  /// updates of the object itself, since that list has no path of its own.
  static func scope(_ identity: Identity, _ attributes: AccessAttributes) -> AccessScope? {
    if allows(identity, attributes) { return .everything }
    guard ["update", "patch"].contains(attributes.verb), attributes.subresource.isEmpty else { return nil }
    var narrow = attributes
    narrow.subresource = AccessScope.finalizersName
    return allows(identity, narrow) ? .finalizers : nil
  }

  /// What of an object that is written is another's; nil where it may be written.
  static func refusal(
    _ identity: Identity, of object: JSONValue, replacing old: JSONValue?, _ names: ResourceNames
  ) -> String? {
    identity.role == .agent ? identity.binding?.refusal(of: object, replacing: old, names) : nil
  }

  /// Whether the first object that somebody writes into a namespace makes it. An Agent's Event does not: it is about an
  /// object that is there.
  static func makesNamespace(_ identity: Identity, _ names: ResourceNames) -> Bool {
    identity.role != .agent || names.plural != "events"
  }

  /// The error for a request that `allows` refuses, worded as Kubernetes words it.
  /// - Parameter detail: what about the request is refused, where that is not all of it.
  public static func forbidden(
    _ identity: Identity, _ attributes: AccessAttributes, namespace: String?, name: String?, detail: String? = nil
  ) -> StatusError {
    let resource = attributes.group.isEmpty ? attributes.resource : "\(attributes.resource).\(attributes.group)"
    let path =
      attributes.subresource.isEmpty ? attributes.resource : "\(attributes.resource)/\(attributes.subresource)"
    let subject = name.map { "\(resource) \"\($0)\"" } ?? resource
    let scope = namespace.map { "in the namespace \"\($0)\"" } ?? "at the cluster scope"
    return StatusError(
      .forbidden,
      "\(subject) is forbidden: User \"\(identity.name)\" (role \(identity.role.rawValue)) cannot \(attributes.verb) "
        + "resource \"\(path)\" in API group \"\(attributes.group)\" \(scope)" + (detail.map { ": \($0)" } ?? ""),
      kind: attributes.resource, group: attributes.group, name: name)
  }
}
