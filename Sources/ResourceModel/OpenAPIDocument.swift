public import WireFormats

/// The OpenAPI v3 documents of an API: what `kubectl explain`, `apply`, `diff` and `--validate` read.
public enum OpenAPIDocument {
  /// The answer to `GET /openapi/v3`: where each group version's document lies.
  ///
  /// - Parameter hash: of the document under a root path (`apis/deploy.wrktalk.com/v1`), so that clients may cache it.
  public static func index(of definitions: [ResourceDefinition], hash: (JSONValue) -> String) -> JSONValue {
    var paths: [String: JSONValue] = [:]
    for rootPath in Set(definitions.map(\.names.rootPath)) {
      let key = String(rootPath.dropFirst())
      let document = document(rootPath: rootPath, definitions)
      paths[key] = ["serverRelativeURL": .string("/openapi/v3/\(key)?hash=\(hash(document))")]
    }
    return ["paths": .object(paths)]
  }

  /// The document of one group version, such as `/apis/deploy.wrktalk.com/v1`.
  public static func document(rootPath: String, _ definitions: [ResourceDefinition]) -> JSONValue {
    var paths: [String: JSONValue] = [:]
    var schemas: [String: JSONValue] = [objectMetaName: ObjectMeta.schema.openAPI, listMetaName: listMeta]
    for definition in definitions where definition.names.rootPath == rootPath {
      paths.merge(Self.paths(of: definition)) { first, _ in first }
      schemas[componentName(definition.names)] = schema(of: definition)
      schemas[componentName(definition.names) + "List"] = listSchema(of: definition)
    }
    return [
      "openapi": "3.0.0", "info": ["title": "WrkTalk Unified Deployment", "version": "v1"], "paths": .object(paths),
      "components": ["schemas": .object(schemas)],
    ]
  }

  /// `com.wrktalk.deploy.v1.DesiredDeployment`; `io.k8s.api.core.v1.Event` for Kubernetes' own groups.
  static func componentName(_ names: ResourceNames) -> String {
    if names.group.isEmpty { return "io.k8s.api.core.\(names.version).\(names.kind)" }
    let labels = names.group.split(separator: ".")
    if names.group.hasSuffix(".k8s.io") { return "io.k8s.api.\(labels[0]).\(names.version).\(names.kind)" }
    return "\(labels.reversed().joined(separator: ".")).\(names.version).\(names.kind)"
  }

  private static let objectMetaName = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
  private static let listMetaName = "io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta"

  private static let listMeta = Schema.object(
    properties: [
      "resourceVersion": .string(Schema.Documentation("The state the list shows; a watch goes on from here.")),
      "continue": .string(Schema.Documentation("Sent back, it gives the next page; empty on the last.")),
      "remainingItemCount": .integer(Schema.Documentation("How many items follow this page.")),
    ], Schema.Documentation("Metadata of a list.")
  ).openAPI

  private static func groupVersionKind(_ names: ResourceNames, suffix: String = "") -> JSONValue {
    ["group": .string(names.group), "version": .string(names.version), "kind": .string(names.kind + suffix)]
  }

  private static func reference(_ component: String) -> JSONValue {
    ["$ref": .string("#/components/schemas/\(component)")]
  }

  private static func described(_ component: String, _ description: String) -> JSONValue {
    ["allOf": [reference(component)], "description": .string(description), "default": .object([:])]
  }

  private static func schema(of definition: ResourceDefinition) -> JSONValue {
    var json = definition.objectSchema.openAPI
    if json["properties"] != nil {
      json["properties"]?["metadata"] = described(
        objectMetaName, "Standard object's metadata: name, namespace, labels, annotations.")
    }
    json["x-kubernetes-group-version-kind"] = [groupVersionKind(definition.names)]
    return json
  }

  private static func listSchema(of definition: ResourceDefinition) -> JSONValue {
    let names = definition.names
    return [
      "type": "object", "description": .string("A list of \(names.kind)."), "required": ["items"],
      "properties": [
        "apiVersion": [
          "type": "string", "description": .string("The version of this representation: \(names.apiVersion)."),
        ],
        "kind": ["type": "string", "description": .string("What the object is: \(names.kind)List.")],
        "metadata": described(listMetaName, "The list's metadata."),
        "items": ["type": "array", "description": "The objects.", "items": reference(componentName(names))],
      ],
      "x-kubernetes-group-version-kind": [groupVersionKind(names, suffix: "List")],
    ]
  }
}

