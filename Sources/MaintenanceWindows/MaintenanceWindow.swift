import WireFormats

/// A zone with what its clocks show.
public struct CalendarZone: Sendable, Hashable {
  public let name: TimeZoneName
  public let rules: TimeZoneRules

  public init(name: TimeZoneName, rules: TimeZoneRules) {
    self.name = name
    self.rules = rules
  }
}

/// A part of certain days in which deployments may begin, by the clocks of a zone.
///
/// It is open whenever clocks show a time in it. So where clocks are put forward, a part that is left out is not there, and a window
/// that was to begin in it begins right after; where they are put back, times that are shown twice belong to it twice.
public struct MaintenanceWindow: Sendable, Hashable {
  /// On which days it begins.
  public let days: Set<Weekday>
  /// Among which days; nil for all of them.
  public let dates: CalendarDays?
  /// Minutes after midnight: from 0 to below 1440.
  public let from: Int
  /// Minutes after midnight: from 1 to 1440. At or before `from` it is a time of the next day.
  public let to: Int
  public let zone: CalendarZone

  /// A shorter one would end before what begins in it late.
  static let shortestMinutes = 15

  /// After the midnight before, in minutes.
  var end: Int { to > from ? to : to + 1440 }

  /// - Parameter day: days since 1970-01-01.
  /// - Returns: its local times where it begins on that day.
  func occurrence(on day: Int64) -> Range<Int64>? {
    guard days.contains(Weekday(daysSinceEpoch: day)), dates?.contains(CivilDate(daysSinceEpoch: day)) ?? true else {
      return nil
    }
    return day * 86_400 + Int64(from) * 60..<day * 86_400 + Int64(end) * 60
  }

  func isOpen(at second: Int64) -> Bool {
    let local = zone.rules.local(second)
    let day = local.floorDivided(by: 86_400)
    return (day - 1...day).contains { occurrence(on: $0)?.contains(local) == true }
  }
}

/// A time in which nothing may begin, whatever windows there are.
public struct Freeze: Sendable, Hashable {
  /// A day, and minutes after its midnight where it does not begin or end with the day.
  public struct Bound: Sendable, Hashable {
    public let day: CalendarDay
    public let minutes: Int?
  }

  public let from: Bound
  /// Without a time, that day is a part of it.
  public let to: Bound
  public let zone: CalendarZone
  /// For people.
  public let reason: String

  /// Its local times, of those that may overlap the local times.
  func occurrences(overlapping local: Range<Int64>) -> [Range<Int64>] {
    guard from.day.isYearly else {
      return [from.local(inYear: 0, isEnd: false)..<to.local(inYear: 0, isEnd: true)]
    }
    let years = [local.lowerBound, local.upperBound].map {
      CivilDate(daysSinceEpoch: $0.floorDivided(by: 86_400)).year
    }
    return (years[0] - 1...years[1]).map { year in
      from.local(inYear: year, isEnd: false)..<to.local(inYear: goesOnIntoNextYear ? year + 1 : year, isEnd: true)
    }
  }

  private var goesOnIntoNextYear: Bool {
    let (first, last) = (from.order(isEnd: false), to.order(isEnd: true))
    return last < first
  }

  func isFrozen(at second: Int64) -> Bool {
    let local = zone.rules.local(second)
    return occurrences(overlapping: local..<local + 1).contains { $0.contains(local) }
  }
}

extension Freeze.Bound {
  /// Orders bounds within a year.
  func order(isEnd: Bool) -> (Int64, Int64, Int) {
    let minutes = minutes ?? (isEnd ? 1440 : 0)
    return switch day {
    case .once(let date): (date.month, date.day, minutes)
    case .yearly(let month, let day): (month, day, minutes)
    }
  }

  /// - Parameter year: for a day of every year.
  func local(inYear year: Int64, isEnd: Bool) -> Int64 {
    let midnight: Int64
    switch day {
    case .once(let date): midnight = date.daysSinceEpoch * 86_400
    case .yearly(let month, let day):
      guard let date = CivilDate(year: year, month: month, day: day) else {
        // 29 February of a year without it.
        return (CivilDate(year: year, month: 3, day: 1)?.daysSinceEpoch ?? 0) * 86_400
      }
      midnight = date.daysSinceEpoch * 86_400
    }
    return midnight + (minutes.map { Int64($0) * 60 } ?? (isEnd ? 86_400 : 0))
  }
}

extension Int64 {
  /// - Parameter divisor: above 0.
  func floorDivided(by divisor: Int64) -> Int64 {
    let quotient = self / divisor
    return self < 0 && quotient * divisor != self ? quotient - 1 : quotient
  }
}
