/// The name of a time zone of the IANA database, such as `Europe/Berlin`: a relative path that leads nowhere else.
public struct TimeZoneName: Sendable, Hashable, CustomStringConvertible {
  public static let maximumByteCount = 64

  public let description: String

  /// Nil for what cannot be the name of a zone. Whether there is such a zone, the database knows.
  public init?(_ text: String) {
    guard !text.isEmpty, text.utf8.count <= Self.maximumByteCount else { return nil }
    for part in text.split(separator: "/", omittingEmptySubsequences: false) {
      // Neither an absolute path, nor "." or "..", nor an option of a program.
      guard let first = part.utf8.first, Self.isLetter(first) else { return nil }
      let isSafe = part.utf8.allSatisfy { byte in
        Self.isLetter(byte) || (0x30...0x39).contains(byte) || [0x2B, 0x2D, 0x5F].contains(byte)
      }
      guard isSafe else { return nil }
    }
    // What the machine, not the database, calls so.
    guard !["localtime", "posixrules", "Factory"].contains(text) else { return nil }
    description = text
  }

  private static func isLetter(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
  }
}
