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
    var schemas: [String: JSONValue] = [
      objectMetaName: objectMeta, listMetaName: listMeta, statusName: status, deleteOptionsName: deleteOptions,
    ]
    for definition in definitions where definition.names.rootPath == rootPath {
      paths.merge(Self.paths(of: definition)) { first, _ in first }
      schemas[componentName(definition.names)] = schema(of: definition)
      schemas[componentName(definition.names) + "List"] = listSchema(of: definition)
    }
    return [
      "openapi": "3.0.0", "info": ["title": "WrkTalk Unified Deployment", "version": "v1"], "paths": .object(paths),
      "components": ["schemas": .object(schemas), "securitySchemes": ["BearerToken": bearerToken]],
      "security": [["BearerToken": []]],
    ]
  }

  /// Kubernetes' way to describe a bearer token, the same in both versions of OpenAPI.
  static let bearerToken: JSONValue = [
    "type": "apiKey", "name": "authorization", "in": "header", "description": "Bearer TOKEN",
  ]

  /// `com.wrktalk.deploy.v1.DesiredDeployment`; `io.k8s.api.core.v1.Event` for Kubernetes' own groups.
  static func componentName(_ names: ResourceNames) -> String {
    if names.group.isEmpty { return "io.k8s.api.core.\(names.version).\(names.kind)" }
    let labels = names.group.split(separator: ".")
    if names.group.hasSuffix(".k8s.io") { return "io.k8s.api.\(labels[0]).\(names.version).\(names.kind)" }
    return "\(labels.reversed().joined(separator: ".")).\(names.version).\(names.kind)"
  }

  private static let objectMetaName = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
  private static let listMetaName = "io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta"
  static let statusName = "io.k8s.apimachinery.pkg.apis.meta.v1.Status"
  static let deleteOptionsName = "io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions"

  /// With what `kubectl` needs to know to compute strategic merge patches.
  private static let objectMeta: JSONValue = {
    var json = ObjectMeta.schema.openAPI
    json["properties"]?["finalizers"]?["x-kubernetes-patch-strategy"] = "merge"
    json["properties"]?["ownerReferences"]?["x-kubernetes-patch-strategy"] = "merge"
    json["properties"]?["ownerReferences"]?["x-kubernetes-patch-merge-key"] = "uid"
    return json
  }()

  private static let status = Schema.object(
    properties: [
      "apiVersion": .string(Schema.Documentation("v1.")), "kind": .string(Schema.Documentation("Status.")),
      "metadata": .any(Schema.Documentation("Empty.")),
      "status": .string(
        Schema.StringRules(enumeration: ["Success", "Failure"]), Schema.Documentation("Success or Failure.")),
      "message": .string(Schema.Documentation("What is wrong, for people.")),
      "reason": .string(Schema.Documentation("What is wrong, for programs.")),
      "code": .integer(Schema.Documentation("The HTTP status.")),
      "details": .any(Schema.Documentation("The object and the fields at fault, and when to try again.")),
    ], Schema.Documentation("How a request ended.")
  ).openAPI

  private static let deleteOptions = Schema.object(
    properties: [
      "apiVersion": .string(Schema.Documentation("v1, or the version of the object.")),
      "kind": .string(Schema.Documentation("DeleteOptions.")),
      "dryRun": .array(of: .string(), Schema.Documentation("All: check the request and answer it, but keep nothing.")),
      "gracePeriodSeconds": .integer(Schema.Documentation("Accepted for compatibility.")),
      "orphanDependents": .boolean(Schema.Documentation("Accepted for compatibility.")),
      "propagationPolicy": .string(
        Schema.StringRules(enumeration: PropagationPolicy.allCases.map(\.rawValue)),
        Schema.Documentation("Accepted for compatibility; objects here own no others.")),
      "preconditions": .object(
        properties: [
          "uid": .string(Schema.Documentation("The uid that the object must have.")),
          "resourceVersion": .string(Schema.Documentation("The resourceVersion that the object must have.")),
        ], Schema.Documentation("What must be so of the object, or else it is not deleted.")),
    ], Schema.Documentation("Options of a deletion.")
  ).openAPI

  private static let listMeta = Schema.object(
    properties: [
      "resourceVersion": .string(Schema.Documentation("The state the list shows; a watch goes on from here.")),
      "continue": .string(Schema.Documentation("Sent back, it gives the next page; empty on the last.")),
      "remainingItemCount": .integer(Schema.Documentation("How many items follow this page.")),
    ], Schema.Documentation("Metadata of a list.")
  ).openAPI

  static func groupVersionKind(_ names: ResourceNames, suffix: String = "") -> JSONValue {
    ["group": .string(names.group), "version": .string(names.version), "kind": .string(names.kind + suffix)]
  }

  static func reference(_ component: String) -> JSONValue {
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
