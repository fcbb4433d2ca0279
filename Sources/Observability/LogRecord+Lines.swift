import Logging

extension LogRecord {
  /// The record as one line, which ends with a line feed.
  /// - Parameter isColoured: whether the text format marks the level with ANSI colours.
  public func line(_ format: LogFormat, isColoured: Bool = false) -> [UInt8] {
    var output: [UInt8] = []
    output.reserveCapacity(256)
    switch format {
    case .json: writeJSON(into: &output)
    case .text: writeText(into: &output, isColoured: isColoured)
    }
    output.append(0x0A)
    return output
  }

  private func writeJSON(into output: inout [UInt8]) {
    output.append(contentsOf: #"{"time":"\#(time)","level":"\#(level)","logger":"#.utf8)
    Self.writeQuoted(label, into: &output)
    output.append(contentsOf: #","msg":"#.utf8)
    Self.writeQuoted(message, into: &output)
    for field in fields {
      output.append(UInt8(ascii: ","))
      Self.writeQuoted(field.name, into: &output)
      output.append(UInt8(ascii: ":"))
      Self.write(field.value, into: &output)
    }
    output.append(UInt8(ascii: "}"))
  }

  private func writeText(into output: inout [UInt8], isColoured: Bool) {
    let name = level.rawValue.uppercased()
    let padding = String(repeating: " ", count: max(0, 8 - name.count))
    output.append(contentsOf: "\(time) ".utf8)
    output.append(contentsOf: (isColoured ? "\(level.colour)\(name)\u{1B}[0m" : name).utf8)
    output.append(contentsOf: padding.utf8)
    Self.writeEscaped(message, into: &output)
    for field in fields {
      output.append(UInt8(ascii: " "))
      Self.writeEscaped(field.name, into: &output)
      output.append(UInt8(ascii: "="))
      if case .text(let text) = field.value, Self.isPlainWord(text) {
        output.append(contentsOf: text.utf8)
      } else {
        Self.write(field.value, into: &output)
      }
    }
  }

  private static func write(_ value: Value, into output: inout [UInt8]) {
    switch value {
    case .text(let text): writeQuoted(text, into: &output)
    case .literal(let text): output.append(contentsOf: text.utf8)
    case .list(let elements):
      output.append(UInt8(ascii: "["))
      for (index, element) in elements.enumerated() {
        if index > 0 { output.append(UInt8(ascii: ",")) }
        write(element, into: &output)
      }
      output.append(UInt8(ascii: "]"))
    }
  }

  private static func isPlainWord(_ text: String) -> Bool {
    !text.isEmpty && text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != 0x22 && $0 != 0x3D && $0 != 0x5C }
  }

  private static func writeQuoted(_ text: String, into output: inout [UInt8]) {
    output.append(UInt8(ascii: "\""))
    writeEscaped(text, into: &output)
    output.append(UInt8(ascii: "\""))
  }

  /// Writes `text` as the inside of a JSON string, and escapes also what RFC 8259 would let through but a terminal may
  /// obey: the control characters above ASCII, and those that change the direction of writing.
  private static func writeEscaped(_ text: String, into output: inout [UInt8]) {
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": output.append(contentsOf: #"\""#.utf8)
      case "\\": output.append(contentsOf: #"\\"#.utf8)
      case "\n": output.append(contentsOf: #"\n"#.utf8)
      case "\r": output.append(contentsOf: #"\r"#.utf8)
      case "\t": output.append(contentsOf: #"\t"#.utf8)
      case "\0"..<" ", "\u{7F}"..."\u{9F}", "\u{200E}"..."\u{200F}", "\u{2028}"..."\u{202E}", "\u{2066}"..."\u{2069}":
        let digits = String(scalar.value, radix: 16)
        output.append(contentsOf: #"\u"#.utf8)
        output.append(contentsOf: repeatElement(UInt8(ascii: "0"), count: 4 - digits.utf8.count))
        output.append(contentsOf: digits.utf8)
      default: output.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
      }
    }
  }
}

extension Logger.Level {
  /// The ANSI sequence that starts the level's colour.
  fileprivate var colour: String {
    switch self {
    case .trace, .debug: "\u{1B}[2m"
    case .info, .notice: "\u{1B}[32m"
    case .warning: "\u{1B}[33m"
    case .error, .critical: "\u{1B}[31m"
    }
  }
}
