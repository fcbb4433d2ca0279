public import WireFormats

/// The `apiextensions.k8s.io/v1` form of a kind, for clusters whose own API server is to serve it.
public enum CustomResourceDefinition {
  /// The file it is kept in, under `crds/`: `deploy.wrktalk.com_desireddeployments.yaml`.
  public static func fileName(for definition: ResourceDefinition) -> String {
    "\(definition.names.group)_\(definition.names.plural).yaml"
  }

  public static func json(for definition: ResourceDefinition) -> JSONValue {
    let names = definition.names
    var named: JSONValue = [
      "kind": .string(names.kind), "listKind": .string(names.kind + "List"), "plural": .string(names.plural),
      "singular": .string(names.singular),
    ]
    if !names.shortNames.isEmpty { named["shortNames"] = .array(names.shortNames.map(JSONValue.string)) }
    if !names.categories.isEmpty { named["categories"] = .array(names.categories.map(JSONValue.string)) }
    return [
      "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
      "metadata": ["name": .string(names.qualifiedPlural)],
      "spec": [
        "group": .string(names.group), "names": named,
        "scope": definition.isNamespaced ? "Namespaced" : "Cluster", "versions": [version(of: definition)],
      ],
    ]
  }

  private static func version(of definition: ResourceDefinition) -> JSONValue {
    var schema = definition.objectSchema.openAPI
    schema["properties"]?["metadata"] = ["type": "object"]
    for rule in definition.rules { add(rule, at: rule.path[...], to: &schema) }
    var version: JSONValue = [
      "name": .string(definition.names.version), "served": true, "storage": true, "schema": ["openAPIV3Schema": schema],
      "additionalPrinterColumns": .array(definition.printerColumns.map(column)),
    ]
    if definition.hasStatus { version["subresources"] = ["status": .object([:])] }
    if !definition.selectableFields.isEmpty {
      version["selectableFields"] = .array(definition.selectableFields.map { ["jsonPath": .string(".\($0)")] })
    }
    return version
  }

  /// `x-kubernetes-validations`, which an API server before 1.25 pays no heed to.
  private static func add(_ rule: ValidationRule, at path: ArraySlice<String>, to schema: inout JSONValue) {
    guard let name = path.first else {
      let known = schema["x-kubernetes-validations"]?.array ?? []
      schema["x-kubernetes-validations"] = .array(
        known + [["rule": .string(rule.expression), "message": .string(rule.message)]])
      return
    }
    let (container, key) = name == "[]" ? (nil, "items") : ("properties", name)
    var child = (container.map { schema[$0] } ?? schema)?[key] ?? [:]
    add(rule, at: path.dropFirst(), to: &child)
    if let container { schema[container]?[key] = child } else { schema[key] = child }
  }

  private static func column(_ column: PrinterColumn) -> JSONValue {
    var json: JSONValue = [
      "name": .string(column.name), "type": .string(column.type.rawValue), "jsonPath": .string(column.jsonPath),
      "description": .string(column.description),
    ]
    if column.priority > 0 { json["priority"] = .integer(Int64(column.priority)) }
    return json
  }
}
