/// The encoding of texts that are mostly ASCII (RFC 2045, section 6.7).
enum QuotedPrintable {
  /// Lines of at most 76 characters that end with CRLF, the last one too; any kind of line break of the text becomes one.
  static func encode(_ text: String) -> [UInt8] {
    let (newline, carriageReturn) = (UInt8(ascii: "\n"), UInt8(ascii: "\r"))
    let bytes = Array(text.utf8)
    var encoded: [UInt8] = []
    encoded.reserveCapacity(bytes.count + bytes.count / 8)
    var start = 0
    for (index, byte) in bytes.enumerated() where byte == newline || byte == carriageReturn {
      if byte == newline, index > 0, bytes[index - 1] == carriageReturn {
        start = index + 1
        continue
      }
      encode(line: bytes[start..<index], into: &encoded)
      start = index + 1
    }
    encode(line: bytes[start...], into: &encoded)
    return encoded
  }

  private static func encode(line: ArraySlice<UInt8>, into encoded: inout [UInt8]) {
    var column = 0
    for index in line.indices {
      let byte = line[index]
      let isLast = index == line.endIndex - 1
      let isPlain = isPlain(byte, isLast: isLast)
      let width = isPlain ? 1 : 3
      // One column is for the sign that the line goes on.
      if column + width > (isLast ? 76 : 75) {
        append("=\r\n", to: &encoded)
        column = 0
      }
      if isPlain { encoded.append(byte) } else { appendEscape(of: byte, to: &encoded) }
      column += width
    }
    append("\r\n", to: &encoded)
  }

  private static func isPlain(_ byte: UInt8, isLast: Bool) -> Bool {
    switch byte {
    // At the end of a line it would get lost.
    case UInt8(ascii: " "), UInt8(ascii: "\t"): !isLast
    case UInt8(ascii: "="): false
    default: (0x21...0x7E).contains(byte)
    }
  }

  private static func appendEscape(of byte: UInt8, to encoded: inout [UInt8]) {
    encoded.append(UInt8(ascii: "="))
    for digit in [byte >> 4, byte & 15] {
      encoded.append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "A") + digit - 10)
    }
  }

  private static func append(_ text: StaticString, to encoded: inout [UInt8]) {
    encoded.append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
  }
}
