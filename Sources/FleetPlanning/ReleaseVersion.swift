import ReleaseManifest

/// The version of a release or of one of its artifacts: Semantic Versioning 2.0 without build metadata, in lower case, so that one
/// release has one name, in objects, columns and keys of the bucket.
public struct ReleaseVersion: Sendable, Hashable, Comparable, CustomStringConvertible {
  public static let maximumByteCount = 64

  /// Without a `v` before it.
  public let text: String
  private let semantic: SemanticVersion

  /// - Parameter text: with or without a `v` before it.
  /// - Throws: why the text is not a version, in half a sentence that follows the field's name.
  public init(_ text: String) throws(Refusal) {
    let shown = "\"\(Self.shown(text))\""
    guard text.utf8.count <= Self.maximumByteCount + 1 else {
      throw Refusal("must be at most \(Self.maximumByteCount) bytes")
    }
    let plain = text.utf8.first == UInt8(ascii: "v") ? String(text.dropFirst()) : text
    guard !plain.contains("${") else {
      throw Refusal("must be a version such as 2.3.0, not \(shown): a shell expands no variable in single quotes")
    }
    guard !plain.contains("+") else {
      throw Refusal("must not have build metadata (+…), which has no order: write a pre-release such as 2.3.0-rc.1")
    }
    guard !plain.utf8.contains(where: { (0x41...0x5A).contains($0) }) else {
      throw Refusal("must be in lower case, not \(shown): it names the release")
    }
    // The name of an object cannot begin or end a part with a dash.
    guard let semantic = SemanticVersion(plain), plain.utf8.first != UInt8(ascii: "v"),
      plain.utf8.count <= Self.maximumByteCount,
      plain.split(separator: ".").allSatisfy({ $0.first != "-" && $0.last != "-" })
    else { throw Refusal("must be a semantic version such as 2.3.0 or 2.4.0-rc.1, not \(shown)") }
    self.text = plain
    self.semantic = semantic
  }

  public var description: String { text }

  public static func == (left: ReleaseVersion, right: ReleaseVersion) -> Bool { left.text == right.text }
  public func hash(into hasher: inout Hasher) { hasher.combine(text) }
  public static func < (left: ReleaseVersion, right: ReleaseVersion) -> Bool { left.semantic < right.semantic }

  /// Why something is not a version.
  public struct Refusal: Error, Sendable, Hashable, CustomStringConvertible {
    public let description: String

    init(_ description: String) { self.description = description }
  }

  /// What somebody sent, fit for a message.
  public static func shown(_ text: String) -> String {
    String(
      String.UnicodeScalarView(
        text.unicodeScalars.prefix(80).map { $0.properties.generalCategory.isPrintable ? $0 : "\u{FFFD}" }))
  }
}

extension Unicode.GeneralCategory {
  fileprivate var isPrintable: Bool {
    switch self {
    case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .unassigned, .privateUse: false
    default: true
    }
  }
}
