import Glibc

/// An address of the Internet Protocol, without a port or a zone.
public enum IPAddress: Sendable, Hashable {
  case v4(UInt32)
  case v6(UInt128)

  /// Reads the usual form of either version, such as `192.0.2.1` or `2001:db8::1`; nil for anything else.
  public init?(_ text: String) {
    var bytes = [UInt8](repeating: 0, count: 16)
    if unsafe inet_pton(AF_INET, text, &bytes) == 1 {
      self = .v4(bytes[..<4].reduce(0) { $0 << 8 | UInt32($1) })
    } else if unsafe inet_pton(AF_INET6, text, &bytes) == 1 {
      self = .v6(bytes.reduce(0) { $0 << 8 | UInt128($1) })
    } else {
      return nil
    }
  }

  /// An IPv4 address that is only written as one of IPv6 (`::ffff:0:0/96`, RFC 4291) as what it is.
  public var unmapped: IPAddress {
    if case .v6(let bits) = self, bits >> 32 == 0xFFFF { return .v4(UInt32(truncatingIfNeeded: bits)) }
    return self
  }
}

extension IPAddress: CustomStringConvertible {
  public var description: String {
    var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
    switch self {
    case .v4(let bits):
      var bits = bits.bigEndian
      unsafe inet_ntop(AF_INET, &bits, &text, socklen_t(text.count))
    case .v6(let bits):
      var bits = bits.bigEndian
      unsafe inet_ntop(AF_INET6, &bits, &text, socklen_t(text.count))
    }
    return String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
  }
}

/// All addresses that begin with the same bits, as CIDR writes them: `10.0.0.0/8`, `fd00::/8`.
public struct AddressRange: Sendable, Hashable, CustomStringConvertible {
  public let base: IPAddress
  /// How many bits are the same: 0 to 32, or to 128.
  public let prefixLength: Int

  /// Nil where it is not a range in CIDR form, or names bits behind its prefix: whoever writes `10.0.0.1/8` may mean one
  /// address and would get sixteen million. An address alone is the range of itself.
  public init?(_ text: String) {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count <= 2, let base = IPAddress(String(parts[0])) else { return nil }
    let width = base.width
    var length = width
    if parts.count == 2 {
      guard let number = Int(parts[1]), parts[1].utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
      length = number
    }
    guard (0...width).contains(length) else { return nil }
    self.init(base: base, prefixLength: length)
    guard self.base.bits & ~mask == 0 else { return nil }
  }

  private init(base: IPAddress, prefixLength: Int) {
    // Ranges of mapped addresses are ranges of IPv4, as the addresses are.
    let isMapped = base.unmapped != base && prefixLength >= 96
    self.base = isMapped ? base.unmapped : base
    self.prefixLength = isMapped ? prefixLength - 96 : prefixLength
  }

  /// A range that is part of the program.
  public init(literal text: StaticString) {
    guard let range = AddressRange("\(text)") else { preconditionFailure("not an address range: \(text)") }
    self = range
  }

  /// A mapped address is in the ranges of IPv4 that hold it, and in no other.
  public func contains(_ address: IPAddress) -> Bool {
    let address = address.unmapped
    return address.width == base.width && address.bits & mask == base.bits
  }

  /// Whether it names one address and no other.
  public var isSingle: Bool { prefixLength == base.width }

  public var description: String { "\(base)/\(prefixLength)" }

  private var mask: UInt128 {
    let width = base.width
    let all: UInt128 = width == 32 ? 0xFFFF_FFFF : .max
    return prefixLength == 0 ? 0 : all & (all << UInt128(width - prefixLength))
  }
}

extension IPAddress {
  fileprivate var width: Int {
    switch self {
    case .v4: 32
    case .v6: 128
    }
  }

  fileprivate var bits: UInt128 {
    switch self {
    case .v4(let bits): UInt128(bits)
    case .v6(let bits): bits
    }
  }
}
