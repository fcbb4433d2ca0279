/// Forms of text that fields of several kinds share.
extension Schema.StringRules {
  public static let sha256 = Schema.StringRules(
    pattern: "^[0-9a-f]{64}$", patternMeaning: "be a SHA-256 digest: 64 lower-case hexadecimal digits")

  public static let environmentKey = Schema.StringRules(
    pattern: "^[A-Za-z_][A-Za-z0-9_]*$",
    patternMeaning: "be the name of an environment variable: letters, digits and '_', not starting with a digit",
    minimumLength: 1, maximumLength: 256)

  /// A DNS subdomain, as most objects' names are.
  public static let objectName = Schema.StringRules(
    pattern: #"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"#,
    patternMeaning:
      "be an object's name: lower-case letters, digits, '-' and '.', starting and ending with one of the former",
    minimumLength: 1, maximumLength: 253)

  /// Six digits a unit keep every span that matches within what `DurationText` can hold.
  public static let duration = Schema.StringRules(
    pattern: "^(0|([0-9]{1,6}h)?([0-9]{1,6}m)?([0-9]{1,6}s)?([0-9]{1,6}ms)?)$",
    patternMeaning: "be a span of time such as \"30s\", \"10m\" or \"1h30m\"", minimumLength: 1, maximumLength: 32)

  public static func oneOf<Value: CaseIterable & RawRepresentable<String>>(_ type: Value.Type) -> Schema.StringRules {
    Schema.StringRules(enumeration: type.allCases.map(\.rawValue))
  }
}

extension Schema {
  /// Far more than is ever counted, and far from where arithmetic overflows.
  public static let largestCount = Int64(Int32.max)

  public static func count(_ description: String) -> Schema {
    .integer(range: 0...largestCount, Documentation(description))
  }
}
