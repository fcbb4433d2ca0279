/// Keeps secrets out of logs: by the names of fields, and by what secrets look like inside texts.
enum SecretText {
  static let replacement = "[redacted]"

  private static let secretWords = [
    "token", "password", "passwd", "secret", "authorization", "credential", "apikey", "privatekey", "cookie",
  ]

  /// Whether a field of this name holds a secret, as `authToken`, `API_KEY` and `x-client-secret` do.
  static func isSecret(name: String) -> Bool {
    let plain = name.lowercased().filter { $0 != "_" && $0 != "-" && $0 != "." }
    return secretWords.contains { plain.contains($0) }
  }

  /// The text without the tokens of HTTP authorization (`Bearer …`, `Basic …`) and the passwords of URLs
  /// (`scheme://user:password@host`).
  static func redacted(_ text: String) -> String {
    let bytes = Array(text.utf8)
    var output: [UInt8] = []
    var copied = 0
    var position = 0
    while position < bytes.count {
      guard let secret = secretRange(in: bytes, at: position) else {
        position += 1
        continue
      }
      output.append(contentsOf: bytes[copied..<secret.lowerBound])
      output.append(contentsOf: replacement.utf8)
      copied = secret.upperBound
      position = secret.upperBound
    }
    guard copied > 0 else { return text }
    output.append(contentsOf: bytes[copied...])
    return String(decoding: output, as: UTF8.self)
  }

  private static func secretRange(in bytes: [UInt8], at position: Int) -> Range<Int>? {
    switch bytes[position] {
    case UInt8(ascii: "B"), UInt8(ascii: "b"):
      for scheme in ["bearer ", "basic "] where hasPrefix(scheme, in: bytes, at: position) {
        let start = position + scheme.utf8.count
        var end = start
        while end < bytes.count, isTokenByte(bytes[end]) { end += 1 }
        // A short word after "basic" or "bearer" is prose.
        if end - start >= 8 { return start..<end }
      }
      return nil
    case UInt8(ascii: ":"): return passwordRange(in: bytes, at: position)
    default: return nil
    }
  }

  /// Where `://user:password@` begins at `position`: the password.
  private static func passwordRange(in bytes: [UInt8], at position: Int) -> Range<Int>? {
    guard hasPrefix("://", in: bytes, at: position) else { return nil }
    var start: Int?
    var end = position + 3
    // An unescaped "@" may stand in the password: the last one before the path ends it.
    var lastAt: Int?
    while end < bytes.count, bytes[end] > 0x20, bytes[end] != UInt8(ascii: "/"), bytes[end] != UInt8(ascii: "\"") {
      if bytes[end] == UInt8(ascii: ":"), start == nil { start = end + 1 }
      if bytes[end] == UInt8(ascii: "@") { lastAt = end }
      end += 1
    }
    guard let start, let lastAt, start < lastAt else { return nil }
    return start..<lastAt
  }

  private static func hasPrefix(_ prefix: String, in bytes: [UInt8], at position: Int) -> Bool {
    guard position + prefix.utf8.count <= bytes.count else { return false }
    return zip(prefix.utf8, bytes[position...]).allSatisfy { expected, byte in
      byte == expected || (0x41...0x5A).contains(byte) && byte | 0x20 == expected
    }
  }

  private static func isTokenByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "~"),
      UInt8(ascii: "+"), UInt8(ascii: "/"), UInt8(ascii: "="):
      true
    default: false
    }
  }
}
