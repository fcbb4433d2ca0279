import FoundationEssentials
import WireFormats

/// An `.env` file: its names and values as Compose reads them, and what of it must not be shown.
///
/// It is read leniently: what Compose refuses, and what is no line of such a file at all, is as secret as the rest.
package struct EnvironmentFile: Sendable, Hashable {
  private struct Value: Sendable, Hashable {
    var name: String
    /// As it is written, without quotes.
    var written: String
    /// As Compose reads it, before variables in it are replaced.
    var value: String
    var isLiteral: Bool
  }

  private var values: [Value] = []
  /// Lines that name no value.
  private var strayLines: [String] = []
  /// Why Compose cannot read it, where that shows in its bytes; nil where it does not.
  package let problem: String?
  /// Why others than this reader may find other settings in it; nil where they cannot.
  package let ambiguity: String?

  /// The line, counted from 1, that opens a quote which nothing closes; nil where there is none.
  package let unclosedQuoteLine: Int?

  /// - Parameter path: nil for no settings.
  package init(at path: String?) {
    self.init(path.flatMap(FileManager.default.contents(atPath:)).map { [UInt8]($0) } ?? [])
  }

  package init(_ text: String) { self.init(Array(text.utf8)) }

  package init(_ bytes: [UInt8]) {
    let text: String
    switch bytes {
    case _ where bytes.starts(with: [0xFF, 0xFE]):
      text = Self.decoded(bytes.dropFirst(2), littleEndian: true)
      problem = Self.utf16
    case _ where bytes.starts(with: [0xFE, 0xFF]):
      text = Self.decoded(bytes.dropFirst(2), littleEndian: false)
      problem = Self.utf16
    case _ where bytes.contains(0):
      text = Self.decoded(bytes[...], littleEndian: bytes.first != 0)
      problem = "holds NUL bytes, as a text in UTF-16 does; save it as UTF-8"
    default:
      let isMarked = bytes.starts(with: [0xEF, 0xBB, 0xBF])
      text = String(decoding: bytes.dropFirst(isMarked ? 3 : 0), as: UTF8.self)
      problem = nil
    }
    ambiguity = Self.ambiguity(of: text)
    unclosedQuoteLine = Self.unclosedQuoteLine(in: text)
    read(text)
  }

  /// Where programs that read such files differ, one may find a name that another does not see.
  private static func ambiguity(of text: String) -> String? {
    for scalar in text.unicodeScalars {
      switch scalar.value {
      case 0x0B, 0x0C, 0x1C...0x1E, 0x85, 0x2028, 0x2029: return "holds a line separator that is no line feed"
      default: continue
      }
    }
    var quote: Character?
    // A carriage return and a line feed are one character.
    for line in text.split(omittingEmptySubsequences: false, whereSeparator: { $0 == "\n" || $0 == "\r\n" }) {
      if line.contains("\r") { return "holds a carriage return in the midst of a line" }
      var rest = line.trimmingSpace
      if quote == nil {
        if rest.isEmpty || rest.hasPrefix("#") { continue }
        guard let (_, start) = named(rest) else { return "holds a line that names no setting" }
        guard let first = start.first, first == "\"" || first == "'" || first == "`" else {
          if start.contains("-----BEGIN") { return "holds a key of several lines without quotes" }
          continue
        }
        if first == "`" { return "quotes a value with `" }
        (quote, rest) = (first, start.dropFirst())
      }
      guard let closing = quote else { continue }
      // Whether the second backslash of two escapes the quote, readers say differently.
      if rest.contains("\\\\\(closing)") { return "holds a backslash before a backslash and a quote" }
      guard let end = end(of: rest, closing) else { continue }
      let after = rest[rest.index(after: end)...].trimmingSpace
      if !after.isEmpty, !after.hasPrefix("#") { return "holds text behind a closing quote" }
      quote = nil
    }
    return quote == nil ? nil : "holds a quote that is not closed"
  }

  private static let utf16 = "is written in UTF-16; save it as UTF-8"

  private static func decoded(_ bytes: ArraySlice<UInt8>, littleEndian: Bool) -> String {
    var units: [UInt16] = []
    var index = bytes.startIndex
    while index + 1 < bytes.endIndex {
      let (first, second) = (UInt16(bytes[index]), UInt16(bytes[index + 1]))
      units.append(littleEndian ? first | second << 8 : first << 8 | second)
      index += 2
    }
    return String(decoding: units, as: UTF16.self)
  }

  package var names: Set<String> { Set(values.map(\.name)) }

  /// The last value of a name.
  package subscript(name: String) -> String? { values.last { $0.name == name }?.value }

  /// Names whose values hold `$variable`, which Compose replaces: a `$` in a password is often not meant so.
  package func namesOfValues(using variable: String) -> [String] {
    values.filter { value in
      !value.isLiteral && ["$\(variable)", "${\(variable)"].contains { value.written.contains($0) }
    }.map(\.name)
  }

  /// What must not be shown: each value as it is written and as Compose reads it, but for ordinary words where the name
  /// does not say that they are secret, and whatever stands in lines that hold no value.
  package var secrets: [String] {
    values.flatMap { value in
      Set([value.written, value.value]).filter { !Self.isOrdinary($0) || Self.isSecretName(value.name) }
    } + strayLines + strayLines.flatMap(Self.pieces)
  }

  /// Of a line in another format, such as JSON.
  private static func pieces(of line: String) -> [String] {
    line.split { $0.isWhitespace || "\"'{}[],:".contains($0) }.map(String.init).filter {
      $0.count >= 8 && !isOrdinary($0)
    }
  }

  private static func isSecretName(_ name: String) -> Bool {
    if SecretText.isSecret(name: name) { return true }
    let name = name.uppercased()
    return ["PASS", "PWD", "SECRET", "TOKEN", "KEY", "CRED", "AUTH", "SALT", "PRIVATE", "PIN", "DSN", "SIGN"].contains {
      name.contains($0)
    }
  }

  /// A word or a small number, as `error`, `production`, `true` or `8080`: masking it would blacken what others say.
  private static func isOrdinary(_ value: String) -> Bool {
    let letters = value.utf8.allSatisfy { (0x41...0x5A).contains($0 & 0xDF) }
    return letters && value.utf8.count <= 16
      || value.utf8.count <= 5 && value.utf8.allSatisfy { (0x30...0x39).contains($0) }
  }

  // MARK: - Reading

  private mutating func read(_ text: String) {
    var lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)[...]
    var isInKey = false
    while let line = lines.popFirst() {
      let trimmed = line.trimmingSpace
      if trimmed.isEmpty || trimmed.hasPrefix("#") { continue }
      // Lines of a key in PEM may look like a name and a value.
      if isInKey {
        strayLines.append(String(trimmed))
        isInKey = !trimmed.contains("-----END")
        continue
      }
      guard let (name, start) = Self.named(trimmed) else {
        strayLines.append(String(trimmed))
        isInKey = Self.opensKey(trimmed)
        continue
      }
      if let quote = start.first, quote == "\"" || quote == "'" {
        let quoted = Self.quoted(start.dropFirst(), by: quote, &lines)
        let isLiteral = quote == "'"
        values.append(
          Value(
            name: name, written: quoted, value: Self.unescaped(quoted), isLiteral: isLiteral))
      } else {
        // An unquoted value ends at a comment.
        let end = start.firstRange(of: " #")?.lowerBound ?? start.endIndex
        values.append(
          Value(name: name, written: String(start), value: String(start[..<end].trimmingSpace), isLiteral: false))
        isInKey = Self.opensKey(start)
      }
    }
  }

  private static func unclosedQuoteLine(in text: String) -> Int? {
    let lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
    var index = 0
    while index < lines.count {
      let (line, number) = (lines[index].trimmingSpace, index + 1)
      index += 1
      guard !line.hasPrefix("#"), let (_, start) = named(line), let quote = start.first, quote == "\"" || quote == "'"
      else { continue }
      var rest = start.dropFirst()
      while end(of: rest, quote) == nil {
        guard index < lines.count else { return number }
        rest = lines[index]
        index += 1
      }
    }
    return nil
  }

  private static func opensKey(_ text: Substring) -> Bool {
    text.contains("-----BEGIN") && !text.contains("-----END")
  }

  /// `NAME=value`, `export NAME=value` or `NAME: value`.
  private static func named(_ line: Substring) -> (String, Substring)? {
    guard let match = line.firstMatch(of: /^(?:export\s+)?([A-Za-z_][A-Za-z0-9_.\-]*)\s*[=:]\s*/) else { return nil }
    return (String(match.1), line[match.range.upperBound...])
  }

  /// Up to the closing quote, which may stand in a later line; where there is none, the first line alone.
  private static func quoted(
    _ start: Substring, by quote: Character, _ lines: inout ArraySlice<Substring>
  ) -> String {
    if let end = end(of: start, quote) { return String(start[..<end]) }
    for (offset, line) in lines.enumerated() {
      guard let end = end(of: line, quote) else { continue }
      let between = lines.prefix(offset)
      lines = lines.dropFirst(offset + 1)
      return ([start] + between + [line[..<end]]).joined(separator: "\n")
    }
    return String(start)
  }

  private static func end(of text: Substring, _ quote: Character) -> String.Index? {
    var isEscaped = false
    for index in text.indices {
      if isEscaped {
        isEscaped = false
      } else if text[index] == "\\" {
        isEscaped = true
      } else if text[index] == quote {
        return index
      }
    }
    return nil
  }

  /// Knows `\n`, `\r`, `\t`, and a backslash before any other character as that character.
  private static func unescaped(_ text: String) -> String {
    var output = ""
    var isEscaped = false
    for character in text {
      if isEscaped {
        isEscaped = false
        switch character {
        case "n": output.append("\n")
        case "r": output.append("\r")
        case "t": output.append("\t")
        default: output.append(character)
        }
      } else if character == "\\" {
        isEscaped = true
      } else {
        output.append(character)
      }
    }
    return output
  }
}

extension Substring {
  package var trimmingSpace: Substring {
    var text = drop(while: \.isWhitespace)
    while text.last?.isWhitespace == true { text.removeLast() }
    return text
  }
}
