/// The address of a service, as a setting names it.
enum HTTPEndpoint {
  /// Without a slash at its end; nil where it is not `http://` or `https://` with a host, perhaps a port and perhaps a path.
  static func normalized(_ text: String) -> String? {
    var endpoint = text
    while endpoint.hasSuffix("/") { endpoint.removeLast() }
    guard let scheme = ["https://", "http://"].first(where: endpoint.hasPrefix) else { return nil }
    let rest = endpoint.dropFirst(scheme.count)
    guard let first = rest.first, first != "/",
      rest.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && !"?#@\\\"<>".utf8.contains($0) })
    else { return nil }
    return endpoint
  }

  /// Whether what is sent there stays on the machine or goes over TLS.
  static func isPrivate(_ endpoint: String) -> Bool {
    guard endpoint.hasPrefix("http://") else { return true }
    let host = endpoint.dropFirst(7).prefix { $0 != "/" }
    if ["localhost", "[::1]"].contains(where: { host == $0 || host.hasPrefix("\($0):") }) { return true }
    return host.hasPrefix("127.") && host.allSatisfy { $0.isNumber || $0 == "." || $0 == ":" }
  }
}
