import FleetProtocol
public import WireFormats

/// What a notice says, part by part, before it becomes a mail or a message: texts for people that hold no character which a mail,
/// a terminal or a page obeys.
public struct NoticeText: Sendable, Hashable {
  public enum Severity: String, Sendable, Hashable, Codable, CaseIterable {
    case info
    case warning
    case critical
  }

  /// Something about the fact, with its name, such as `Version`.
  public struct Fact: Sendable, Hashable {
    public var label: String
    public var value: String
  }

  public var severity: Severity
  /// One line, in the specification's words.
  public var subject: String
  /// A sentence or two.
  public var statement: String
  public var facts: [Fact]
  /// What somebody else said, such as an error; lines as they came.
  public var quote: String?
  /// What the reader can do next; never empty.
  public var nextSteps: [String]

  public init(
    severity: Severity, subject: String, statement: String, facts: [Fact] = [], quote: String? = nil,
    nextSteps: [String]
  ) {
    self.severity = severity
    self.subject = subject
    self.statement = statement
    self.facts = facts
    self.quote = quote
    self.nextSteps = nextSteps
  }
}

/// What notices are written with, beside what they say themselves.
public struct NoticeContext: Sendable {
  /// Compose or Helm: what to look at differs.
  public var isCompose: Bool
  /// By what the vendor knows this customer; nil where no vendor's server is configured.
  public var organization: String?
  /// A time in the customer's zone, such as `Sun 2024-12-15 03:00 Europe/Berlin`; nil where no zone is configured.
  public var localTime: @Sendable (Timestamp) -> String?

  public init(
    isCompose: Bool = false, organization: String? = nil,
    localTime: @escaping @Sendable (Timestamp) -> String? = { _ in nil }
  ) {
    self.isCompose = isCompose
    self.organization = organization
    self.localTime = localTime
  }

  /// As in `2024-12-15 02:00 UTC (Sun 2024-12-15 03:00 Europe/Berlin)`.
  func time(_ time: Timestamp) -> String {
    let utc = Self.utc(time)
    return localTime(time).map { "\(utc) (\(NoticeProse.line($0, maximum: 80)))" } ?? utc
  }

  /// As in `2024-12-15 02:00 UTC`.
  static func utc(_ time: Timestamp) -> String {
    let text = time.description
    return "\(text.prefix(10)) \(text.dropFirst(11).prefix(5)) UTC"
  }
}

/// Texts from outside, as they may stand in a notice.
enum NoticeProse {
  /// One line without control characters, those that turn a line's direction, and line breaks of every kind.
  static func line(_ text: String, maximum: Int) -> String {
    let cleaned = ReportText.cleaned(text).unicodeScalars.prefix(maximum + 1)
    var line = String(String.UnicodeScalarView(cleaned.map { isBreak($0) || $0 == "\t" ? " " : visible($0) }))
    while line.last == " " { line.removeLast() }
    while line.first == " " { line.removeFirst() }
    return line.unicodeScalars.count > maximum
      ? String(String.UnicodeScalarView(line.unicodeScalars.prefix(maximum - 1))) + "…" : line
  }

  /// Several lines; nil where nothing is left.
  static func paragraph(_ text: String) -> String? {
    let scalars = ReportText.cleaned(text).unicodeScalars.map { isBreak($0) ? "\n" : visible($0) }
    let lines = String(String.UnicodeScalarView(scalars)).split(separator: "\n").prefix(maximumLines)
    let text = lines.joined(separator: "\n")
    return text.allSatisfy(\.isWhitespace) ? nil : text
  }

  private static let maximumLines = 60

  private static func isBreak(_ scalar: Unicode.Scalar) -> Bool {
    scalar == "\n" || scalar.value == 0x2028 || scalar.value == 0x2029
  }

  /// Marks that are not seen and turn the direction of what follows.
  private static func visible(_ scalar: Unicode.Scalar) -> Unicode.Scalar {
    switch scalar.value {
    case 0x061C, 0x200B, 0x200E, 0x200F, 0x2060, 0xFEFF, 0xE0000...0xE007F: "\u{FFFD}"
    default: scalar
    }
  }
}
