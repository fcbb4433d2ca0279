/// A day of the week, as ISO 8601 counts: Monday is 1.
public enum Weekday: Int, Sendable, Hashable, Codable, CaseIterable, Comparable {
  case monday = 1
  case tuesday, wednesday, thursday, friday, saturday, sunday

  /// - Parameter daysSinceEpoch: days since 1970-01-01, which was a Thursday.
  init(daysSinceEpoch: Int64) {
    let remainder = (daysSinceEpoch + 3) % 7
    self = Self.allCases[Int(remainder < 0 ? remainder + 7 : remainder)]
  }

  /// `Mon`
  public var shortName: String {
    switch self {
    case .monday: "Mon"
    case .tuesday: "Tue"
    case .wednesday: "Wed"
    case .thursday: "Thu"
    case .friday: "Fri"
    case .saturday: "Sat"
    case .sunday: "Sun"
    }
  }

  init?(shortName: String) {
    guard let day = Self.allCases.first(where: { $0.shortName == shortName }) else { return nil }
    self = day
  }

  public static func < (left: Weekday, right: Weekday) -> Bool { left.rawValue < right.rawValue }
}
