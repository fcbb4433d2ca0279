/// Under which names the server may be addressed. A page in a browser that made its own name point at this server
/// (DNS rebinding) sends that name, and is refused.
public enum HostRule: Sendable, Hashable {
  case any
  /// These names, `localhost`, and every address written as numbers, which no name can be.
  case names(Set<String>)

  /// - Parameter host: the value of `Host`, perhaps with a port.
  public func allows(_ host: String?) -> Bool {
    guard case .names(let names) = self, let host, !host.isEmpty else { return true }
    if host.hasPrefix("[") { return true }
    let parts = host.split(separator: ":", omittingEmptySubsequences: false)
    // More than one colon, and no brackets: an IPv6 address as some clients write it, or no host at all.
    guard parts.count <= 2 else { return host.allSatisfy { $0.isHexDigit || $0 == ":" } }
    var name = parts[0].lowercased()
    if name.hasSuffix(".") { name.removeLast() }
    return name == "localhost" || names.contains(name) || Self.isIPv4(name)
  }

  private static func isIPv4(_ name: String) -> Bool {
    let numbers = name.split(separator: ".", omittingEmptySubsequences: false)
    return numbers.count == 4 && numbers.allSatisfy { UInt8($0) != nil }
  }
}
