public import Addresses
import HTTPTypes
import Logging

/// The proxies that may say for whom they speak: limits and the audit then count that client's address and not the proxy's, behind
/// which everybody would have the same one.
public struct TrustedProxies: Sendable, Hashable {
  public var ranges: [AddressRange]

  public init(_ ranges: [AddressRange] = []) { self.ranges = ranges }

  /// More hops than any chain of proxies has.
  private static let maximumHops = 32

  /// - Parameters:
  ///   - peer: the address of the connection, as numbers.
  ///   - forwarded: the fields `X-Forwarded-For` in their order. Each proxy adds at the end whom it got the request from, and what stands
  ///     before may be made up: the last address that is not a trusted proxy's counts.
  /// - Returns: the address of the client.
  func client(peer: String?, forwarded: [String]) -> String? {
    guard !ranges.isEmpty, !forwarded.isEmpty, var client = peer, isTrusted(client) else { return peer }
    let hops = forwarded.joined(separator: ",").split(separator: ",", omittingEmptySubsequences: false)
    for hop in hops.suffix(Self.maximumHops).reversed() {
      // What a trusted proxy did not understand is not whom it speaks for.
      guard let address = Self.address(hop) else { break }
      client = address
      if !isTrusted(address) { break }
    }
    return client
  }

  func isTrusted(_ address: String) -> Bool {
    guard let address = IPAddress(String(address.prefix { $0 != "%" })) else { return false }
    return ranges.contains { $0.contains(address) }
  }

  /// Without the port that some proxies add: `192.0.2.1:4711`, `[2001:db8::1]:4711`.
  private static func address(_ hop: Substring) -> String? {
    let text = hop.drop { $0 == " " || $0 == "\t" }
    let bare =
      if text.first == "[" {
        text.dropFirst().prefix { $0 != "]" }
      } else if text.utf8.count(where: { $0 == UInt8(ascii: ":") }) == 1 {
        text.prefix { $0 != ":" }
      } else {
        text.prefix { $0 != " " && $0 != "\t" }
      }
    return IPAddress(String(bare)).map(\.description)
  }
}

/// Says once that requests come by a proxy that is not trusted.
final class ProxyHint: Sendable {
  private static let inner: [AddressRange] = [
    AddressRange(literal: "127.0.0.0/8"), AddressRange(literal: "10.0.0.0/8"), AddressRange(literal: "172.16.0.0/12"),
    AddressRange(literal: "192.168.0.0/16"), AddressRange(literal: "::1"), AddressRange(literal: "fc00::/7"),
  ]

  private let isDue = AtomicFlag(true)

  /// For a request that a proxy has marked.
  func note(peer: String?, _ proxies: TrustedProxies, _ logger: Logger) {
    guard let peer, proxies.ranges.isEmpty, TrustedProxies(Self.inner).isTrusted(peer), isDue.clear()
    else { return }
    logger.notice(
      "Requests come by a proxy, so that all of its clients are counted as one address: start the server with --trusted-proxy",
      metadata: ["proxy": "\(peer)"])
  }
}

extension HTTPField.Name {
  static let forwardedFor = HTTPField.Name("X-Forwarded-For")
}
