import WireFormats

/// Reads typed values out of the variables of the environment that belong to one program. They share a prefix, which is left
/// out in names here; errors name the whole variable.
public struct EnvironmentVariables: Sendable {
  public let environment: [String: String]
  /// Such as `WRKTALK_AGENT_`.
  public let prefix: String

  public init(_ environment: [String: String], prefix: String) {
    self.environment = environment
    self.prefix = prefix
  }

  /// The value, without surrounding white space; nil where the variable is not set or empty, as one is that a template
  /// left unset.
  public subscript(name: String) -> String? { unprefixed(prefix + name) }

  /// The value of a variable that other programs read too, by its whole name.
  public func unprefixed(_ name: String) -> String? { Self.trimmed(environment[name]) }

  /// The value of the variable with the prefix, or else of the one without, which other programs read too.
  public func shared(_ name: String) -> String? { self[name] ?? unprefixed(name) }

  /// Variables with the prefix that are none of `known`, sorted: most likely misspelt.
  public func unknownNames(besides known: Set<String>) -> [String] {
    environment.keys.filter { $0.hasPrefix(prefix) && !known.contains(String($0.dropFirst(prefix.count))) }.sorted()
  }

  public func url(_ name: String, default standard: String) throws(ConfigurationError) -> String {
    let text = self[name] ?? standard
    guard let scheme = ["http://", "https://"].first(where: text.lowercased().hasPrefix), text.count > scheme.count,
      !text.contains(where: { $0.isWhitespace || $0 == "@" })
    else { throw wrong(name, "must be an http or https URL without a user and password") }
    return text
  }

  /// Whole seconds as the specification has it (`30`), or a span of time (`30s`, `5m`).
  public func duration(
    _ name: String, default standard: Duration, in range: ClosedRange<Duration>
  ) throws(ConfigurationError) -> Duration {
    guard let text = self[name] else { return standard }
    let value =
      Int64(text).flatMap { $0 >= 0 && $0 <= 1_000_000 ? Duration.seconds($0) : nil } ?? DurationText(text)?.duration
    guard let value, range.contains(value) else {
      throw wrong(
        name,
        "\"\(text)\" must be a number of seconds or a span of time such as 30s, from \(DurationText(range.lowerBound)) "
          + "to \(DurationText(range.upperBound))")
    }
    return value
  }

  /// One of the raw values of `Choice`, in upper or lower case.
  public func choice<Choice: RawRepresentable & CaseIterable>(
    _ name: String, default standard: Choice
  ) throws(ConfigurationError) -> Choice where Choice.RawValue == String {
    guard let text = self[name] else { return standard }
    guard let choice = Choice(rawValue: text.lowercased()) else {
      throw wrong(name, text, isNoneOf: Choice.allCases.map(\.rawValue))
    }
    return choice
  }

  /// `true` or `false`, also written `1`, `yes`, `0` and `no`; false where it is not set.
  public func flag(_ name: String) throws(ConfigurationError) -> Bool {
    guard let text = self[name] else { return false }
    switch text.lowercased() {
    case "1", "true", "yes": return true
    case "0", "false", "no": return false
    default: throw wrong(name, "\"\(text.prefix(40))\" must be true or false")
    }
  }

  public func integer(
    _ name: String, default standard: Int, in range: ClosedRange<Int>
  ) throws(ConfigurationError) -> Int {
    guard let text = self[name] else { return standard }
    guard let number = Int(text), range.contains(number) else {
      throw wrong(name, "\"\(text)\" must be a whole number from \(range.lowerBound) to \(range.upperBound)")
    }
    return number
  }

  /// A path from the root, though not the root, without `..` and without slashes at its end.
  public func absolutePath(_ name: String, default standard: String) throws(ConfigurationError) -> String {
    var path = self[name] ?? standard
    while path.count > 1, path.hasSuffix("/") { path.removeLast() }
    guard path.hasPrefix("/"), path != "/", !path.split(separator: "/").contains("..") else {
      throw wrong(name, "must be an absolute path, and not the root")
    }
    return path
  }

  public func wrong(_ name: String, _ message: String) -> ConfigurationError {
    ConfigurationError(message, setting: prefix + name)
  }

  public func wrong(_ name: String, _ text: String, isNoneOf choices: [String]) -> ConfigurationError {
    wrong(name, "must be one of \(choices.joined(separator: ", ")), not \"\(text.prefix(40))\"")
  }

  /// Without surrounding white space; nil where nothing is left.
  public static func trimmed(_ text: String?) -> String? {
    guard var rest = text.map({ Substring($0) }) else { return nil }
    while rest.first?.isWhitespace == true { rest.removeFirst() }
    while rest.last?.isWhitespace == true { rest.removeLast() }
    return rest.isEmpty ? nil : String(rest)
  }
}
