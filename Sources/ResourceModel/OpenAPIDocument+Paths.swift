import WireFormats

/// The paths of a kind, and what can be done at each.
extension OpenAPIDocument {
  static func paths(of definition: ResourceDefinition) -> [String: JSONValue] {
    let names = definition.names
    let all = "\(names.rootPath)/\(names.plural)"
    let operations = Operations(definition: definition)
    let collection = definition.isNamespaced ? "\(names.rootPath)/namespaces/{namespace}/\(names.plural)" : all
    let shared = definition.isNamespaced ? [namespaceParameter] : []
    var paths: [String: JSONValue] = [:]
    if definition.isNamespaced { paths[all] = ["get": operations.list(ofAllNamespaces: true)] }
    paths[collection] = [
      "parameters": .array(shared), "get": operations.list(ofAllNamespaces: false), "post": operations.create,
    ]
    if definition.isNamespaced { paths[collection]?["delete"] = operations.deleteCollection }
    let one: JSONValue = [
      "parameters": .array(shared + [nameParameter]), "get": operations.get(""), "put": operations.put(""),
      "patch": operations.patch(""), "delete": operations.delete,
    ]
    paths["\(collection)/{name}"] = one
    if definition.hasStatus {
      paths["\(collection)/{name}/status"] = [
        "parameters": .array(shared + [nameParameter]), "get": operations.get("Status"),
        "put": operations.put("Status"), "patch": operations.patch("Status"),
      ]
    }
    return paths
  }

  private struct Operations {
    let definition: ResourceDefinition

    private var component: String { componentName(definition.names) }

    func list(ofAllNamespaces: Bool) -> JSONValue {
      operation(
        "list", id: ofAllNamespaces ? "ForAllNamespaces" : "", listParameters, answers: ["200": component + "List"])
    }

    var create: JSONValue {
      operation("post", writeParameters, body: .object, answers: ["201": component])
    }

    var deleteCollection: JSONValue {
      operation(
        "deletecollection", collectionParameters + deleteParameters, body: .deleteOptions, answers: ["200": statusName])
    }

    func get(_ subresource: String) -> JSONValue {
      operation("get", id: subresource, [prettyParameter], answers: ["200": component])
    }

    func put(_ subresource: String) -> JSONValue {
      var answers = ["200": component]
      if definition.isCreatedByUpdate { answers["201"] = component }
      return operation("put", id: subresource, writeParameters, body: .object, answers: answers)
    }

    func patch(_ subresource: String) -> JSONValue {
      var answers = ["200": component]
      // Apply makes the object that is not there, but no status of one.
      if subresource.isEmpty { answers["201"] = component }
      return operation("patch", id: subresource, writeParameters + [forceParameter], body: .patch, answers: answers)
    }

    /// A `Status`, or the object where finalizers hold it.
    var delete: JSONValue {
      operation("delete", deleteParameters, body: .deleteOptions, answers: ["200": nil])
    }

    private enum Body { case none, object, patch, deleteOptions }

    private static let verbs = [
      "post": "create", "put": "replace", "get": "read", "deletecollection": "deleteCollection",
    ]

    /// - Parameters:
    ///   - id: what the operation's name ends with.
    ///   - answers: the component of each status; nil for any object.
    private func operation(
      _ action: String, id: String = "", _ parameters: [JSONValue], body: Body = .none, answers: [String: String?]
    ) -> JSONValue {
      let names = definition.names
      var responses: [String: JSONValue] = [
        "401": Self.response("Unauthorized", nil), "default": Self.response("A failure", statusName),
      ]
      for (status, component) in answers {
        responses[status] = Self.response(status == "201" ? "Created" : "OK", component ?? nil)
      }
      var operation: JSONValue = [
        "operationId": .string("\(Self.verbs[action] ?? action)\(operationSuffix)\(id)"),
        "x-kubernetes-action": .string(action), "x-kubernetes-group-version-kind": groupVersionKind(names),
        "parameters": .array(parameters), "responses": .object(responses),
      ]
      operation["requestBody"] = requestBody(body)
      return operation
    }

