import WireFormats

/// How a string is written.
enum YAMLText {
  /// On one line: plain where it reads as the same string, else in single or double quotation marks.
  static func inline(_ string: String) -> String {
    if !string.unicodeScalars.allSatisfy(isPrintable) { return doubleQuoted(string) }
    guard case .value(.string) = PlainScalar(string), string != "<<", string != "=" else { return doubleQuoted(string) }
    return isPlain(string) ? string : singleQuoted(string)
  }

  /// As a `|` block of several lines; nil where a block cannot hold the string, or it has one line only.
  static func block(_ string: String, indentation: Int) -> String? {
    guard let first = string.unicodeScalars.first, first != " ", first != "\t", first != "\n",
      string.unicodeScalars.contains("\n"),
      string.unicodeScalars.allSatisfy({ isPrintable($0) || $0 == "\n" || $0 == "\t" })
    else { return nil }
    var lines = string.unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    var header = "|-\n"
    if lines.last == "" {
      lines.removeLast()
      header = lines.last == "" ? "|+\n" : "|\n"
    }
    let margin = String(repeating: " ", count: indentation)
    return header + lines.map { $0.isEmpty ? "\n" : "\(margin)\($0)\n" }.joined()
  }

  /// Characters that YAML allows outside of double quotation marks and does not take for a line's end, but those that
  /// change the direction of writing: what they stand in would read as something else.
  private static func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x061C, 0x200E...0x200F, 0x202A...0x202E, 0x2066...0x2069: false
    case 0x20...0x7E, 0xA0...0x2027, 0x202A...0xD7FF, 0xE000...0xFEFE, 0xFF00...0xFFFD, 0x10000...0x10FFFF: true
    default: false
    }
  }

  private static func isPlain(_ string: String) -> Bool {
    let scalars = Array(string.unicodeScalars)
    guard let first = scalars.first, let last = scalars.last, first != " ", last != " ", last != ":" else {
      return false
    }
    if string.hasPrefix("---") || string.hasPrefix("...") { return false }
    if ",[]{}#&*!|>'\"%@`".unicodeScalars.contains(first) { return false }
    if "-?:".unicodeScalars.contains(first), scalars.count == 1 || scalars[1] == " " { return false }
    for (scalar, next) in zip(scalars, scalars.dropFirst()) {
      if scalar == ":", next == " " { return false }
      if scalar == " ", next == "#" { return false }
    }
    return true
  }

  private static func singleQuoted(_ string: String) -> String {
    "'"
      + string.unicodeScalars.split(separator: "'", omittingEmptySubsequences: false).map(String.init).joined(
        separator: "''") + "'"
  }

  private static func doubleQuoted(_ string: String) -> String {
    var text = "\""
    for scalar in string.unicodeScalars {
      switch scalar {
      case "\"": text += #"\""#
      case "\\": text += #"\\"#
      case "\n": text += #"\n"#
      case "\t": text += #"\t"#
      case "\r": text += #"\r"#
      case _ where isPrintable(scalar): text.unicodeScalars.append(scalar)
      default:
        let digits = String(scalar.value, radix: 16, uppercase: true)
        let width = scalar.value > 0xFFFF ? 8 : 4
        text += (width == 8 ? #"\U"# : #"\u"#) + String(repeating: "0", count: width - digits.count) + digits
      }
    }
    return text + "\""
  }
}
