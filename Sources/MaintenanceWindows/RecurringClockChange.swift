import WireFormats

/// How clocks change every year: the TZ string of POSIX, as RFC 9636 extends it, such as `CET-1CEST,M3.5.0,M10.5.0/3`. Every
/// zone file ends with one, for the times after its table.
public struct RecurringClockChange: Sendable, Hashable {
  /// A day of the year and a time of that day, or of one within a week of it.
  struct Moment: Sendable, Hashable {
    enum Day: Sendable, Hashable {
      /// The `week`th such weekday of a month, the last one for 5. Sunday is 0.
      case weekday(month: Int64, week: Int64, weekday: Int64)
      /// From 1 to 365; 29 February is not counted.
      case julian(Int64)
      /// From 0 to 365; 29 February is counted.
      case ordinal(Int64)
    }

    var day: Day
    /// Seconds after the midnight before.
    var time: Int64

    /// The local time in a year.
    func local(_ year: Int64) -> Int64 {
      let january = CivilDate.first(of: 1, year).daysSinceEpoch
      let number: Int64 =
        switch day {
        case .julian(let day): january + day - (day >= 60 && CivilDate.isLeap(year) ? 0 : 1)
        case .ordinal(let day): january + day
        case .weekday(let month, let week, let weekday):
          Self.day(CivilDate.first(of: month, year), week: week, weekday: weekday)
        }
      return number * 86_400 + time
    }

    private static func day(_ first: CivilDate, week: Int64, weekday: Int64) -> Int64 {
      let start = first.daysSinceEpoch
      let startWeekday = Int64(Weekday(daysSinceEpoch: start).rawValue % 7)
      let day = (weekday - startWeekday + 7) % 7 + (week - 1) * 7
      let length = CivilDate.days(inMonth: first.month, year: first.year)
      return start + (day < length ? day : day - 7)
    }
  }

  struct Daylight: Sendable, Hashable {
    var offset: Int64
    /// In standard time.
    var start: Moment
    /// In daylight saving time. In the south it comes before the start; "daylight saving" may also mean an hour less in
    /// winter, as in Ireland.
    var end: Moment
  }

  let standardOffset: Int64
  let daylight: Daylight?

  /// - Parameter second: since 1970-01-01T00:00:00Z, within the years that a `CivilDate` has.
  func offset(at second: Int64) -> Int64 {
    guard let daylight else { return standardOffset }
    let year = Self.year(second)
    // The last change of the year before is over in every case.
    return changes(of: year - 1...year + 1, daylight).last { $0.at <= second }?.offset ?? standardOffset
  }

  func changes(in moments: Range<Int64>) -> [Int64] {
    guard let daylight else { return [] }
    let years = Self.year(moments.lowerBound) - 1...Self.year(moments.upperBound) + 1
    return changes(of: years, daylight).lazy.map(\.at).filter { moments.contains($0) }
  }

  private func changes(of years: ClosedRange<Int64>, _ daylight: Daylight) -> [TimeZoneRules.Transition] {
    var changes: [TimeZoneRules.Transition] = []
    for year in years {
      changes.append(
        TimeZoneRules.Transition(at: daylight.end.local(year) - daylight.offset, offset: standardOffset))
      changes.append(
        TimeZoneRules.Transition(at: daylight.start.local(year) - standardOffset, offset: daylight.offset))
    }
    // Where an end and a start fall together, it is daylight saving time all year (RFC 9636 §3.3.1): the start counts last.
    return changes.enumerated().sorted { ($0.element.at, $0.offset) < ($1.element.at, $1.offset) }.map(\.element)
  }

  private static func year(_ second: Int64) -> Int64 {
    let day = (second - (second < 0 ? 86_399 : 0)) / 86_400
    return min(max(CivilDate(daysSinceEpoch: day).year, -9990), 9990)
  }
}

extension CivilDate {
  /// Of a month from 1 to 12, in a year that a date may have.
  fileprivate static func first(of month: Int64, _ year: Int64) -> CivilDate {
    CivilDate(year: year, month: month, day: 1) ?? CivilDate(daysSinceEpoch: 0)
  }
}