    /// `DeployWrktalkComV1NamespacedDesiredDeployment`
    private var operationSuffix: String {
      let names = definition.names
      let group = names.group.isEmpty ? "core" : names.group.replacing(".k8s.io", with: "")
      let words = group.split(separator: ".").map(String.init) + [names.version]
      return (words + (definition.isNamespaced ? ["namespaced"] : [])).map {
        $0.prefix(1).uppercased() + $0.dropFirst()
      }.joined() + names.kind
    }

    private static func response(_ description: String, _ component: String?) -> JSONValue {
      let schema = component.map(reference) ?? ["type": "object"]
      return ["description": .string(description), "content": ["application/json": ["schema": schema]]]
    }

    private func requestBody(_ body: Body) -> JSONValue? {
      switch body {
      case .none: nil
      case .object: ["required": true, "content": ["application/json": ["schema": reference(component)]]]
      case .deleteOptions: ["content": ["application/json": ["schema": reference(deleteOptionsName)]]]
      case .patch:
        [
          "required": true,
          "content": .object(
            Dictionary(
              uniqueKeysWithValues: patchTypes(of: definition).map { type in
                (type, ["schema": ["type": type == "application/json-patch+json" ? "array" : "object"]])
              })),
        ]
      }
    }
  }

  private static func patchTypes(of definition: ResourceDefinition) -> [String] {
    ["application/apply-patch+yaml", "application/json-patch+json", "application/merge-patch+json"]
      + (definition.names.isKubernetesOwn ? ["application/strategic-merge-patch+json"] : [])
  }

  // MARK: Parameters

  private static func query(
    _ name: String, _ type: String, _ description: String, values: [String] = [], maximumLength: Int64? = nil
  ) -> JSONValue {
    var schema: JSONValue = ["type": .string(type)]
    if !values.isEmpty { schema["enum"] = .array(values.map(JSONValue.string)) }
    if type == "integer" { schema["minimum"] = 0 }
    schema["maxLength"] = maximumLength.map(JSONValue.integer)
    return ["name": .string(name), "in": "query", "description": .string(description), "schema": schema]
  }

  private static let prettyParameter = query("pretty", "boolean", "Indent the answer.")

  private static let dryRunParameter = query(
    "dryRun", "string", "All: check the request and answer it, but keep nothing.", values: ["All"])

  private static let writeParameters = [
    dryRunParameter, prettyParameter,
    query(
      "fieldManager", "string",
      "Who makes the change, for metadata.managedFields. Required for apply; otherwise by default the first word of User-Agent.",
      maximumLength: 128),
    query(
      "fieldValidation", "string",
      "What becomes of unknown fields: Strict refuses them, Warn drops them with a warning, Ignore drops them.",
      values: ["Strict", "Warn", "Ignore"]),
  ]

  private static let forceParameter = query(
    "force", "boolean", "For apply only: take fields that other managers set to other values away from them.")

  private static let deleteParameters = [
    dryRunParameter, prettyParameter,
    query("gracePeriodSeconds", "integer", "Accepted for compatibility."),
    query("orphanDependents", "boolean", "Accepted for compatibility."),
    query(
      "propagationPolicy", "string", "Accepted for compatibility; objects here own no others.",
      values: PropagationPolicy.allCases.map(\.rawValue)),
  ]

  /// Which objects of a collection.
  private static let collectionParameters = [
    query("labelSelector", "string", "Which labels the objects must have."),
    query("fieldSelector", "string", "Which values the objects' fields must have."),
    query("limit", "integer", "Most objects of one request; the rest comes with continue."),
    query("continue", "string", "The mark of the next page, from the answer before."),
    query("resourceVersion", "string", "The state that a list shows at least, or from which a watch goes on."),
    query(
      "resourceVersionMatch", "string", "How resourceVersion is meant in a list.", values: ["Exact", "NotOlderThan"]),
    query("timeoutSeconds", "integer", "How long a watch lasts."),
  ]

  private static let listParameters =
    collectionParameters + [
      prettyParameter, query("watch", "boolean", "Go on with changes instead of a list."),
      query("allowWatchBookmarks", "boolean", "Let the server say how far a watch is."),
      query("sendInitialEvents", "boolean", "Begin a watch with what is there."),
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
