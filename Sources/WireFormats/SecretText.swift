/// Keeps secrets out of what people read, such as logs and reports: by the names of fields, and by what secrets look like
/// inside texts.
public enum SecretText {
  public static let replacement = "[redacted]"

  private static let secretWords = [
    "token", "password", "passwd", "passphrase", "secret", "authorization", "credential", "apikey", "accesskey",
    "privatekey", "cookie", "connectionstring",
  ]
  /// Names, or parts of them between separators, that are too short to be looked for inside words.
  private static let secretParts: Set = ["pw", "pwd", "pin", "dsn", "salt"]

  /// Whether a field of this name holds a secret, as `authToken`, `API_KEY` and `x-client-secret` do.
  public static func isSecret(name: String) -> Bool {
    let parts = name.lowercased().split { $0 == "_" || $0 == "-" || $0 == "." }
    let plain = parts.joined()
    return secretWords.contains { plain.contains($0) } || parts.contains { secretParts.contains(String($0)) }
  }

  /// The text without the tokens of HTTP authorization (`Bearer …`, `Basic …`), JSON Web Tokens, the passwords of URLs
  /// (`scheme://user:password@host`), PEM blocks, and the values of what is named like a secret (`DB_PASSWORD=…`,
  /// `"token": "…"`, `--password …`).
  public static func redacted(_ text: String) -> String {
    var scanner = Scanner(bytes: Array(text.utf8))
    return scanner.redacted() ?? text
  }

  private struct Scanner {
    let bytes: [UInt8]
    var output: [UInt8] = []
    var copied = 0
    var position = 0

    init(bytes: [UInt8]) { self.bytes = bytes }

    /// Nil where there is no secret.
    mutating func redacted() -> String? {
      while position < bytes.count {
        switch bytes[position] {
        case UInt8(ascii: "-"):
          if let block = pemRange() { replace(block) } else { position += 1 }
        case UInt8(ascii: ":"):
          if let password = passwordRange() { replace(password) } else { position += 1 }
        case let byte where Self.isWordByte(byte): word()
        default: position += 1
        }
      }
      guard copied > 0 else { return nil }
      output.append(contentsOf: bytes[copied...])
      return String(decoding: output, as: UTF8.self)
    }

    private mutating func replace(_ secret: Range<Int>) {
      output.append(contentsOf: bytes[copied..<secret.lowerBound])
      output.append(contentsOf: replacement.utf8)
      copied = secret.upperBound
      position = secret.upperBound
    }

    // MARK: Words

    private mutating func word() {
      let start = position
      var end = start
      while end < bytes.count, Self.isNameByte(bytes[end]) { end += 1 }
      if let token = tokenRange(start..<end) ?? valueRange(start..<end) { return replace(token) }
      position = end
    }

    /// What follows the name of a scheme, or a JSON Web Token.
    private func tokenRange(_ word: Range<Int>) -> Range<Int>? {
      for scheme in ["bearer ", "basic "] where hasPrefix(scheme, at: word.lowerBound) {
        let start = word.lowerBound + scheme.utf8.count
        var end = start
        while end < bytes.count, Self.isTokenByte(bytes[end]) { end += 1 }
        // A short word after "basic" or "bearer" is prose.
        if end - start >= 8 { return start..<end }
      }
      guard word.count >= 32, hasPrefix("eyj", at: word.lowerBound) else { return nil }
      return bytes[word].count { $0 == UInt8(ascii: ".") } >= 2 ? word : nil
    }

