import FoundationEssentials

/// Where the bearer token comes from.
public enum TokenSource: Sendable, Hashable {
  case none
  case fixed(String)
  /// Read anew for every request, so that a rotated token (a Kubernetes service account's) is used at once.
  case file(path: String)

  /// The token without surrounding white space; nil where none is sent.
  /// - Throws: `ResourceClientError.credentials`, naming the file and never its content.
  func read() throws(ResourceClientError) -> String? {
    switch self {
    case .none: return nil
    case .fixed(let token): return try checked(token, from: "the token")
    case .file(let path):
      guard let data = try? Data(contentsOf: URL(filePath: path)) else {
        throw .credentials("the token file \(path) cannot be read; check that it exists and who may read it")
      }
      return try checked(String(decoding: data, as: UTF8.self), from: "the token file \(path)")
    }
  }

  /// A token is one line of visible ASCII; anything else could smuggle a header into the request.
  private func checked(_ text: String, from source: String) throws(ResourceClientError) -> String {
    var token = text[...]
    while let last = token.last, last.isWhitespace { token.removeLast() }
    while let first = token.first, first.isWhitespace { token.removeFirst() }
    if token.isEmpty { throw .credentials("\(source) is empty") }
    guard token.utf8.count <= 16_384, token.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
      throw .credentials("\(source) holds no bearer token: it must be one line of visible ASCII characters")
    }
    return String(token)
  }
}
