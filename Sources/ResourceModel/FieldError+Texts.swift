public import WireFormats

/// Errors in the words Kubernetes uses, so that people recognise them.
extension FieldError {
  public static func required(_ field: String, _ detail: String = "") -> FieldError {
    FieldError(
      field: field, reason: .required, message: detail.isEmpty ? "Required value" : "Required value: \(detail)")
  }

  /// - Parameter value: shown, shortened, in the message; nil where it might be secret.
  public static func invalid(_ field: String, _ value: String?, _ detail: String) -> FieldError {
    let shown = value.map { " \(quoted($0)):" } ?? ""
    return FieldError(field: field, reason: .invalid, message: "Invalid value:\(shown) \(detail)")
  }

  public static func notSupported(_ field: String, _ value: String, supported: [String]) -> FieldError {
    let values = supported.map { "\"\($0)\"" }.joined(separator: ", ")
    let suggestion = Suggestion.nearest(to: value, among: supported).map { "; did you mean \"\($0)\"?" } ?? ""
    return FieldError(
      field: field, reason: .notSupported,
      message: "Unsupported value: \(quoted(value)): supported values: \(values)\(suggestion)")
  }

  public static func duplicate(_ field: String, _ value: String) -> FieldError {
    FieldError(field: field, reason: .duplicate, message: "Duplicate value: \(quoted(value))")
  }

  public static func forbidden(_ field: String, _ detail: String) -> FieldError {
    FieldError(field: field, reason: .forbidden, message: "Forbidden: \(detail)")
  }

  public static func typeInvalid(_ field: String, expected: String, actual: String) -> FieldError {
    FieldError(
      field: field, reason: .typeInvalid,
      message:
        "Invalid value: must be \(article(expected)) \(expected), not \(actual == "null" ? "null" : "\(article(actual)) \(actual)")"
    )
  }

  public static func tooLong(_ field: String, maximumBytes: Int) -> FieldError {
    FieldError(field: field, reason: .tooLong, message: "Too long: may not be more than \(maximumBytes) bytes")
  }

  public static func tooMany(_ field: String, count: Int, maximum: Int) -> FieldError {
    FieldError(field: field, reason: .tooMany, message: "Too many: \(count): must have at most \(maximum) items")
  }

  /// Names the field by the first steps of its path: what is too deep has a path too long to read.
  public init(_ excess: JSONExcess) {
    let path = excess.path.prefix(6).reduce("") { path, step in
      switch step {
      case .key(let key): FieldPath.property(String(key.prefix(64)), of: path)
      case .index(let index): FieldPath.index(index, of: path)
      }
    }
    self = .invalid(excess.path.count > 6 ? path + "…" : path, nil, "\(excess)")
  }

  private static func article(_ noun: String) -> String {
    noun.first.map { "aeiou".contains($0) } == true ? "an" : "a"
  }

  private static func quoted(_ value: String) -> String {
    value.count > 80 ? "\"\(value.prefix(77))...\"" : "\"\(value)\""
  }
}
