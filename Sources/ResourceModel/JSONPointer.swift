public import WireFormats

/// A place in a JSON value (RFC 6901): `/spec/artifact/path`; the empty text is the whole value.
public struct JSONPointer: Sendable, Hashable, CustomStringConvertible {
  public var tokens: [String]

  public init(tokens: [String]) { self.tokens = tokens }

  /// Nil where the text is not empty and does not start with `/`, or holds a `~` that is neither `~0` nor `~1`.
  public init?(_ text: String) {
    if text.isEmpty {
      tokens = []
      return
    }
    guard text.utf8.first == UInt8(ascii: "/") else { return nil }
    var tokens: [String] = []
    for part in text.dropFirst().split(separator: "/", omittingEmptySubsequences: false) {
      guard let token = Self.unescaped(part) else { return nil }
      tokens.append(token)
    }
    self.tokens = tokens
  }

  private static func unescaped(_ part: Substring) -> String? {
    guard part.contains("~") else { return String(part) }
    var token = ""
    var characters = part.unicodeScalars.makeIterator()
    while let character = characters.next() {
      guard character == "~" else {
        token.unicodeScalars.append(character)
        continue
      }
      switch characters.next() {
      case "0": token.append("~")
      case "1": token.append("/")
      default: return nil
      }
    }
    return token
  }

  public var description: String {
    tokens.map { token in
      var text = "/"
      for scalar in token.unicodeScalars {
        switch scalar {
        case "~": text += "~0"
        case "/": text += "~1"
        default: text.unicodeScalars.append(scalar)
        }
      }
      return text
    }.joined()
  }

  /// As an error may show it: at most 120 characters.
  var shortened: String {
    let text = JSONPointer(tokens: Array(tokens.prefix(60))).description
    return text.count > 120 || tokens.count > 60 ? text.prefix(119) + "…" : text
  }

  /// The value at this place, or nil where there is none.
  public func value(in document: JSONValue) -> JSONValue? {
    var value = document
    for token in tokens {
      switch value {
      case .object(let members):
        guard let member = members[token] else { return nil }
        value = member
      case .array(let elements):
        guard let index = Self.index(token), index < elements.count else { return nil }
        value = elements[index]
      default: return nil
      }
    }
    return value
  }

  /// Digits without a leading zero, as RFC 6901 wants an array's index.
  static func index(_ token: String) -> Int? {
    guard !token.isEmpty, token.utf8.allSatisfy({ (0x30...0x39).contains($0) }), token == "0" || !token.hasPrefix("0")
    else { return nil }
    return Int(token)
  }
}
