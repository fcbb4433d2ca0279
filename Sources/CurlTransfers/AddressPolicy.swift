public import Addresses

/// Which addresses a client may connect to.
///
/// It is asked when a socket is about to be connected, with the address that the connection will have: a name that had a
/// harmless address when somebody looked, and has another now, gains nothing, nor does an unusual spelling of an address,
/// nor a redirect.
public struct AddressPolicy: Sendable, Hashable {
  /// Any address, and Unix sockets: for peers that the operator of the program names.
  public static let unrestricted = AddressPolicy(isRestricted: false, allowed: [])

  /// Addresses of the public Internet: for peers that somebody else names, such as the receiver of a webhook.
  ///
  /// What the registries of special addresses list is refused (IANA, RFC 6890 and its successors): loopback, private,
  /// shared, link-local, unique-local, multicast, unspecified, documentation, benchmarking and reserved addresses, also
  /// where they stand inside an address of IPv6 (mapped, translated, 6to4, Teredo), and those under which clouds hand out
  /// credentials.
  /// - Parameter allowed: ranges that may be connected to nevertheless. A cloud's metadata address is allowed only by a
  ///   range that holds nothing else, since it lies within ranges that are allowed for other reasons.
  public static func publicInternet(allowing allowed: [AddressRange] = []) -> AddressPolicy {
    AddressPolicy(isRestricted: true, allowed: allowed)
  }

  let isRestricted: Bool
  let allowed: [AddressRange]

  /// Why an address is refused.
  public enum Refusal: String, Sendable, Hashable {
    case unspecified = "an unspecified address"
    case loopback = "a loopback address"
    case `private` = "a private address"
    case shared = "an address that is shared by a carrier's customers"
    case linkLocal = "a link-local address"
    case uniqueLocal = "a unique-local address"
    case metadata = "the metadata address of a cloud"
    case multicast = "a multicast address"
    case documentation = "an address for documentation"
    case benchmarking = "an address for benchmarks"
    case reserved = "a reserved address"
    case notInternet = "not an address of the Internet"
  }

  /// Nil where the address may be connected to.
  public func refusal(of address: IPAddress) -> Refusal? {
    guard isRestricted else { return nil }
    let address = address.unmapped
    // Whatever ranges are allowed, no translator leads to the metadata of a cloud.
    if case .v6(let bits) = address, bits >> 32 == Self.translated {
      let embedded = IPAddress.v4(UInt32(truncatingIfNeeded: bits))
      if SpecialAddresses.metadata.contains(embedded), !isAllowed(embedded) { return .metadata }
    }
    if isAllowed(address) { return nil }
    switch address {
    case .v4(let bits): return SpecialAddresses.refusal(ofIPv4: bits)
    case .v6(let bits):
      // The prefix of a translator (RFC 6052): what is reached is the address of IPv4.
      if bits >> 32 == Self.translated {
        return refusal(of: .v4(UInt32(truncatingIfNeeded: bits)))
      }
      return SpecialAddresses.refusal(ofIPv6: bits)
    }
  }

  private static let translated: UInt128 = 0x0064_FF9B_0000_0000_0000_0000

  private func isAllowed(_ address: IPAddress) -> Bool {
    let isMetadata = SpecialAddresses.metadata.contains(address)
    return allowed.contains { $0.contains(address) && ($0.isSingle || !isMetadata) }
  }
}

/// The addresses that are not of the public Internet: <https://www.iana.org/assignments/iana-ipv4-special-registry> and
/// <https://www.iana.org/assignments/iana-ipv6-special-registry>.
private enum SpecialAddresses {
  /// Under which clouds answer machines that ask for their credentials.
  static let metadata: Set<IPAddress> = Set(
    [
      "169.254.169.254",  // nearly all
      "169.254.170.2", "169.254.170.23", "fd00:ec2::254", "fd00:ec2::23",  // AWS
      "168.63.129.16",  // Azure
      "100.100.100.200",  // Alibaba
      "192.0.0.192", "fd00:c1::a9fe:a9fe",  // Oracle
      "fd20:ce::254",  // Google
      "fe80::a9fe:a9fe",  // OpenStack
    ].compactMap { IPAddress($0) })