    /// The value of what has this name.
    private func valueRange(_ name: Range<Int>) -> Range<Int>? {
      guard name.count <= 128, SecretText.isSecret(name: String(decoding: bytes[name], as: UTF8.self)) else {
        return nil
      }
      var index = name.upperBound
      if index < bytes.count, Self.isQuote(bytes[index]) { index += 1 }
      let afterName = index
      index = skipSpaces(index)
      guard index < bytes.count else { return nil }
      let separator = bytes[index]
      let isOption = name.lowerBound > 0 && bytes[name.lowerBound - 1] == UInt8(ascii: "-") && index > afterName
      switch separator {
      case UInt8(ascii: "="), UInt8(ascii: ":"): index = skipSpaces(index + 1)
      default: guard isOption else { return nil }
      }
      guard index < bytes.count else { return nil }
      if Self.isQuote(bytes[index]) { return quoted(index) }
      var end = index
      while end < bytes.count, !Self.endsValue(bytes[end]) { end += 1 }
      let value = index..<end
      guard !value.isEmpty else { return nil }
      // A short word after a colon is prose: "secret: not found".
      let isProse =
        separator == UInt8(ascii: ":") && value.count < 8
        && !bytes[value].contains { (0x30...0x39).contains($0) }
      return isProse ? nil : value
    }

    private func quoted(_ quote: Int) -> Range<Int>? {
      var end = quote + 1
      while end < bytes.count, bytes[end] != bytes[quote], bytes[end] != UInt8(ascii: "\n") {
        end += bytes[end] == UInt8(ascii: "\\") ? 2 : 1
      }
      end = min(end, bytes.count)
      return end > quote + 1 ? quote + 1..<end : nil
    }

    private func skipSpaces(_ start: Int) -> Int {
      var index = start
      while index < bytes.count, index < start + 4, bytes[index] == 0x20 || bytes[index] == 0x09 { index += 1 }
      return index
    }

    // MARK: URLs and PEM

    /// Where `://user:password@` begins here: the password.
    private func passwordRange() -> Range<Int>? {
      guard hasPrefix("://", at: position) else { return nil }
      var start: Int?
      var end = position + 3
      // An unescaped "@" may stand in the password: the last one before the path ends it.
      var lastAt: Int?
      let limit = min(bytes.count, end + 512)
      while end < limit, bytes[end] > 0x20, bytes[end] != UInt8(ascii: "/"), bytes[end] != UInt8(ascii: "\"") {
        if bytes[end] == UInt8(ascii: ":"), start == nil { start = end + 1 }
        if bytes[end] == UInt8(ascii: "@") { lastAt = end }
        end += 1
      }
      guard let start, let lastAt, start < lastAt else { return nil }
      return start..<lastAt
    }

    /// What stands between the lines of a PEM block; all that follows where its last line is missing.
    private func pemRange() -> Range<Int>? {
      guard hasPrefix("-----begin ", at: position) else { return nil }
      var start = position + 11
      while start < bytes.count, bytes[start] != UInt8(ascii: "-") { start += 1 }
      while start < bytes.count, bytes[start] == UInt8(ascii: "-") { start += 1 }
      var end = start
      while end < bytes.count, !(bytes[end] == UInt8(ascii: "-") && hasPrefix("-----end ", at: end)) { end += 1 }
      return start < end ? start..<end : nil
    }

    // MARK: Bytes

    /// - Parameter prefix: in lower case.
    private func hasPrefix(_ prefix: String, at index: Int) -> Bool {
      guard index + prefix.utf8.count <= bytes.count else { return false }
      return zip(prefix.utf8, bytes[index...]).allSatisfy { expected, byte in
        byte == expected || (0x41...0x5A).contains(byte) && byte | 0x20 == expected
      }
    }

    private static func isWordByte(_ byte: UInt8) -> Bool {
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
        true
      default: false
      }
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
      isWordByte(byte) || byte == UInt8(ascii: "-") || byte == UInt8(ascii: ".")
    }

    private static func isQuote(_ byte: UInt8) -> Bool { byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") }

    private static func endsValue(_ byte: UInt8) -> Bool {
      switch byte {
      case 0...0x20, UInt8(ascii: ","), UInt8(ascii: ";"), UInt8(ascii: "&"), UInt8(ascii: "\""), UInt8(ascii: "'"),
        UInt8(ascii: ")"), UInt8(ascii: "}"), UInt8(ascii: "]"):
        true
      default: false
      }
    }

    private static func isTokenByte(_ byte: UInt8) -> Bool {
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"),
        UInt8(ascii: "~"), UInt8(ascii: "+"), UInt8(ascii: "/"), UInt8(ascii: "="):
        true
      default: false
      }
    }
  }
}
