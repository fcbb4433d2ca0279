/// A line that is typed and not shown, key by key: the terminal neither edits it nor makes signals of keys.
struct HiddenLine: Hashable {
  enum Progress: Hashable {
    case unfinished
    case finished
    /// Ctrl-C or Ctrl-\.
    case interrupted
  }

  private(set) var bytes: [UInt8] = []
  /// More are not kept; one too many shows that there were more.
  let maximumLength: Int

  mutating func take(_ key: UInt8) -> Progress {
    switch key {
    case 0x03, 0x1C: return .interrupted
    case 0x0A, 0x0D, 0x04: return .finished
    case 0x08, 0x7F: removeCharacter()
    case 0x15: bytes.removeAll()
    case 0x17: removeWord()
    default: if bytes.count <= maximumLength { bytes.append(key) }
    }
    return .unfinished
  }

  /// A character of UTF-8 has one byte or several, of which only the first is none that continues.
  private mutating func removeCharacter() {
    while let byte = bytes.popLast(), byte & 0xC0 == 0x80 {}
  }

  private mutating func removeWord() {
    while bytes.last == 0x20 { bytes.removeLast() }
    while let last = bytes.last, last != 0x20 { bytes.removeLast() }
  }
}
