/// Base 64 (RFC 4648): the standard alphabet with padding (§4), and the URL-safe one without (§5).
public enum Base64 {
  public enum Alphabet: Sendable {
    case standard
    case urlSafe

    fileprivate var characters: [UInt8] {
      let common = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
      return switch self {
      case .standard: Array((common + "+/").utf8)
      case .urlSafe: Array((common + "-_").utf8)
      }
    }

    fileprivate var isPadded: Bool {
      switch self {
      case .standard: true
      case .urlSafe: false
      }
    }
  }

  public static func encode(_ bytes: [UInt8], alphabet: Alphabet = .standard) -> String {
    let characters = alphabet.characters
    var text: [UInt8] = []
    text.reserveCapacity((bytes.count + 2) / 3 * 4)
    for start in stride(from: 0, to: bytes.count, by: 3) {
      let count = min(3, bytes.count - start)
      var group: UInt32 = 0
      for offset in 0..<3 {
        group = group << 8 | (offset < count ? UInt32(bytes[start + offset]) : 0)
      }
      for position in 0...count { text.append(characters[Int(group >> UInt32(18 - 6 * position) & 0x3F)]) }
      if alphabet.isPadded { text.append(contentsOf: repeatElement(UInt8(ascii: "="), count: 3 - count)) }
    }
    return String(decoding: text, as: UTF8.self)
  }

  /// Nil for anything that `encode` does not write: another alphabet, missing or extra padding, white space, stray bits.
  ///
  /// One value has one text, so that a signature or token cannot be written in two ways.
  public static func decode(_ text: String, alphabet: Alphabet = .standard) -> [UInt8]? {
    var digits = Array(text.utf8)
    if alphabet.isPadded {
      guard digits.count.isMultiple(of: 4) else { return nil }
      for _ in 0..<2 where digits.last == UInt8(ascii: "=") { digits.removeLast() }
    }
    guard digits.count % 4 != 1 else { return nil }
    var values = [UInt8](repeating: 0xFF, count: 256)
    for (value, character) in alphabet.characters.enumerated() { values[Int(character)] = UInt8(value) }

    var bytes: [UInt8] = []
    bytes.reserveCapacity(digits.count * 3 / 4)
    var bits: UInt32 = 0
    var bitCount = 0
    for digit in digits {
      let value = values[Int(digit)]
      guard value != 0xFF else { return nil }
      bits = bits << 6 | UInt32(value)
      bitCount += 6
      if bitCount >= 8 {
        bitCount -= 8
        bytes.append(UInt8(truncatingIfNeeded: bits >> UInt32(bitCount)))
        bits &= (1 << UInt32(bitCount)) - 1
      }
    }
    return bits == 0 ? bytes : nil
  }
}
