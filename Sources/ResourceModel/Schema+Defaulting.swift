public import WireFormats

extension Schema {
  public var documentation: Documentation {
    switch self {
    case .string(_, let documentation), .integer(_, let documentation), .number(let documentation),
      .boolean(let documentation), .array(_, _, let documentation), .object(_, _, let documentation),
      .map(_, _, let documentation), .any(let documentation):
      documentation
    }
  }

  /// The value with every absent field that has a default filled in where its parent is there. A null where null is not
  /// allowed counts as absent, as Kubernetes treats it. Times that must have six digits of fraction get them.
  public func applyDefaults(to value: JSONValue) -> JSONValue {
    switch (self, value) {
    case (.object(let properties, _, _), .object(var members)):
      for (name, schema) in properties {
        if members[name] == .null, !schema.documentation.isNullable { members[name] = nil }
        if let member = members[name] ?? schema.documentation.defaultValue {
          members[name] = schema.applyDefaults(to: member)
        }
      }
      return .object(members)
    case (.map(let element, _, _), .object(let members)): return .object(members.mapValues(element.applyDefaults(to:)))
    case (.array(let element, _, _), .array(let elements)): return .array(elements.map(element.applyDefaults(to:)))
    case (.string(let rules, _), .string(let text)) where rules.hasMicroseconds:
      return .string(Timestamp(text)?.microsecondText ?? text)
    default: return value
    }
  }

  /// Whether a field anywhere in it has a default.
  public var hasDefaults: Bool {
    switch self {
    case .object(let properties, _, _):
      properties.values.contains { $0.documentation.defaultValue != nil || $0.hasDefaults }
    case .map(let element, _, _), .array(let element, _, _): element.hasDefaults
    case .string, .integer, .number, .boolean, .any: false
    }
  }
}
