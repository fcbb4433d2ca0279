/// A span of time as Kubernetes and Helm write it: whole numbers with the units `h`, `m`, `s` and `ms` (`1h30m`, `10m`).
public struct DurationText: Sendable, Hashable, Comparable, CustomStringConvertible {
  public var duration: Duration

  public init(_ duration: Duration) { self.duration = duration }

  /// Nil where the text is no such span; `0` needs no unit. Units may not repeat and stand largest first.
  public init?(_ text: String) {
    if text == "0" {
      self.duration = .zero
      return
    }
    var rest = Substring(text)
    var total: Int64 = 0
    var previousUnit = Int64.max
    guard !rest.isEmpty else { return nil }
    while !rest.isEmpty {
      let digits = rest.prefix { ("0"..."9").contains($0) }
      rest = rest[digits.endIndex...]
      let unitText = rest.prefix { !("0"..."9").contains($0) }
      rest = rest[unitText.endIndex...]
      guard let count = Int64(digits), let unit = Self.milliseconds[String(unitText)], unit < previousUnit else {
        return nil
      }
      let (product, overflowed) = count.multipliedReportingOverflow(by: unit)
      let (sum, overflowedSum) = total.addingReportingOverflow(product)
      if overflowed || overflowedSum { return nil }
      total = sum
      previousUnit = unit
    }
    self.duration = .milliseconds(total)
  }

  private static let milliseconds: [String: Int64] = ["h": 3_600_000, "m": 60_000, "s": 1000, "ms": 1]

  public static func < (left: DurationText, right: DurationText) -> Bool { left.duration < right.duration }

  public var description: String {
    let (seconds, attoseconds) = duration.components
    let milliseconds = attoseconds / 1_000_000_000_000_000
    var text = ""
    if seconds >= 3600 { text += "\(seconds / 3600)h" }
    if seconds / 60 % 60 > 0 { text += "\(seconds / 60 % 60)m" }
    if seconds % 60 > 0 { text += "\(seconds % 60)s" }
    if milliseconds > 0 { text += "\(milliseconds)ms" }
    return text.isEmpty ? "0s" : text
  }
}

extension Duration {
  /// How long something is valid: whole days (`90d`), or as `DurationText`; longer than nothing, at most 36,500 days.
  public init?(lifetime text: String) {
    let digits = text.dropLast()
    let seconds: Int64? =
      text.last == "d" && digits.allSatisfy { ("0"..."9").contains($0) }
      ? Int64(digits).map { $0.multipliedReportingOverflow(by: 86_400) }.flatMap { $0.overflow ? nil : $0.partialValue }
      : nil
    guard let lifetime = seconds.map(Duration.seconds) ?? DurationText(text)?.duration, lifetime > .zero,
      lifetime <= .seconds(36_500 * 86_400)
    else { return nil }
    self = lifetime
  }

  /// The forms in which a lifetime may be written, for messages.
  public static let lifetimeForms = "days (90d), or hours, minutes and seconds (720h, 1h30m)"
}

extension DurationText: Codable {
  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    let text = try container.decode(String.self)
    guard let span = DurationText(text) else {
      throw DecodingError.dataCorruptedError(
        in: container, debugDescription: "\"\(text)\" is no span of time such as 30s, 10m or 1h30m")
    }
    self = span
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(description)
  }
}
