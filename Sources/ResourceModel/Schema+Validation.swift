public import WireFormats

extension Schema {
  /// Most errors that one validation reports.
  public static let maximumErrorCount = 50

  /// What is wrong with `value`, which lies at `path`; at most `maximumErrorCount` errors, in the order of their fields.
  /// Unknown fields are no errors here: see `unknownFields(in:at:)`.
  public func validate(_ value: JSONValue, at path: String = "") -> [FieldError] {
    var errors: [FieldError] = []
    collectErrors(value, path, &errors)
    return errors
  }

  private func collectErrors(_ value: JSONValue, _ path: String, _ errors: inout [FieldError]) {
    if errors.count >= Self.maximumErrorCount { return }
    if value == .null, documentation.isNullable { return }
    switch (self, value) {
    case (.any, _), (.boolean, .bool), (.number, .integer), (.number, .number): break
    case (.string(let rules, _), .string(let text)):
      if let error = rules.error(in: text, at: path) { errors.append(error) }
    case (.integer(let range, _), .integer(let number)):
      if let range, !range.contains(number) { errors.append(.invalid(path, String(number), Self.text(of: range))) }
    case (.array(let element, let maximum, _), .array(let elements)):
      guard Self.fits(elements.count, maximum, path, &errors) else { return }
      for (index, value) in elements.enumerated() {
        element.collectErrors(value, FieldPath.index(index, of: path), &errors)
      }
      if let key = documentation.listKey { errors += Self.duplicates(of: key, in: elements, path) }
    case (.map(let element, let maximum, _), .object(let members)):
      guard Self.fits(members.count, maximum, path, &errors) else { return }
      for (key, value) in members.sorted(by: { $0.key < $1.key }) {
        element.collectErrors(value, FieldPath.key(key, of: path), &errors)
      }
    case (.object(let properties, let required, _), .object(let members)):
      for name in required where members[name] == nil {
        errors.append(.required(FieldPath.property(name, of: path)))
      }
      for name in members.keys.sorted() {
        guard let schema = properties[name], let member = members[name] else { continue }
        schema.collectErrors(member, FieldPath.property(name, of: path), &errors)
      }
    default: errors.append(.typeInvalid(path, expected: typeName, actual: value.typeName))
    }
    if errors.count > Self.maximumErrorCount { errors.removeLast(errors.count - Self.maximumErrorCount) }
  }

  private static func duplicates(of key: String, in elements: [JSONValue], _ path: String) -> [FieldError] {
    var seen: Set<String> = []
    return elements.enumerated().compactMap { index, element in
      guard let text = element[key]?.string, !seen.insert(text).inserted else { return nil }
      return .duplicate(FieldPath.property(key, of: FieldPath.index(index, of: path)), text)
    }
  }

  private static func fits(_ count: Int, _ maximum: Int?, _ path: String, _ errors: inout [FieldError]) -> Bool {
    guard let maximum, count > maximum else { return true }
    errors.append(.tooMany(path, count: count, maximum: maximum))
    return false
  }

  private static func text(of range: ClosedRange<Int64>) -> String {
    range.upperBound == .max
      ? "must be greater than or equal to \(range.lowerBound)"
      : "must be between \(range.lowerBound) and \(range.upperBound)"
  }

  /// The JSON type, as OpenAPI names it.
  var typeName: String {
    switch self {
    case .string: "string"
    case .integer: "integer"
    case .number: "number"
    case .boolean: "boolean"
    case .array: "array"
    case .object, .map, .any: "object"
    }
  }
}

extension Schema.StringRules {
  /// A text without a rule about its form is never shown: it may be a setting's value.
  fileprivate func error(in text: String, at path: String) -> FieldError? {
    if !enumeration.isEmpty, !enumeration.contains(text) {
      return .notSupported(path, text, supported: enumeration)
    }
    if let maximumLength, text.unicodeScalars.count > maximumLength {
      return FieldError(
        field: path, reason: .tooLong, message: "Too long: may not be more than \(maximumLength) characters")
    }
    if let minimumLength, text.unicodeScalars.count < minimumLength {
      if text.isEmpty { return .required(path, "must not be empty") }
      return .invalid(path, nil, "must have at least \(minimumLength) characters")
    }
    if format == "date-time", Timestamp(text) == nil {
      return .invalid(path, text, "must be an RFC 3339 time such as \"2026-12-15T02:00:00Z\"")
    }
    if let pattern {
      guard let expression = RegularExpression.cached(pattern) else {
        return .invalid(path, nil, "cannot be checked: the schema's pattern '\(pattern)' is not understood")
      }
      if !expression.matches(text) { return .invalid(path, text, "must \(patternMeaning ?? "match '\(pattern)'")") }
    }
    return nil
  }
}
