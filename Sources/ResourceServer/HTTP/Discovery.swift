import ResourceModel
import WireFormats

/// The documents by which clients find out what is served.
struct Discovery {
  let registry: ResourceRegistry

  /// `/api`
  var coreVersions: JSONValue {
    let versions = registry.groups.first { $0.name.isEmpty }?.versions ?? []
    return [
      "kind": "APIVersions", "versions": .array(versions.map(JSONValue.string)), "serverAddressByClientCIDRs": [],
    ]
  }

  /// `/apis`
  var groups: JSONValue {
    let groups = registry.groups.filter { !$0.name.isEmpty }.map(Self.group)
    return ["kind": "APIGroupList", "apiVersion": "v1", "groups": .array(groups)]
  }

  /// `/apis/GROUP`
  func group(_ name: String) -> JSONValue? {
    guard !name.isEmpty, var document = registry.groups.first(where: { $0.name == name }).map(Self.group) else {
      return nil
    }
    document["kind"] = "APIGroup"
    document["apiVersion"] = "v1"
    return document
  }

  private static func group(_ group: (name: String, versions: [String])) -> JSONValue {
    let versions = group.versions.map { version -> JSONValue in
      ["groupVersion": .string("\(group.name)/\(version)"), "version": .string(version)]
    }
    return ["name": .string(group.name), "versions": .array(versions), "preferredVersion": versions[0]]
  }

  /// `/apis/GROUP/VERSION`, `/api/VERSION`
  func resources(group: String, version: String) -> JSONValue? {
    let definitions = registry.definitions.filter { $0.names.group == group && $0.names.version == version }
    guard let first = definitions.first else { return nil }
    return [
      "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": .string(first.names.apiVersion),
      "resources": .array(definitions.flatMap(Self.resources)),
    ]
  }

  private static func resources(of definition: ResourceDefinition) -> [JSONValue] {
    let names = definition.names
    var resource: JSONValue = [
      "name": .string(names.plural), "singularName": .string(names.singular), "namespaced": true,
      "kind": .string(names.kind),
      "verbs": ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"],
    ]
    if !names.shortNames.isEmpty { resource["shortNames"] = .array(names.shortNames.map(JSONValue.string)) }
    if !names.categories.isEmpty { resource["categories"] = .array(names.categories.map(JSONValue.string)) }
    guard definition.hasStatus else { return [resource] }
    let status: JSONValue = [
      "name": .string("\(names.plural)/status"), "singularName": "", "namespaced": true, "kind": .string(names.kind),
      "verbs": ["get", "patch", "update"],
    ]
    return [resource, status]
  }

  /// `/api/v1/namespaces/NAME`: a namespace exists as soon as it is named. `kubectl` asks where an object is not found,
  /// to tell a missing object from a missing namespace.
  static func namespace(_ name: String) -> JSONValue? {
    guard NameRules.labelProblems(name).isEmpty else { return nil }
    return [
      "apiVersion": "v1", "kind": "Namespace", "metadata": ["name": .string(name)], "status": ["phase": "Active"],
    ]
  }

  /// `/version`. The numbers say which Kubernetes API the behaviour follows, since clients compare them with their own.
  static var version: JSONValue {
    [
      "major": "1", "minor": "34", "gitVersion": "v1.34.0+wrktalk", "gitCommit": "", "gitTreeState": "clean",
      "buildDate": "1970-01-01T00:00:00Z", "goVersion": "", "compiler": "swift", "platform": "linux",
    ]
  }
}
