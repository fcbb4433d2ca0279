/// A moment in UTC, in whole microseconds, read and written as RFC 3339 (`2026-12-15T02:00:00Z`).
public struct Timestamp: Sendable, Hashable, Comparable {
  /// Microseconds since 1970-01-01T00:00:00Z.
  public var microseconds: Int64

  public init(microseconds: Int64) { self.microseconds = microseconds }
  public init(seconds: Int64) { self.microseconds = seconds.multipliedSaturated(by: 1_000_000) }

  public static func < (left: Timestamp, right: Timestamp) -> Bool { left.microseconds < right.microseconds }

  public static func + (moment: Timestamp, duration: Duration) -> Timestamp {
    let (seconds, attoseconds) = duration.components
    return Timestamp(
      microseconds: moment.microseconds.addingSaturated(seconds.multipliedSaturated(by: 1_000_000))
        .addingSaturated(attoseconds / 1_000_000_000_000))
  }

  public static func - (left: Timestamp, right: Timestamp) -> Duration {
    let (span, isTooLong) = left.microseconds.subtractingReportingOverflow(right.microseconds)
    return .microseconds(isTooLong ? (left > right ? .max : .min) : span)
  }

  /// The moment with its fraction of a second dropped, which is how Kubernetes writes `metav1.Time`.
  public var wholeSeconds: Timestamp {
    let remainder = microseconds % 1_000_000
    return Timestamp(microseconds: microseconds.addingSaturated(-(remainder < 0 ? remainder + 1_000_000 : remainder)))
  }
}

extension Timestamp: CustomStringConvertible {
  /// RFC 3339 in UTC with six digits of fraction always, as `metav1.MicroTime` is written.
  public var microsecondText: String {
    let text = description
    return self == wholeSeconds ? text.dropLast() + ".000000Z" : text
  }

  /// RFC 3339 in UTC; six digits of fraction where there is one.
  public var description: String {
    let wholeSecond = wholeSeconds.microseconds / 1_000_000
    let fraction = microseconds - wholeSecond * 1_000_000
    var days = wholeSecond / 86_400
    var second = wholeSecond % 86_400
    if second < 0 {
      second += 86_400
      days -= 1
    }
    func padded(_ number: Int64, _ width: Int = 2) -> String { CivilDate.padded(number, width) }
    var text = "\(CivilDate(daysSinceEpoch: days))T"
    text += "\(padded(second / 3600)):\(padded(second / 60 % 60)):\(padded(second % 60))"
    if fraction != 0 { text += ".\(padded(fraction, 6))" }
    return text + "Z"
  }
}

extension Timestamp {
  /// Reads RFC 3339, with `Z` or a numeric offset and at most nine digits of fraction (what is below a microsecond is
  /// dropped); nil where the text is anything else or names no real date.
  public init?(_ text: String) {
    var reader = FixedWidthReader(bytes: Array(text.utf8))
    guard let year = reader.number(4), reader.take("-"), let month = reader.number(2), reader.take("-"),
      let day = reader.number(2), reader.take("T") || reader.take("t") || reader.take(" "),
      let hour = reader.number(2), reader.take(":"), let minute = reader.number(2), reader.take(":"),
      let second = reader.number(2)
    else { return nil }
    var fraction: Int64 = 0
    if reader.take(".") {
      guard let digits = reader.fraction() else { return nil }
      fraction = digits
    }
    var offset: Int64 = 0
    if !(reader.take("Z") || reader.take("z")) {
      let sign: Int64 = reader.take("+") ? 1 : -1
      guard sign == 1 || reader.take("-"), let hours = reader.number(2), reader.take(":"),
        let minutes = reader.number(2),
        hours < 24, minutes < 60
      else { return nil }
      offset = sign * (hours * 3600 + minutes * 60)
    }
    guard reader.isAtEnd, let date = CivilDate(year: year, month: month, day: day), hour < 24, minute < 60, second < 61
    else { return nil }
    let seconds = date.daysSinceEpoch * 86_400 + hour * 3600 + minute * 60 + second - offset
    self.init(microseconds: seconds * 1_000_000 + fraction)
  }
}

extension Timestamp: Codable {
  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    let text = try container.decode(String.self)
    guard let moment = Timestamp(text) else {
      throw DecodingError.dataCorruptedError(in: container, debugDescription: "\"\(text)\" is no RFC 3339 time")
    }
    self = moment
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(description)
  }
}

private struct FixedWidthReader {
  let bytes: [UInt8]
  var position = 0

  init(bytes: [UInt8]) { self.bytes = bytes }

  var isAtEnd: Bool { position == bytes.count }

  mutating func take(_ character: Unicode.Scalar) -> Bool {
    guard position < bytes.count, bytes[position] == UInt8(ascii: character) else { return false }
    position += 1
    return true
  }

  mutating func number(_ width: Int) -> Int64? {
    guard position + width <= bytes.count else { return nil }
    var value: Int64 = 0
    for byte in bytes[position..<position + width] {
      guard (0x30...0x39).contains(byte) else { return nil }
      value = value * 10 + Int64(byte - 0x30)
    }
    position += width
    return value
  }

  /// One to nine digits, as microseconds.
  mutating func fraction() -> Int64? {
    var value: Int64 = 0
    var digits = 0
    while position < bytes.count, (0x30...0x39).contains(bytes[position]), digits < 9 {
      if digits < 6 { value = value * 10 + Int64(bytes[position] - 0x30) }
      digits += 1
      position += 1
    }
    guard digits > 0 else { return nil }
    for _ in digits..<max(digits, 6) { value *= 10 }
    return value
  }
}