extension RecurringClockChange {
  /// - Parameter text: such as `CET-1CEST,M3.5.0,M10.5.0/3`.
  /// - Throws: `TimeZoneFileError`.
  init(_ text: some Sequence<UInt8>) throws(TimeZoneFileError) {
    var reader = ClockChangeReader(text)
    try reader.name()
    standardOffset = -(try reader.time(maximumHours: 24))
    guard !reader.isAtEnd else {
      daylight = nil
      return
    }
    try reader.name()
    let offset = reader.isNext(",") ? standardOffset + 3600 : -(try reader.time(maximumHours: 24))
    try reader.require(",")
    let start = try reader.moment()
    try reader.require(",")
    let end = try reader.moment()
    guard reader.isAtEnd else { throw reader.malformed("goes on after its end") }
    daylight = Daylight(offset: offset, start: start, end: end)
  }
}

private struct ClockChangeReader {
  private let bytes: [UInt8]
  private var position = 0

  init(_ text: some Sequence<UInt8>) { bytes = Array(text) }

  var isAtEnd: Bool { position == bytes.count }

  func malformed(_ problem: String) -> TimeZoneFileError {
    TimeZoneFileError("the rule at its end \(problem), at byte \(position) of it")
  }

  func isNext(_ character: Unicode.Scalar) -> Bool {
    position < bytes.count && bytes[position] == UInt8(ascii: character)
  }

  mutating func take(_ character: Unicode.Scalar) -> Bool {
    guard isNext(character) else { return false }
    position += 1
    return true
  }

  mutating func require(_ character: Unicode.Scalar) throws(TimeZoneFileError) {
    guard take(character) else { throw malformed("lacks \"\(character)\"") }
  }

  /// Three or more letters, or in angle brackets also digits and signs.
  mutating func name() throws(TimeZoneFileError) {
    let isQuoted = take("<")
    let start = position
    while position < bytes.count, Self.isLetter(bytes[position]) || (isQuoted && Self.isDigitOrSign(bytes[position])) {
      position += 1
    }
    guard (3...16).contains(position - start) else { throw malformed("has no name of a time") }
    if isQuoted { try require(">") }
  }

  private static func isLetter(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
  }

  private static func isDigitOrSign(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || byte == UInt8(ascii: "+") || byte == UInt8(ascii: "-")
  }

  /// `[+-]hh[:mm[:ss]]` as seconds.
  mutating func time(maximumHours: Int64) throws(TimeZoneFileError) -> Int64 {
    let sign: Int64 = take("-") ? -1 : 1
    if sign == 1 { _ = take("+") }
    var seconds = try number(0...maximumHours) * 3600
    if take(":") {
      seconds += try number(0...59) * 60
      if take(":") { seconds += try number(0...59) }
    }
    return sign * seconds
  }

  mutating func moment() throws(TimeZoneFileError) -> RecurringClockChange.Moment {
    let day: RecurringClockChange.Moment.Day
    if take("M") {
      let month = try number(1...12)
      try require(".")
      let week = try number(1...5)
      try require(".")
      day = .weekday(month: month, week: week, weekday: try number(0...6))
    } else if take("J") {
      day = .julian(try number(1...365))
    } else {
      day = .ordinal(try number(0...365))
    }
    return RecurringClockChange.Moment(day: day, time: take("/") ? try time(maximumHours: 167) : 7200)
  }

  private mutating func number(_ range: ClosedRange<Int64>) throws(TimeZoneFileError) -> Int64 {
    let start = position
    var value: Int64 = 0
    while position < bytes.count, (0x30...0x39).contains(bytes[position]), position - start < 3 {
      value = value * 10 + Int64(bytes[position] - 0x30)
      position += 1
    }
    guard position > start, range.contains(value) else {
      throw malformed("has no number from \(range.lowerBound) to \(range.upperBound)")
    }
    return value
  }
}
