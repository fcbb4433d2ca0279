/// A media type with its parameters, `application/json;as=Table;v=v1`, and every header of that form, such as
/// `Content-Disposition`.
public struct HTTPMediaType: Sendable, Hashable {
  /// Lower case.
  public var type: String
  /// By names in lower case. Where a name repeats, the last value counts.
  public var parameters: [String: String] = [:]

  public init(_ text: some StringProtocol) {
    let parts = Self.split(text)
    type = Self.trimmed(parts.first ?? "").lowercased()
    for parameter in parts.dropFirst() {
      let pair = parameter.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard pair.count == 2 else { continue }
      parameters[Self.trimmed(String(pair[0])).lowercased()] = Self.value(Self.trimmed(String(pair[1])))
    }
  }

  /// At the semicolons that stand in no quotes.
  private static func split(_ text: some StringProtocol) -> [String] {
    var parts = [""]
    var (isQuoted, isEscaped) = (false, false)
    for character in text {
      switch character {
      case "\"" where !isEscaped: isQuoted.toggle()
      case ";" where !isQuoted:
        parts.append("")
        continue
      default: break
      }
      isEscaped = isQuoted && character == "\\" && !isEscaped
      parts[parts.count - 1].append(character)
    }
    return parts
  }

  /// A token as it is, a quoted string without its quotes and escapes (RFC 9110 §5.6.4).
  private static func value(_ text: String) -> String {
    guard text.hasPrefix("\""), text.count > 1, text.hasSuffix("\"") else { return text.filter { $0 != "\"" } }
    var value = ""
    var isEscaped = false
    for character in text.dropFirst().dropLast() {
      if character == "\\", !isEscaped {
        isEscaped = true
      } else {
        value.append(character)
        isEscaped = false
      }
    }
    return value
  }

  private static func trimmed(_ text: String) -> String {
    var characters = Substring(text)
    while let first = characters.first, first == " " || first == "\t" { characters.removeFirst() }
    while let last = characters.last, last == " " || last == "\t" { characters.removeLast() }
    return String(characters)
  }
}
