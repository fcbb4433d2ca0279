/// What a kind is called in the API: `GroupVersionKind` and `GroupVersionResource` in one value.
public struct ResourceNames: Sendable, Hashable {
  /// The API group; empty for the core group (`/api/v1`).
  public var group: String
  public var version: String
  public var kind: String
  /// Lower case, as it stands in URLs: `desireddeployments`.
  public var plural: String
  public var singular: String
  public var shortNames: [String]
  public var categories: [String]

  public init(
    group: String, version: String, kind: String, plural: String, singular: String, shortNames: [String] = [],
    categories: [String] = []
  ) {
    self.group = group
    self.version = version
    self.kind = kind
    self.plural = plural
    self.singular = singular
    self.shortNames = shortNames
    self.categories = categories
  }

  /// `deploy.wrktalk.com/v1`, or `v1` for the core group.
  public var apiVersion: String { group.isEmpty ? version : "\(group)/\(version)" }

  /// `desireddeployments.deploy.wrktalk.com`, as messages name the resource.
  public var qualifiedPlural: String { group.isEmpty ? plural : "\(plural).\(group)" }

  /// True for kinds of Kubernetes' own groups, which its clients treat otherwise than those of CustomResourceDefinitions.
  public var isKubernetesOwn: Bool { group.isEmpty || group.hasSuffix(".k8s.io") }

  /// The URL path of the group and version: `/apis/deploy.wrktalk.com/v1` or `/api/v1`.
  public var rootPath: String { group.isEmpty ? "/api/\(version)" : "/apis/\(group)/\(version)" }
}

/// Names one object of a kind.
public struct ObjectKey: Sendable, Hashable, Comparable, CustomStringConvertible {
  /// Empty for an object of the whole cluster, such as a CustomResourceDefinition.
  public var namespace: String
  public var name: String

  public init(namespace: String, name: String) {
    self.namespace = namespace
    self.name = name
  }

  public var description: String { namespace.isEmpty ? name : "\(namespace)/\(name)" }

  /// - Parameter description: as `description` gives it; nil for what has another form.
  public init?(description: String) {
    let parts = description.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count <= 2, let name = parts.last, !name.isEmpty else { return nil }
    self.init(namespace: parts.count == 2 ? String(parts[0]) : "", name: String(name))
  }

  /// By namespace, then by name: the order of a list.
  public static func < (left: ObjectKey, right: ObjectKey) -> Bool {
    (left.namespace, left.name) < (right.namespace, right.name)
  }
}
