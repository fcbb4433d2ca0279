public import WireFormats

/// Whether notices that wait go out one by one, or together because there are many: a fault that touches everything is no flood of
/// mails.
public enum NoticeDispatch: Sendable, Hashable {
  /// Each by itself, now.
  case each
  /// All as one, now.
  case together
  /// There may be more by then.
  case wait(until: Timestamp)

  /// So many may go out one by one within `span`.
  public static let allowance = 5
  /// How long notices are gathered once there were more.
  public static let span: Duration = .seconds(60)

  /// - Parameters:
  ///   - waiting: how many wait; at least 1.
  ///   - oldest: when the first of them was found.
  ///   - recent: how many were sent one by one within the last `span`.
  public static func plan(waiting: Int, oldest: Timestamp, recent: Int, now: Timestamp) -> NoticeDispatch {
    if waiting + recent <= allowance { return .each }
    let end = oldest + span
    // A clock that was set back keeps nothing waiting.
    guard now < end, oldest <= now else { return .together }
    return .wait(until: end)
  }
}
