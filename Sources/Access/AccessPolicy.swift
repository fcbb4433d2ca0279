public import ResourceModel
public import WireFormats

/// A role as a program defines it.
public struct RoleDefinition: Sendable {
  public var role: Role
  /// What it may do, in a few words for people who give out tokens.
  public var summary: String
  /// On objects; they may depend on what the credentials are bound to.
  public var rules: @Sendable (Identity) -> [AccessRule]
  public var paths: [PathRule]
  /// For programs that work day and night: some places for long requests are theirs alone, and their routine writes are
  /// logged at debug only.
  public var isMachine: Bool
  /// What of an object that is written is another's; nil where it may be written.
  public var refusal:
    @Sendable (_ identity: Identity, _ object: JSONValue, _ old: JSONValue?, _ names: ResourceNames) -> String?
  /// Whether the first object of a kind that somebody writes into a namespace makes it.
  public var makesNamespace: @Sendable (ResourceNames) -> Bool

  public init(
    _ role: Role, summary: String, rules: @escaping @Sendable (Identity) -> [AccessRule], paths: [PathRule],
    isMachine: Bool = false,
    refusal: @escaping @Sendable (Identity, JSONValue, JSONValue?, ResourceNames) -> String? = { _, _, _, _ in nil },
    makesNamespace: @escaping @Sendable (ResourceNames) -> Bool = { _ in true }
  ) {
    self.role = role
    self.summary = summary
    self.rules = rules
    self.paths = paths
    self.isMachine = isMachine
    self.refusal = refusal
    self.makesNamespace = makesNamespace
  }

  /// Everything.
  public static let admin = RoleDefinition(
    .admin, summary: "everything", rules: { _ in [AccessRule(verbs: ["*"], groups: ["*"], resources: ["*"])] },
    paths: [PathRule(verbs: ["*"], paths: ["*"])])

  /// Reads everything.
  public static let viewer = RoleDefinition(
    .viewer, summary: "reads",
    rules: { _ in [AccessRule(verbs: AccessPolicy.readVerbs, groups: ["*"], resources: ["*"])] },
    paths: [.documents, PathRule(verbs: ["get", "head"], paths: ["/metrics"])])
}

/// The table of permissions of a program: what each role may do. Everything else is forbidden.
public struct AccessPolicy: Sendable {
  public static let readVerbs = ["get", "list", "watch"]

  /// In the order in which people see them.
  public var roles: [RoleDefinition]

  public init(_ roles: [RoleDefinition]) { self.roles = roles }

  public func definition(_ role: Role) -> RoleDefinition? { roles.first { $0.role == role } }

  /// Roles that this program does not know, such as those of a later version, allow nothing.
  private func definitions(_ identity: Identity) -> [RoleDefinition] { identity.roles.compactMap(definition) }

  public func rules(for identity: Identity) -> [AccessRule] { definitions(identity).flatMap { $0.rules(identity) } }

  public func paths(for identity: Identity) -> [PathRule] { definitions(identity).flatMap(\.paths) }

  public func allows(_ identity: Identity, _ attributes: AccessAttributes) -> Bool {
    rules(for: identity).contains { $0.allows(attributes) }
  }

  /// - Parameter verb: the HTTP method in lower case.
  public func allows(_ identity: Identity, verb: String, path: String) -> Bool {
    paths(for: identity).contains { $0.allows(verb: verb, path: path) }
  }

  /// How much of the object a request may change; nil where it is forbidden. Who may write `plural/finalizers` may send
  /// updates of the object itself, since that list has no path of its own.
  public func scope(_ identity: Identity, _ attributes: AccessAttributes) -> AccessScope? {
    if allows(identity, attributes) { return .everything }
    guard ["update", "patch"].contains(attributes.verb), attributes.subresource.isEmpty else { return nil }
    var narrow = attributes
    narrow.subresource = AccessScope.finalizersName
    return allows(identity, narrow) ? .finalizers : nil
  }

  /// What of an object that is written is another's; nil where it may be written. Where one of several roles refuses, it
  /// is refused.
  public func refusal(
    _ identity: Identity, of object: JSONValue, replacing old: JSONValue?, _ names: ResourceNames
  ) -> String? {
    definitions(identity).lazy.compactMap { $0.refusal(identity, object, old, names) }.first
  }

  /// Whether the first object that somebody writes into a namespace makes it.
  public func makesNamespace(_ identity: Identity, _ names: ResourceNames) -> Bool {
    definitions(identity).allSatisfy { $0.makesNamespace(names) }
  }

  public func isMachine(_ identity: Identity) -> Bool { definitions(identity).contains(where: \.isMachine) }

  /// The error for a request that `allows` refuses, worded as Kubernetes words it.
  /// - Parameters:
  ///   - namespace: nil or empty for all of them, and for objects of the whole cluster.
  ///   - detail: what about the request is refused, where that is not all of it.
  public static func forbidden(
    _ identity: Identity, _ attributes: AccessAttributes, namespace: String?, name: String?, detail: String? = nil
  ) -> StatusError {
    let resource = attributes.group.isEmpty ? attributes.resource : "\(attributes.resource).\(attributes.group)"
    let path =
      attributes.subresource.isEmpty ? attributes.resource : "\(attributes.resource)/\(attributes.subresource)"
    let subject = name.map { "\(resource) \"\($0)\"" } ?? resource
    let scope =
      namespace.flatMap { $0.isEmpty ? nil : $0 }.map { "in the namespace \"\($0)\"" } ?? "at the cluster scope"
    return StatusError(
      .forbidden,
      "\(subject) is forbidden: User \"\(identity.name)\" (role \(identity.roleText)) cannot \(attributes.verb) "
        + "resource \"\(path)\" in API group \"\(attributes.group)\" \(scope)" + (detail.map { ": \($0)" } ?? ""),
      kind: attributes.resource, group: attributes.group, name: name)
  }

  /// The error for a path that `allows` refuses.
  public static func forbidden(_ identity: Identity, verb: String, path: String) -> StatusError {
    StatusError(
      .forbidden,
      "forbidden: User \"\(identity.name)\" (role \(identity.roleText)) cannot \(verb) path \"\(path)\"")
  }
}
