/// A version by Semantic Versioning 2.0, with or without a `v` before it, without build metadata: that has no order.
public struct SemanticVersion: Sendable, Hashable, Comparable {
  enum Identifier: Sendable, Hashable, Comparable {
    // In this order: numbers come before texts.
    case number(UInt64)
    case text(String)
  }

  let core: [UInt64]
  let preRelease: [Identifier]

  public var isPreRelease: Bool { !preRelease.isEmpty }

  /// Nil for what is not a version.
  public init?(_ text: String) {
    var rest = text[...]
    if rest.first == "v" { rest.removeFirst() }
    guard rest.utf8.count <= 128 else { return nil }
    let dash = rest.firstIndex(of: "-") ?? rest.endIndex
    let numbers = rest[..<dash].split(separator: ".", omittingEmptySubsequences: false).map { Self.number($0) }
    guard numbers.count == 3, !numbers.contains(nil) else { return nil }
    core = numbers.compactMap { $0 }
    guard dash < rest.endIndex else {
      preRelease = []
      return
    }
    let identifiers = rest[rest.index(after: dash)...].split(separator: ".", omittingEmptySubsequences: false)
      .map { Self.identifier($0) }
    guard !identifiers.contains(nil) else { return nil }
    preRelease = identifiers.compactMap { $0 }
  }

  /// Without a leading zero, and no larger than 64 bits hold.
  private static func number(_ text: Substring) -> UInt64? {
    guard !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), text == "0" || text.first != "0" else {
      return nil
    }
    return UInt64(text)
  }

  private static func identifier(_ text: Substring) -> Identifier? {
    guard !text.isEmpty else { return nil }
    if text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) { return number(text).map { .number($0) } }
    let isValid = text.utf8.allSatisfy { byte in
      byte == 0x2D || (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
    }
    return isValid ? .text(String(text)) : nil
  }

  public static func < (left: SemanticVersion, right: SemanticVersion) -> Bool {
    if left.core != right.core { return left.core.lexicographicallyPrecedes(right.core) }
    if left.preRelease.isEmpty || right.preRelease.isEmpty {
      return !left.preRelease.isEmpty && right.preRelease.isEmpty
    }
    return left.preRelease.lexicographicallyPrecedes(right.preRelease)
  }
}
