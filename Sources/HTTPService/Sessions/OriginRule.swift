/// Whether a page that sends a request is one of this server's, by `Origin` (RFC 6454).
public struct OriginRule: Sendable, Hashable {
  /// Beside the one that `Host` names: where a proxy in front of the server changes `Host`. In lower case.
  public var others: Set<String>

  public init(others: Set<String> = []) { self.others = Set(others.map { $0.lowercased() }) }

  /// - Parameters:
  ///   - origin: `Origin`, such as `https://tower.example.com`.
  ///   - host: `Host` of the same request.
  public func allows(_ origin: String, host: String?) -> Bool {
    let origin = origin.lowercased()
    if others.contains(origin) { return true }
    guard let host = host?.lowercased(), !host.isEmpty else { return false }
    // A page that came without TLS over a network may be anybody's.
    return origin == "https://\(Self.withoutPort(443, host))" || origin == "https://\(host)"
      || Self.isLoopback(host) && (origin == "http://\(Self.withoutPort(80, host))" || origin == "http://\(host)")
  }

  private static func withoutPort(_ port: Int, _ host: String) -> String {
    host.hasSuffix(":\(port)") ? String(host.dropLast("\(port)".count + 1)) : host
  }

  /// Whether only this machine is addressed so, perhaps with a port.
  public static func isLoopback(_ host: String?) -> Bool {
    guard let host = host?.lowercased() else { return false }
    if host == "[::1]" || host.hasPrefix("[::1]:") { return true }
    let name = host.split(separator: ":", omittingEmptySubsequences: false).first ?? ""
    let numbers = name.split(separator: ".", omittingEmptySubsequences: false)
    return name == "localhost" || numbers.count == 4 && numbers[0] == "127" && numbers.allSatisfy { UInt8($0) != nil }
  }
}
