/// Where the server listens: `127.0.0.1:3000`, `[::1]:3000`, `:3000` for every address.
struct ListenAddress: Sendable, Hashable {
  var host: String
  /// 0 for any free port.
  var port: Int

  init(host: String, port: Int) {
    self.host = host
    self.port = port
  }

  /// Nil where the text is no such address.
  init?(_ text: String) {
    guard let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...]),
      (0...65535).contains(port)
    else { return nil }
    var host = String(text[..<colon])
    if host.hasPrefix("["), host.hasSuffix("]") {
      host = String(host.dropFirst().dropLast())
    } else if host.contains(":") {
      return nil
    }
    self.host = host.isEmpty ? "0.0.0.0" : host
    self.port = port
  }

  /// True where only this machine reaches it.
  var isLoopback: Bool { host.hasPrefix("127.") || host == "::1" || host == "localhost" }

  /// The URL under which a server on this address is reached.
  func url(port: Int) -> String { host.contains(":") ? "http://[\(host)]:\(port)" : "http://\(host):\(port)" }
}
