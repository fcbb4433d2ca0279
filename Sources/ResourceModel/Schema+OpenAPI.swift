public import WireFormats

extension Schema {
  /// The schema in OpenAPI v3, as `/openapi/v3` and the structural schema of a CRD hold it.
  public var openAPI: JSONValue {
    var json: [String: JSONValue] = [:]
    if !documentation.description.isEmpty { json["description"] = .string(documentation.description) }
    if let value = documentation.defaultValue { json["default"] = value }
    if documentation.isNullable { json["nullable"] = true }
    json["type"] = .string(typeName)
    switch self {
    case .string(let rules, _):
      if !rules.enumeration.isEmpty { json["enum"] = .array(rules.enumeration.map(JSONValue.string)) }
      json["pattern"] = rules.pattern.map(JSONValue.string)
      json["format"] = rules.format.map(JSONValue.string)
      json["minLength"] = rules.minimumLength.map { .integer(Int64($0)) }
      json["maxLength"] = rules.maximumLength.map { .integer(Int64($0)) }
    case .integer(let range, _):
      json["format"] = "int64"
      if let range {
        if range.lowerBound != .min { json["minimum"] = .integer(range.lowerBound) }
        if range.upperBound != .max { json["maximum"] = .integer(range.upperBound) }
      }
    case .number: json["format"] = "double"
    case .boolean: break
    case .array(let element, let maximum, _):
      json["items"] = element.openAPI
      json["maxItems"] = maximum.map { .integer(Int64($0)) }
      if let key = documentation.listKey {
        json["x-kubernetes-list-type"] = "map"
        json["x-kubernetes-list-map-keys"] = [.string(key)]
      } else if documentation.isSet {
        json["x-kubernetes-list-type"] = "set"
      }
    case .object(let properties, let required, _):
      if !properties.isEmpty { json["properties"] = .object(properties.mapValues(\.openAPI)) }
      if !required.isEmpty { json["required"] = .array(required.sorted().map(JSONValue.string)) }
    case .map(let element, let maximum, _):
      json["additionalProperties"] = element.openAPI
      json["maxProperties"] = maximum.map { .integer(Int64($0)) }
    case .any: json["x-kubernetes-preserve-unknown-fields"] = true
    }
    if documentation.isAtomic { json["x-kubernetes-map-type"] = "atomic" }
    return .object(json)
  }
}
