public import ResourceModel

/// The kinds a server knows.
public struct ResourceRegistry: Sendable {
  public let definitions: [ResourceDefinition]
  private let byName: [APIPath.GroupVersionPlural: ResourceDefinition]

  public init(_ definitions: [ResourceDefinition]) {
    self.definitions = definitions
    byName = Dictionary(
      definitions.map { definition in
        let names = definition.names
        return (
          APIPath.GroupVersionPlural(group: names.group, version: names.version, plural: names.plural), definition
        )
      }, uniquingKeysWith: { first, _ in first })
  }

  func definition(_ name: APIPath.GroupVersionPlural) -> ResourceDefinition? { byName[name] }

  /// Group names and their versions, in the order of registration; the core group is the empty name.
  var groups: [(name: String, versions: [String])] {
    var groups: [(name: String, versions: [String])] = []
    for names in definitions.map(\.names) {
      if let index = groups.firstIndex(where: { $0.name == names.group }) {
        if !groups[index].versions.contains(names.version) { groups[index].versions.append(names.version) }
      } else {
        groups.append((names.group, [names.version]))
      }
    }
    return groups
  }
}
