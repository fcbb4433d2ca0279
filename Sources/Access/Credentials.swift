import FoundationEssentials

/// The token in a request's headers, and by which way it came.
public enum Credentials: Sendable, Hashable {
  case none
  /// `Authorization: Bearer TOKEN`.
  case bearer(String)
  /// The password of `Authorization: Basic`, which lets `kubectl` be used without TLS on one machine
  /// (`--server http://any:TOKEN@127.0.0.1:3000`): it sends bearer tokens over TLS only. Such a token stands in URLs and
  /// histories, and a browser sends it by itself.
  case password(String)
  /// A header of its own, such as `X-Agent-Secret` of the specification's Agent (`TokenHeader`).
  case header(name: String, value: String)
  /// The cookie of a session, which a browser sends by itself.
  case session(String)

  /// - Parameter header: the value of the header that may take the place of `Authorization`, and its name.
  public init(authorization: String?, header: (name: String, value: String)?) {
    self =
      authorization.map(Self.init(authorization:)) ?? header.map { .header(name: $0.name, value: $0.value) } ?? .none
  }

  private init(authorization: String) {
    self = .none
    let parts = authorization.split(separator: " ", maxSplits: 1, omittingEmptySubsequences: true)
    guard parts.count == 2 else { return }
    let value = String(parts[1].drop { $0 == " " })
    switch parts[0].lowercased() {
    case "bearer": self = .bearer(value)
    case "basic":
      guard let data = Data(base64Encoded: value), let text = String(validating: data, as: UTF8.self) else { return }
      let pair = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
      if pair.count == 2 { self = .password(String(pair[1])) }
    default: return
    }
  }

  /// Nil where there is none that could be a token.
  public var token: String? {
    switch self {
    // Sessions are no tokens: neither is good in the place of the other.
    case .none, .session: nil
    case .bearer(let token), .password(let token), .header(_, let token):
      token.isEmpty || token.utf8.count > 4096 ? nil : token
    }
  }
}

/// A header in which a token may come instead of in `Authorization`, and who may send it so.
public struct TokenHeader: Sendable, Hashable {
  public var name: String
  public var roles: [Role]

  public init(name: String, roles: [Role]) {
    self.name = name
    self.roles = roles
  }
}
