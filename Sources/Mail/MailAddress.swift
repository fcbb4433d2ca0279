/// A mailbox: an address, and the name of whom it belongs to.
///
/// The address is one of RFC 5321 in ASCII, without quotation marks, comments or an address literal, which no provider
/// hands out: nothing in it can end an SMTP command or a header field. A domain in another script is written with its
/// ASCII form (`xn--…`).
public struct MailAddress: Sendable, Hashable, CustomStringConvertible {
  public let address: String
  /// Any text; nil for none.
  public var name: String?

  /// Nil where `address` is not such an address.
  public init?(_ address: String, name: String? = nil) {
    let parts = address.split(separator: "@", omittingEmptySubsequences: false)
    guard parts.count == 2, Self.isLocalPart(parts[0]), Self.isDomain(parts[1]), address.utf8.count <= 254 else {
      return nil
    }
    self.address = address
    self.name = name
  }

  public var domain: Substring { address.split(separator: "@").last ?? "" }

  public var description: String { address }

  private static func isLocalPart(_ text: Substring) -> Bool {
    let atoms = text.split(separator: ".", omittingEmptySubsequences: false)
    return text.utf8.count <= 64 && atoms.allSatisfy { !$0.isEmpty && $0.utf8.allSatisfy(isAtomByte) }
  }

  static func isDomain(_ text: Substring) -> Bool {
    let labels = text.split(separator: ".", omittingEmptySubsequences: false)
    return text.utf8.count <= 253
      && labels.allSatisfy { label in
        (1...63).contains(label.utf8.count) && label.first != "-" && label.last != "-"
          && label.utf8.allSatisfy { isAlphanumeric($0) || $0 == UInt8(ascii: "-") }
      }
  }

  /// `atext` of RFC 5322.
  static func isAtomByte(_ byte: UInt8) -> Bool { isAlphanumeric(byte) || "!#$%&'*+-/=?^_`{|}~".utf8.contains(byte) }

  static func isAlphanumeric(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"):
      true
    default: false
    }
  }
}
