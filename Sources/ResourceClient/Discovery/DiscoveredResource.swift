public import ResourceModel
import WireFormats

/// What an API server tells of one of its resources.
public struct DiscoveredResource: Sendable, Hashable {
  public var names: ResourceNames
  /// False for a resource of the whole cluster.
  public var isNamespaced: Bool
  /// What can be done with it: `get`, `list`, `watch`, `create`, …
  public var verbs: Set<String>

  public init(names: ResourceNames, isNamespaced: Bool, verbs: Set<String>) {
    self.names = names
    self.isNamespaced = isNamespaced
    self.verbs = verbs
  }

  /// An element of an `APIResourceList`; nil for a subresource, such as `deployments/scale`, and for what is none.
  init?(_ value: JSONValue, group: String, version: String) {
    guard let plural = value["name"]?.string, !plural.contains("/"), let kind = value["kind"]?.string else {
      return nil
    }
    func texts(_ member: String) -> [String] { value[member]?.array?.compactMap(\.string) ?? [] }
    let singular = value["singularName"]?.string ?? ""
    self.init(
      names: ResourceNames(
        group: group, version: version, kind: kind, plural: plural,
        // Servers before 1.27 name none for the built-in kinds.
        singular: singular.isEmpty ? kind.lowercased() : singular, shortNames: texts("shortNames"),
        categories: texts("categories")),
      isNamespaced: value["namespaced"]?.bool ?? false, verbs: Set(texts("verbs")))
  }
}
