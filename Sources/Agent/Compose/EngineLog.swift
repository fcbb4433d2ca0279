/// Reads the engine's log stream, in which each piece of output stands behind a header of eight bytes: the stream
/// (1 output, 2 error), three zeros, and the length, big-endian.
enum EngineLog {
  /// The text of both streams in the order written. A last frame that is cut short gives what is there; bytes that are
  /// no such frames are returned as they are.
  static func demultiplexed(_ bytes: [UInt8]) -> [UInt8] {
    var text: [UInt8] = []
    text.reserveCapacity(bytes.count)
    var position = 0
    while position + 8 <= bytes.count {
      guard bytes[position] <= 3, bytes[position + 1] == 0, bytes[position + 2] == 0, bytes[position + 3] == 0 else {
        text.append(contentsOf: bytes[position...])
        return text
      }
      let length = bytes[position + 4..<position + 8].reduce(0) { $0 << 8 | Int($1) }
      let start = position + 8
      let end = min(start + length, bytes.count)
      text.append(contentsOf: bytes[start..<end])
      position = end
    }
    return text
  }

  /// The last `lines` lines of `bytes`, at most `characters` long, without control characters; what a container says
  /// anew at each restart stands there once.
  static func tail(_ bytes: [UInt8], lines: Int, characters: Int) -> String {
    var told: [Substring] = []
    for line in TerminalText.plain(String(decoding: bytes, as: UTF8.self)).split(separator: "\n") {
      if told.last != line { told.append(line) }
    }
    return told.joined(separator: "\n").lastLines(lines, characters: characters)
  }
}

/// Text that was written for a terminal.
enum TerminalText {
  /// Without escape sequences and control characters; what a carriage return overwrites is gone.
  static func plain(_ text: String) -> String {
    text.unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false).map { line in
      let printed = line.split(separator: "\r").last ?? line[line.startIndex..<line.startIndex]
      return String(String.UnicodeScalarView(withoutEscapes(printed)))
    }.joined(separator: "\n")
  }

  private static func withoutEscapes(_ line: Substring.UnicodeScalarView) -> [Unicode.Scalar] {
    var output: [Unicode.Scalar] = []
    var scalars = line.makeIterator()
    while let scalar = scalars.next() {
      switch scalar {
      case "\u{1B}": skipEscape(&scalars)
      case "\t": output.append(" ")
      case _ where scalar.value < 0x20 || scalar.value == 0x7F: break
      default: output.append(scalar)
      }
    }
    return output
  }

  private static func skipEscape(_ scalars: inout Substring.UnicodeScalarView.Iterator) {
    switch scalars.next() {
    case "[": while let next = scalars.next(), !("@"..."~").contains(next) {}
    case "]": while let next = scalars.next(), next != "\u{07}" {}
    default: break
    }
  }
}

extension String {
  /// The last `count` lines that hold anything, at most `characters` long: what is cut is cut at the front.
  func lastLines(_ count: Int, characters: Int) -> String {
    let lines = split(whereSeparator: \.isNewline).filter { line in line.contains { !$0.isWhitespace } }
    let text = lines.suffix(count).joined(separator: "\n")
    return text.count <= characters ? text : "…" + text.suffix(characters)
  }
}
