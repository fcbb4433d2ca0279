public import WireFormats

/// OpenAPI v2 (Swagger 2.0), which `kubectl` up to 1.28 reads before it writes anything, and newer ones read for what the
/// documents of version 3 do not answer.
extension OpenAPIDocument {
  /// The answer to `GET /openapi/v2`: what the documents of version 3 say, in one.
  public static func swagger(of definitions: [ResourceDefinition]) -> JSONValue {
    var paths: [String: JSONValue] = [:]
    var schemas: [String: JSONValue] = [:]
    for rootPath in Set(definitions.map(\.names.rootPath)) {
      let document = document(rootPath: rootPath, definitions)
      paths.merge(document["paths"]?.object ?? [:]) { first, _ in first }
      schemas.merge(document["components"]?["schemas"]?.object ?? [:]) { first, _ in first }
    }
    return [
      "swagger": "2.0", "info": ["title": "WrkTalk Unified Deployment", "version": "v1"],
      "paths": .object(paths.mapValues(pathItem)), "definitions": .object(schemas.mapValues(schema)),
      "securityDefinitions": ["BearerToken": bearerToken], "security": [["BearerToken": []]],
    ]
  }

  private static func pathItem(_ item: JSONValue) -> JSONValue {
    .object(
      (item.object ?? [:]).reduce(into: [:]) { result, member in
        result[member.key] =
          member.key == "parameters"
          ? .array((member.value.array ?? []).map(parameter)) : operation(member.value)
      })
  }

  private static func operation(_ operation: JSONValue) -> JSONValue {
    var result = operation
    var parameters = (operation["parameters"]?.array ?? []).map(parameter)
    if let body = operation["requestBody"], let content = body["content"]?.object {
      let types = content.keys.sorted()
      parameters.append([
        "name": "body", "in": "body", "required": body["required"] ?? false,
        "schema": schema(content[types[0]]?["schema"] ?? [:]),
      ])
      result["consumes"] = .array(types.map(JSONValue.string))
    }
    result["requestBody"] = nil
    result["parameters"] = .array(parameters)
    result["produces"] = ["application/json"]
    result["responses"] = .object(
      (operation["responses"]?.object ?? [:]).mapValues { response in
        [
          "description": response["description"] ?? "",
          "schema": schema(response["content"]?["application/json"]?["schema"] ?? [:]),
        ]
      })
    return result
  }

  /// The schema's members stand beside the parameter's own.
  private static func parameter(_ parameter: JSONValue) -> JSONValue {
    var members = parameter.object ?? [:]
    members.merge(members.removeValue(forKey: "schema")?.object ?? [:]) { own, _ in own }
    return .object(members)
  }

  /// A reference has its description beside it, there is no null, and what may be anything has no type: `kubectl` takes
  /// an object without properties for a map of strings.
  private static func schema(_ schema: JSONValue) -> JSONValue {
    guard var members = schema.object else { return schema }
    if let reference = members["$ref"] ?? members["allOf"]?.array?.first?["$ref"], let text = reference.string {
      members = members.filter { $0.key == "description" }
      members["$ref"] = .string(text.replacing("#/components/schemas/", with: "#/definitions/"))
      return .object(members)
    }
    members["nullable"] = nil
    if members["x-kubernetes-preserve-unknown-fields"] == true { members["type"] = nil }
    for key in ["items", "additionalProperties"] { members[key] = members[key].map { Self.schema($0) } }
    if let properties = members["properties"]?.object {
      members["properties"] = .object(properties.mapValues { Self.schema($0) })
    }
    return .object(members)
  }
}
