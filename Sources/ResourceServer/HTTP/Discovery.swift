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
    let verbs = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]
      .filter { !ResourceAPI.isNamespace(names) || $0 != "deletecollection" }
    var resource: JSONValue = [
      "name": .string(names.plural), "singularName": .string(names.singular),
      "namespaced": .bool(definition.isNamespaced), "kind": .string(names.kind),
      "verbs": .array(verbs.map(JSONValue.string)),
    ]
    if !names.shortNames.isEmpty { resource["shortNames"] = .array(names.shortNames.map(JSONValue.string)) }
    if !names.categories.isEmpty { resource["categories"] = .array(names.categories.map(JSONValue.string)) }
    guard definition.hasStatus else { return [resource] }
    let status: JSONValue = [
      "name": .string("\(names.plural)/status"), "singularName": "", "namespaced": .bool(definition.isNamespaced),
      "kind": .string(names.kind), "verbs": ["get", "patch", "update"],
    ]
    return [resource, status]
  }

  /// `/`
  var paths: JSONValue {
    let roots = registry.groups.filter { !$0.name.isEmpty }.flatMap { group in
      ["/apis/\(group.name)"] + group.versions.map { "/apis/\(group.name)/\($0)" }
    }
    let all = [
      "/api", "/api/v1", "/apis", "/healthz", "/livez", "/metrics", "/openapi/v2", "/openapi/v3", "/readyz", "/version",
    ]
    return ["paths": .array((all + roots).sorted().map(JSONValue.string))]
  }

  /// There are none: every kind here is built in. `kubectl` asks where it does not know a kind, and only then says so.
  static var customResourceDefinitions: JSONValue {
    [
      "kind": "CustomResourceDefinitionList", "apiVersion": "apiextensions.k8s.io/v1",
      "metadata": ["resourceVersion": "1"], "items": [],
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
