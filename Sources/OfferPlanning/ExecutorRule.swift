/// Who carries out tasks: an Agent that watches the DesiredDeployment, or one that polls (spec §6.3); never both.
public enum ExecutorRule {
  public enum Answer: Sendable, Hashable {
    /// The Agent that asks may have the task.
    case handOut
    /// The other one looks after it.
    case leaveAlone
  }

  /// - Parameters:
  ///   - present: who carries out tasks until now.
  ///   - isLeaseHeld: whether an Agent that watches is there.
  ///   - isInProgress: whether a task is being done.
  /// - Returns: who does from now on. While a task is being done, nothing changes.
  public static func executor(
    _ present: TaskExecutor, isLeaseHeld: Bool, isInProgress: Bool
  ) -> TaskExecutor {
    isInProgress || !isLeaseHeld ? present : .record
  }

  /// Whether an Agent that polls gets a task that is due and was not begun.
  /// - Parameter isRecordBegun: whether the DesiredDeployment says that an Agent has begun it.
  public static func answer(isLeaseHeld: Bool, isRecordBegun: Bool) -> Answer {
    isLeaseHeld || isRecordBegun ? .leaveAlone : .handOut
  }
}
