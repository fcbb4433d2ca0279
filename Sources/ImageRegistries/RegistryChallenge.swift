/// What a registry demands that answered 401 (RFC 9110 §11.6.1).
enum RegistryChallenge: Hashable {
  case basic
  /// A token of the service at `realm`.
  case bearer(realm: String, service: String?, scope: String?)

  /// Nil for a scheme that is not known here.
  init?(_ header: String) {
    let words = header.split(separator: " ", maxSplits: 1)
    switch words.first?.lowercased() {
    case "basic": self = .basic
    case "bearer":
      let parameters = Self.parameters(words.count > 1 ? words[1] : "")
      guard let realm = parameters["realm"] else { return nil }
      self = .bearer(realm: realm, service: parameters["service"], scope: parameters["scope"])
    default: return nil
    }
  }

  /// `name="value", …`; a value may hold commas.
  private static func parameters(_ text: Substring) -> [String: String] {
    var found: [String: String] = [:]
    var rest = text
    while let equals = rest.firstIndex(of: "=") {
      let name = rest[..<equals].filter { $0 != " " && $0 != "," }.lowercased()
      rest = rest[rest.index(after: equals)...]
      if rest.first == "\"" {
        rest = rest.dropFirst()
        found[name] = String(rest.prefix { $0 != "\"" })
        rest = rest.drop { $0 != "\"" }.dropFirst()
      } else {
        found[name] = String(rest.prefix { $0 != "," })
        rest = rest.drop { $0 != "," }
      }
    }
    return found
  }
}
