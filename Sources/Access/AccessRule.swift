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

  public func allows(_ attributes: AccessAttributes) -> Bool {
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

/// What may be done under paths that name no object, such as `/metrics` (Kubernetes' non-resource rules).
public struct PathRule: Sendable, Hashable {
  /// HTTP methods in lower case, `*` for all.
  public var verbs: [String]
  /// As `PathPatterns` reads them.
  public var paths: [String]
  /// What of `paths` is left out, in the same form.
  public var exceptions: [String]

  public init(verbs: [String], paths: [String], except exceptions: [String] = []) {
    self.verbs = verbs
    self.paths = paths
    self.exceptions = exceptions
  }

  /// What is public to whoever has a token: what is served, and in which form; nothing of what else lies under `/api`.
  public static let documents = PathRule(
    verbs: ["get", "head"],
    paths: [
      "/", "/api", "/api/v1", "/apis", "/apis/*", "/openapi/*", "/version", "/healthz", "/healthz/*", "/livez",
      "/livez/*", "/readyz", "/readyz/*",
    ])

  /// - Parameter path: one slash at its end makes no difference.
  public func allows(verb: String, path: String) -> Bool {
    let path = path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
    return (verbs.contains("*") || verbs.contains(verb)) && PathPatterns(paths).contains(path)
      && !PathPatterns(exceptions).contains(path)
  }
}
