import FoundationEssentials

/// Finds the token in a request's headers.
enum Credentials {
  /// - Parameters:
  ///   - authorization: `Bearer TOKEN`; or `Basic`, whose password is the token, which lets `kubectl` be used without TLS
  ///     on one machine (`--server http://any:TOKEN@127.0.0.1:3000`): it sends bearer tokens over TLS only.
  ///   - agentSecret: the header `X-Agent-Secret` of the specification's Agent.
  static func token(authorization: String?, agentSecret: String?) -> String? {
    guard let authorization else { return agentSecret }
    let parts = authorization.split(separator: " ", maxSplits: 1, omittingEmptySubsequences: true)
    guard parts.count == 2 else { return nil }
    let value = String(parts[1].drop { $0 == " " })
    switch parts[0].lowercased() {
    case "bearer": return value
    case "basic":
      guard let data = Data(base64Encoded: value), let text = String(validating: data, as: UTF8.self) else {
        return nil
      }
      let pair = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
      return pair.count == 2 ? String(pair[1]) : nil
    default: return nil
    }
  }
}
