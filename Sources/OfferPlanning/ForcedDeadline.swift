public import WireFormats

/// When admins are told of a forced update that is not deployed (spec §10.2). It is never deployed by itself.
public enum ForcedDeadline {
  public enum Step: Sendable, Hashable {
    case nothing
    /// 12 hours are left.
    case remind
    /// 4 hours are left.
    case remindUrgently
    /// None is left.
    case exceed
  }

  /// Before the deadline.
  public static let firstReminder: Duration = .seconds(12 * 3600)
  public static let urgentReminder: Duration = .seconds(4 * 3600)
  /// `remindersSent` of one of which nothing more is told.
  public static let allSent: Int64 = 3

  /// After downtime only the latest of the steps that are due is taken.
  ///
  /// A reminder is for who has not chosen a time; that the deadline has passed is told in any case, but of one that is just being
  /// deployed not before that has ended.
  public static func step(
    deadline: Timestamp, status: LocalDeploymentStatus, remindersSent: Int64, now: Timestamp
  ) -> Step {
    guard status != .success, status != .inProgress, remindersSent < allSent else { return .nothing }
    if now >= deadline { return .exceed }
    guard status != .scheduled else { return .nothing }
    if now >= deadline - urgentReminder { return remindersSent < 2 ? .remindUrgently : .nothing }
    if now >= deadline - firstReminder { return remindersSent < 1 ? .remind : .nothing }
    return .nothing
  }

  /// `remindersSent` once the step was taken.
  public static func sent(after step: Step, before: Int64) -> Int64 {
    switch step {
    case .nothing: before
    case .remind: max(before, 1)
    case .remindUrgently: max(before, 2)
    case .exceed: allSent
    }
  }
}

extension Timestamp {
  fileprivate static func - (moment: Timestamp, duration: Duration) -> Timestamp { moment + (.zero - duration) }
}