  private static let ipv4: [(AddressRange, AddressPolicy.Refusal)] = [
    (AddressRange(literal: "0.0.0.0/8"), .unspecified),
    (AddressRange(literal: "10.0.0.0/8"), .private),
    (AddressRange(literal: "100.64.0.0/10"), .shared),
    (AddressRange(literal: "127.0.0.0/8"), .loopback),
    (AddressRange(literal: "169.254.0.0/16"), .linkLocal),
    (AddressRange(literal: "172.16.0.0/12"), .private),
    (AddressRange(literal: "192.0.0.0/24"), .reserved),
    (AddressRange(literal: "192.0.2.0/24"), .documentation),
    (AddressRange(literal: "192.88.99.0/24"), .reserved),
    (AddressRange(literal: "192.168.0.0/16"), .private),
    (AddressRange(literal: "198.18.0.0/15"), .benchmarking),
    (AddressRange(literal: "198.51.100.0/24"), .documentation),
    (AddressRange(literal: "203.0.113.0/24"), .documentation),
    (AddressRange(literal: "224.0.0.0/4"), .multicast),
    (AddressRange(literal: "240.0.0.0/4"), .reserved),
  ]

  /// In this order: the first that holds the address says what it is.
  private static let ipv6: [(AddressRange, AddressPolicy.Refusal)] = [
    (AddressRange(literal: "::/128"), .unspecified),
    (AddressRange(literal: "::1/128"), .loopback),
    (AddressRange(literal: "fc00::/7"), .uniqueLocal),
    (AddressRange(literal: "fe80::/10"), .linkLocal),
    (AddressRange(literal: "fec0::/10"), .private),
    (AddressRange(literal: "ff00::/8"), .multicast),
    (AddressRange(literal: "2001:2::/48"), .benchmarking),
    (AddressRange(literal: "2001:db8::/32"), .documentation),
    (AddressRange(literal: "3fff::/20"), .documentation),
    // Protocol assignments; Teredo is looked at before.
    (AddressRange(literal: "2001::/23"), .reserved),
  ]
  private static let globalUnicast = AddressRange(literal: "2000::/3")

  static func refusal(ofIPv4 bits: UInt32) -> AddressPolicy.Refusal? {
    let address = IPAddress.v4(bits)
    if metadata.contains(address) { return .metadata }
    return ipv4.first { $0.0.contains(address) }?.1
  }

  static func refusal(ofIPv6 bits: UInt128) -> AddressPolicy.Refusal? {
    let address = IPAddress.v6(bits)
    if metadata.contains(address) { return .metadata }
    switch bits >> 112 {
    case 0x2002:
      // 6to4 (RFC 3056): the rest of the first half is led to the address of IPv4 that follows the prefix.
      if let refusal = refusal(ofIPv4: UInt32(truncatingIfNeeded: bits >> 80)) { return refusal }
    case 0x2001 where bits >> 96 == 0x2001_0000:
      // Teredo (RFC 4380): a server, and a client whose bits are inverted.
      return refusal(ofIPv4: UInt32(truncatingIfNeeded: bits >> 64))
        ?? refusal(ofIPv4: ~UInt32(truncatingIfNeeded: bits))
    default: break
    }
    if let special = ipv6.first(where: { $0.0.contains(address) }) { return special.1 }
    if globalUnicast.contains(address) { return nil }
    // Forms of IPv4 that nobody should use any more (RFC 4291, RFC 2765) say at least what they hold.
    if bits >> 32 == 0 || bits >> 32 == 0xFFFF_0000 {
      return refusal(ofIPv4: UInt32(truncatingIfNeeded: bits)) ?? .reserved
    }
    return .reserved
  }
}
