import FoundationEssentials

/// The token in a request's headers, and by which way it came.
enum Credentials: Hashable {
  case none
  /// `Authorization: Bearer TOKEN`.
  case bearer(String)
  /// The password of `Authorization: Basic`, which lets `kubectl` be used without TLS on one machine
  /// (`--server http://any:TOKEN@127.0.0.1:3000`): it sends bearer tokens over TLS only. Such a token stands in URLs and
  /// histories, and a browser sends it by itself.
  case password(String)
  /// The header `X-Agent-Secret` of the specification's Agent.
  case agentSecret(String)

  init(authorization: String?, agentSecret: String?) {
    self = authorization.map(Self.init(authorization:)) ?? agentSecret.map(Self.agentSecret) ?? .none
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
  var token: String? {
    switch self {
    case .none: nil
    case .bearer(let token), .password(let token), .agentSecret(let token):
      token.isEmpty || token.utf8.count > 4096 ? nil : token
    }
  }
}
