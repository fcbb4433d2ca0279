public import WireFormats

extension Schema {
  /// The fields of `value` that the schema does not know, at most `maximumErrorCount`, in the order of their names. A
  /// server treats them as `fieldValidation` asks: `Strict` refuses, `Warn` warns and drops, `Ignore` drops.
  public func unknownFields(in value: JSONValue, at path: String = "") -> [FieldError] {
    var errors: [FieldError] = []
    collectUnknown(in: value, path, &errors)
    return errors
  }

  private func collectUnknown(in value: JSONValue, _ path: String, _ errors: inout [FieldError]) {
    switch (self, value) {
    case (.object(let properties, _, _), .object(let members)):
      for name in members.keys.sorted() where errors.count < Self.maximumErrorCount {
        let field = FieldPath.property(name, of: path)
        if let schema = properties[name], let member = members[name] {
          schema.collectUnknown(in: member, field, &errors)
        } else {
          errors.append(Self.unknown(field, name, among: properties.keys.filter { members[$0] == nil }))
        }
      }
    case (.map(let element, _, _), .object(let members)):
      for (key, member) in members.sorted(by: { $0.key < $1.key }) where errors.count < Self.maximumErrorCount {
        element.collectUnknown(in: member, FieldPath.key(key, of: path), &errors)
      }
    case (.array(let element, _, _), .array(let elements)):
      for (index, member) in elements.enumerated() where errors.count < Self.maximumErrorCount {
        element.collectUnknown(in: member, FieldPath.index(index, of: path), &errors)
      }
    default: break
    }
  }

  private static func unknown(_ field: String, _ name: String, among names: [String]) -> FieldError {
    let suggestion = Suggestion.nearest(to: name, among: names).map { "; did you mean \"\($0)\"?" } ?? ""
    return FieldError(field: field, reason: .unknown, message: "unknown field \"\(field)\"\(suggestion)")
  }

  /// The value without the fields that the schema does not know.
  public func pruned(_ value: JSONValue) -> JSONValue {
    switch (self, value) {
    case (.object(let properties, _, _), .object(let members)):
      var kept: [String: JSONValue] = [:]
      for (name, member) in members {
        if let schema = properties[name] { kept[name] = schema.pruned(member) }
      }
      return .object(kept)
    case (.map(let element, _, _), .object(let members)): return .object(members.mapValues(element.pruned(_:)))
    case (.array(let element, _, _), .array(let elements)): return .array(elements.map(element.pruned(_:)))
    default: return value
    }
  }
}
