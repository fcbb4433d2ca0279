import Cryptography

/// How tokens look: `wtk_`, 43 characters that carry 256 bits, and the CRC-32 of what stands before it in 8 hexadecimal
/// digits. Scanners of repositories and logs find such a token, and what is not one costs no query.
public enum TokenFormat {
  public static let prefix = "wtk_"
  private static let secretLength = 43

  public static func make() -> String { make(prefix) }

  private static func make(_ prefix: String) -> String {
    let text = prefix + SecureRandom.token()
    return text + checksum(text.utf8)
  }

  /// Whether `token` may have been made by this program; those of its first versions are the 43 characters alone.
  public static func isWellFormed(_ token: String) -> Bool {
    let bytes = Array(token.utf8)
    guard token.hasPrefix(prefix) else { return bytes.count == secretLength && bytes.allSatisfy(isURLSafe) }
    return isWellFormed(bytes)
  }

  /// The secrets of sessions look alike, and begin with `wts_`.
  public static let sessionPrefix = "wts_"
  public static func makeSession() -> String { make(sessionPrefix) }
  public static func isWellFormedSession(_ token: String) -> Bool {
    token.hasPrefix(sessionPrefix) && isWellFormed(Array(token.utf8))
  }

  private static func isWellFormed(_ bytes: [UInt8]) -> Bool {
    let end = prefix.utf8.count + secretLength
    guard bytes.count == end + 8, bytes[..<end].allSatisfy(isURLSafe) else { return false }
    return Array(checksum(bytes[..<end]).utf8) == Array(bytes[end...])
  }

  private static func isURLSafe(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
      true
    default: false
    }
  }

  /// CRC-32 as in gzip (RFC 1952).
  private static func checksum(_ bytes: some Sequence<UInt8>) -> String {
    var remainder: UInt32 = 0xFFFF_FFFF
    for byte in bytes {
      remainder ^= UInt32(byte)
      for _ in 0..<8 { remainder = remainder & 1 == 1 ? remainder >> 1 ^ 0xEDB8_8320 : remainder >> 1 }
    }
    let digits = String(~remainder, radix: 16)
    return String(repeating: "0", count: 8 - digits.count) + digits
  }
}
