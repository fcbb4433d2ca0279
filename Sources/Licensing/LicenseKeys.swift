public import Cryptography

/// The vendor's public keys that licences may be signed with: several at a time, so that a new key can take an old one's place.
public struct LicenseKeys: Sendable, Hashable {
  public static let maximumCount = 16
  public static let maximumByteCount = 64 << 10

  private let keys: [String: Ed25519.PublicKey]

  public init(_ keys: [Ed25519.PublicKey]) {
    self.keys = Dictionary(keys.map { (Self.id(of: $0), $0) }) { first, _ in first }
  }

  /// Reads a file of keys: blocks of `-----BEGIN PUBLIC KEY-----`, one after the other, or lines of 32 bytes in base 64. Empty
  /// lines and those that begin with `#` are passed over.
  public init(parsing text: String) throws(LicenseError) {
    guard text.utf8.count <= Self.maximumByteCount else {
      throw LicenseError("the vendor's keys are more than \(Self.maximumByteCount >> 10) KB, which no file of keys is")
    }
    var (keys, block): ([Ed25519.PublicKey], String?) = ([], nil)
    for line in text.split(whereSeparator: \.isNewline).map(Self.trimmed) where !line.isEmpty && !line.hasPrefix("#") {
      if line.hasPrefix("-----BEGIN") { block = "" }
      guard let opened = block else {
        keys.append(try Self.key(line))
        continue
      }
      block = opened + line + "\n"
      guard line.hasPrefix("-----END") else { continue }
      keys.append(try Self.key(block ?? ""))
      block = nil
    }
    guard block == nil else {
      throw LicenseError("the vendor's key has no line -----END PUBLIC KEY-----: it was cut off")
    }
    guard !keys.isEmpty else { throw LicenseError("there is no key of the vendor's: ask the vendor for license.pub") }
    guard keys.count <= Self.maximumCount else {
      throw LicenseError(
        "there are \(keys.count) keys of the vendor's; at most \(Self.maximumCount) are valid at a time")
    }
    self.init(keys)
  }

  private static func key(_ text: String) throws(LicenseError) -> Ed25519.PublicKey {
    do throws(CryptographyError) {
      return try Ed25519.PublicKey(text: text)
    } catch {
      throw LicenseError("the vendor's key cannot be read: \(error)")
    }
  }

  /// The first 16 hexadecimal digits of the key's SHA-256.
  public static func id(of key: Ed25519.PublicKey) -> String {
    String(SHA256.digest(of: key.rawRepresentation).hexadecimal.prefix(16))
  }

  /// Sorted.
  public var ids: [String] { keys.keys.sorted() }

  /// Nil where no key of that id is here.
  subscript(id: String) -> Ed25519.PublicKey? { keys[id] }

  var all: [Ed25519.PublicKey] { ids.compactMap { keys[$0] } }

  static func trimmed(_ text: some StringProtocol) -> String {
    var trimmed = Substring(text)
    while trimmed.first?.isWhitespace == true { trimmed.removeFirst() }
    while trimmed.last?.isWhitespace == true { trimmed.removeLast() }
    return String(trimmed)
  }
}
