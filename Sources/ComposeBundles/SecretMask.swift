/// Takes the values of an `.env` file out of text that others wrote, as they are and as others encode them.
///
/// One pass finds all of them, so that a long text with many secrets takes no longer than one with few. Where they overlap,
/// all that any of them covers is taken out.
package struct SecretMask: Sendable {
  /// By their first four bytes; the longest first.
  private let secrets: [UInt32: [[UInt8]]]

  /// - Parameters:
  ///   - values: of one with several lines, such as a key in PEM, each line is a secret too: others tell it line by line.
  ///   - publicTexts: what may be shown anyway, such as image references: a value that stands in one of them is no secret.
  package init(values: [String], publicTexts: [String] = []) {
    let lines = values.flatMap { value in
      value.split(whereSeparator: \.isNewline).map { String($0.trimmingSpace) }
    }.filter { $0.count >= Self.shortestLine }
    let whole = values.filter { $0.count >= Self.shortestValue }
    let secret = Set(whole + lines).filter { value in
      !publicTexts.contains { $0.contains(value) }
    }
    let forms = secret.union(secret.flatMap(Self.encodings)).map { Array($0.utf8) }
    secrets = Dictionary(grouping: forms.filter { $0.count >= 4 }) { Self.head($0, at: 0) }
      .mapValues { $0.sorted { $0.count > $1.count } }
  }

  /// What is shorter is guessed sooner than found, and would blacken every other word.
  private static let shortestValue = 4
  /// One line of several is often a word of the format.
  private static let shortestLine = 12

  private static func head(_ bytes: [UInt8], at position: Int) -> UInt32 {
    UInt32(bytes[position]) << 24 | UInt32(bytes[position + 1]) << 16 | UInt32(bytes[position + 2]) << 8
      | UInt32(bytes[position + 3])
  }

  package func masked(_ text: String) -> String {
    if secrets.isEmpty { return text }
    let bytes = Array(text.utf8)
    var output: [UInt8] = []
    var copied = 0
    // The end of what is taken out so far.
    var end = 0
    var position = 0
    while position + 4 <= bytes.count {
      defer { position += 1 }
      guard let found = secrets[Self.head(bytes, at: position)]?.first(where: { bytes[position...].starts(with: $0) })
      else { continue }
      if position >= end {
        output += bytes[copied..<position]
        output += "***".utf8
      }
      end = max(end, position + found.count)
      copied = end
    }
    if copied == 0 { return text }
    output += bytes[copied...]
    return String(decoding: output, as: UTF8.self)
  }
}
