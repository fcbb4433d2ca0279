import Cryptography

/// Writes the lines of a mail. Whatever is not printable ASCII is encoded, so that no text can begin a line of its own.
struct HeaderWriter {
  private(set) var bytes: [UInt8] = []

  mutating func addLine(_ line: String) { bytes += Array("\(line)\r\n".utf8) }

  /// A field of words that are printable ASCII without spaces, or may not be parted; a line is broken between words.
  mutating func add(_ name: String, words: [String]) {
    var line = "\(name):"
    for word in words {
      if line.utf8.count + 1 + word.utf8.count > 78, !line.hasSuffix(":") {
        addLine(line)
        line = ""
      }
      line += " \(word)"
    }
    addLine(line)
  }

  /// A field of any text.
  mutating func add(_ name: String, text: String) { add(name, words: Self.words(text)) }

  mutating func add(_ name: String, addresses: [MailAddress]) {
    var words: [String] = []
    for (index, address) in addresses.enumerated() {
      if let name = address.name, !name.allSatisfy(\.isWhitespace) { words += Self.phrase(name) }
      let bracketed = "<\(address.address)>"
      words.append(index < addresses.count - 1 ? bracketed + "," : bracketed)
    }
    add(name, words: words)
  }

  /// A part of the body with its fields.
  mutating func addPart(_ type: String, _ content: String) {
    add("Content-Type", words: ["\(type);", "charset=utf-8"])
    add("Content-Transfer-Encoding", words: ["quoted-printable"])
    addLine("")
    bytes += QuotedPrintable.encode(content)
  }

  // MARK: Words

  /// A text as words of its own, or encoded ones (RFC 2047) where it holds more than printable ASCII, something that looks
  /// encoded, or a word that fits no line.
  private static func words(_ text: String) -> [String] {
    let text = cleaned(text)
    let words = text.split(separator: " ", omittingEmptySubsequences: false)
    let isPlain =
      text.utf8.allSatisfy { (0x20...0x7E).contains($0) } && !text.contains("=?") && !text.contains("  ")
      && text.first != " " && text.last != " " && words.allSatisfy { $0.utf8.count <= 70 }
    return isPlain ? words.map(String.init) : encodedWords(text)
  }

  /// A name before an address: as it is, in quotation marks, or encoded.
  private static func phrase(_ name: String) -> [String] {
    let words = words(name)
    // What is encoded has no byte that means something in a field of addresses.
    if words.first?.hasPrefix("=?") == true || words.allSatisfy({ $0.utf8.allSatisfy(MailAddress.isAtomByte) }) {
      return words
    }
    let quoted = words.joined(separator: " ").map { $0 == "\"" || $0 == "\\" ? "\\\($0)" : String($0) }.joined()
    return quoted.utf8.count <= 70 ? ["\"\(quoted)\""] : encodedWords(cleaned(name))
  }

  /// Line breaks and other control characters as spaces.
  private static func cleaned(_ text: String) -> String {
    String(
      String.UnicodeScalarView(
        text.unicodeScalars.map { scalar in
          switch scalar.properties.generalCategory {
          case .control, .lineSeparator, .paragraphSeparator: " "
          default: scalar
          }
        }))
  }

  /// Short enough to stand behind the name of a field, and none ends within a character.
  private static func encodedWords(_ text: String) -> [String] {
    var words: [String] = []
    var chunk: [UInt8] = []
    for scalar in text.unicodeScalars {
      let bytes = Array(String(scalar).utf8)
      // 42 bytes are 56 characters in base 64, and 12 more stand around them.
      if chunk.count + bytes.count > 42 {
        words.append(encodedWord(chunk))
        chunk = []
      }
      chunk += bytes
    }
    return words + (chunk.isEmpty ? [] : [encodedWord(chunk)])
  }

  private static func encodedWord(_ bytes: [UInt8]) -> String { "=?UTF-8?B?\(Base64.encode(bytes))?=" }
}