extension OpenAPIDocument {
  private static func paths(of definition: ResourceDefinition) -> [String: JSONValue] {
    let names = definition.names
    let all = "\(names.rootPath)/\(names.plural)"
    let collection = "\(names.rootPath)/namespaces/{namespace}/\(names.plural)"
    let one = "\(collection)/{name}"
    let list = componentName(names) + "List"
    var paths: [String: JSONValue] = [
      all: ["get": operation("list", definition, listParameters, response: list)],
      collection: [
        "parameters": [namespaceParameter],
        "get": operation("list", definition, listParameters, response: list),
        "post": operation("post", definition, writeParameters, request: jsonTypes),
        "delete": operation("deletecollection", definition, listParameters + deleteParameters, response: nil),
      ],
      one: item(definition, deletes: true),
    ]
    if definition.hasStatus { paths["\(one)/status"] = item(definition, deletes: false) }
    return paths
  }

  private static func item(_ definition: ResourceDefinition, deletes: Bool) -> JSONValue {
    var item: JSONValue = [
      "parameters": [namespaceParameter, nameParameter],
      "get": operation("get", definition, []),
      "put": operation("put", definition, writeParameters, request: jsonTypes),
      "patch": operation("patch", definition, writeParameters, request: patchTypes),
    ]
    if deletes { item["delete"] = operation("delete", definition, deleteParameters, response: nil) }
    return item
  }

  private static let jsonTypes = ["application/json"]
  private static let patchTypes = ["application/merge-patch+json", "application/json-patch+json"]

  /// - Parameter response: the component of a 200; by default the kind itself, nil for a `Status`.
  private static func operation(
    _ action: String, _ definition: ResourceDefinition, _ parameters: [JSONValue], request: [String] = [],
    response: String? = ""
  ) -> JSONValue {
    let component = componentName(definition.names)
    let schema = response.map { reference($0.isEmpty ? component : $0) } ?? ["type": "object"]
    var operation: JSONValue = [
      "x-kubernetes-action": .string(action), "x-kubernetes-group-version-kind": groupVersionKind(definition.names),
      "parameters": .array(parameters),
      "responses": ["200": ["description": "OK", "content": ["application/json": ["schema": schema]]]],
    ]
    if !request.isEmpty {
      let body: JSONValue = action == "patch" ? [:] : reference(component)
      operation["requestBody"] = [
        "required": true, "content": .object(Dictionary(uniqueKeysWithValues: request.map { ($0, ["schema": body]) })),
      ]
    }
    return operation
  }

  private static func query(_ name: String, _ type: String, _ description: String) -> JSONValue {
    ["name": .string(name), "in": "query", "description": .string(description), "schema": ["type": .string(type)]]
  }

  private static let writeParameters = [
    query("dryRun", "string", "All: check the request and answer it, but keep nothing."),
    query("fieldManager", "string", "Who makes the change."),
    query(
      "fieldValidation", "string",
      "What becomes of unknown fields: Strict refuses them, Warn drops them with a warning, Ignore drops them."),
  ]

  private static let deleteParameters = [
    query("dryRun", "string", "All: check the request and answer it, but keep nothing."),
    query("propagationPolicy", "string", "Accepted for compatibility; objects here own no others."),
  ]

  private static let listParameters = [
    query("labelSelector", "string", "Which labels the objects must have."),
    query("fieldSelector", "string", "Which values the objects' fields must have."),
    query("limit", "integer", "Most objects in one answer; the rest comes with continue."),
    query("continue", "string", "The mark of the next page, from the answer before."),
    query("resourceVersion", "string", "The state from which a watch goes on."),
    query("timeoutSeconds", "integer", "How long a watch lasts."),
    query("watch", "boolean", "Go on with changes instead of a list."),
    query("allowWatchBookmarks", "boolean", "Let the server say how far a watch is."),
  ]

  private static func path(_ name: String, _ description: String) -> JSONValue {
    [
      "name": .string(name), "in": "path", "required": true, "description": .string(description),
      "schema": ["type": "string"],
    ]
  }

  private static let namespaceParameter = path("namespace", "The object's namespace.")
  private static let nameParameter = path("name", "The object's name.")
}
