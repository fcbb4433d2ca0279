/// Why a calendar is refused: which field, and what would be right.
public struct CalendarError: Error, Sendable, Hashable, CustomStringConvertible {
  /// Such as `windows[2].from`; empty for the whole.
  public var field: String
  public var problem: String

  init(_ field: String, _ problem: String) {
    self.field = field
    self.problem = problem
  }

  /// - Parameter outer: what the error's field is a part of.
  func under(_ outer: String) -> CalendarError {
    CalendarError(field.isEmpty ? outer : "\(outer).\(field)", problem)
  }

  public var description: String { "\(field.isEmpty ? "the calendar" : field): \(problem)" }
}
