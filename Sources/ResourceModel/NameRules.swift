/// What names, labels and finalizers may look like (Kubernetes `apimachinery/pkg/util/validation`). Each function gives
/// the sentences that say what is wrong; none where the text is right.
public enum NameRules {
  /// Object names: `[a-z0-9]([-a-z0-9]*[a-z0-9])?` joined by dots, at most 253 bytes.
  public static func subdomainProblems(_ text: String) -> [String] {
    problems(
      text, maximumBytes: 253,
      isValid: text.utf8.split(separator: dot, omittingEmptySubsequences: false).allSatisfy(isLabel),
      """
      a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and \
      end with an alphanumeric character (e.g. 'example.com')
      """)
  }

  /// Namespaces: `[a-z0-9]([-a-z0-9]*[a-z0-9])?`, at most 63 bytes.
  public static func labelProblems(_ text: String) -> [String] {
    problems(
      text, maximumBytes: 63, isValid: isLabel(text.utf8[...]),
      """
      a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with \
      an alphanumeric character (e.g. 'my-name', or '123-abc')
      """)
  }

  /// Keys of labels and annotations, and finalizers: a name, after an optional DNS prefix and `/`.
  public static func qualifiedNameProblems(_ text: String) -> [String] {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    guard let name = parts.last, parts.count <= 2 else {
      return ["a qualified name must have at most one '/' (e.g. 'example.com/MyName')"]
    }
    var found: [String] = []
    if parts.count == 2 { found += subdomainProblems(String(parts[0])).map { "prefix part \($0)" } }
    found += problems(
      String(name), maximumBytes: 63, isValid: isQualifiedName(name.utf8),
      """
      name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric \
      character (e.g. 'MyName', or 'my.name', or '123-abc')
      """)
    return found
  }

  /// Values of labels: empty, or a name of at most 63 bytes.
  public static func labelValueProblems(_ text: String) -> [String] {
    if text.isEmpty { return [] }
    return problems(
      text, maximumBytes: 63, isValid: isQualifiedName(text.utf8[...]),
      """
      a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and \
      end with an alphanumeric character (e.g. 'MyValue', or 'my_value', or '12345')
      """)
  }

  private static let dot = UInt8(ascii: ".")
  private static let dash = UInt8(ascii: "-")

  private static func problems(_ text: String, maximumBytes: Int, isValid: Bool, _ rule: String) -> [String] {
    if text.isEmpty { return ["must not be empty"] }
    if text.utf8.count > maximumBytes { return ["must be no more than \(maximumBytes) bytes"] }
    return isValid ? [] : [rule]
  }

  private static func isLabel(_ bytes: Substring.UTF8View) -> Bool {
    guard let first = bytes.first, let last = bytes.last else { return false }
    return first != dash && last != dash && bytes.allSatisfy { isLowerAlphanumeric($0) || $0 == dash }
  }

  private static func isQualifiedName(_ bytes: Substring.UTF8View) -> Bool {
    guard let first = bytes.first, let last = bytes.last, isAlphanumeric(first), isAlphanumeric(last) else {
      return false
    }
    return bytes.allSatisfy { isAlphanumeric($0) || $0 == dash || $0 == dot || $0 == UInt8(ascii: "_") }
  }

  private static func isLowerAlphanumeric(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
  }

  private static func isAlphanumeric(_ byte: UInt8) -> Bool {
    isLowerAlphanumeric(byte) || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
  }
}
