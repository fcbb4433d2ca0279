public import WireFormats

/// A day as people write it into a calendar: of one year (`2026-12-24`), or of every year (`12-24`).
public enum CalendarDay: Sendable, Hashable, CustomStringConvertible {
  case once(CivilDate)
  /// 29 February, in a year without it, is the midnight before 1 March.
  case yearly(month: Int64, day: Int64)

  /// The years that a calendar may name.
  static let years: ClosedRange<Int64> = 1970...2199

  init?(_ text: String) {
    let parts = text.split(separator: "-", omittingEmptySubsequences: false)
    let numbers = parts.compactMap { part in
      part.utf8.allSatisfy { (0x30...0x39).contains($0) } ? Int64(part) : nil
    }
    guard numbers.count == parts.count else { return nil }
    switch (numbers.count, parts.map(\.utf8.count)) {
    case (3, [4, 2, 2]):
      guard Self.years.contains(numbers[0]),
        let date = CivilDate(year: numbers[0], month: numbers[1], day: numbers[2])
      else { return nil }
      self = .once(date)
    case (2, [2, 2]):
      // There is every day in a leap year.
      guard CivilDate(year: 2000, month: numbers[0], day: numbers[1]) != nil else { return nil }
      self = .yearly(month: numbers[0], day: numbers[1])
    default: return nil
    }
  }

  public var description: String {
    switch self {
    case .once(let date): date.description
    // Of a leap year, without the year.
    case .yearly(let month, let day):
      String((CivilDate(year: 2000, month: month, day: day) ?? CivilDate(daysSinceEpoch: 0)).description.dropFirst(5))
    }
  }

  var isYearly: Bool { if case .yearly = self { true } else { false } }
}

/// The days from one to another, both of them included.
public struct CalendarDays: Sendable, Hashable {
  public let first: CalendarDay
  public let last: CalendarDay

  /// - Throws: `CalendarError` without a field where that is no range. Days of every year may go on into the next.
  init(_ first: CalendarDay, _ last: CalendarDay) throws(CalendarError) {
    switch (first, last) {
    case (.once(let first), .once(let last)):
      guard first <= last else { throw CalendarError("to", "\(last) lies before from") }
    case (.yearly, .yearly): break
    default: throw CalendarError("to", "must have a year where from has one, and none where it has none")
    }
    self.first = first
    self.last = last
  }

  func contains(_ date: CivilDate) -> Bool {
    switch (first, last) {
    case (.once(let first), .once(let last)): return first <= date && date <= last
    case (.yearly(let firstMonth, let firstDay), .yearly(let lastMonth, let lastDay)):
      let (first, last, day) = ((firstMonth, firstDay), (lastMonth, lastDay), (date.month, date.day))
      return first <= last ? first <= day && day <= last : first <= day || day <= last
    default: return false
    }
  }
}
