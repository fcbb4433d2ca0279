/// What is learnt of a task, from whichever of its two views: the requests of an Agent that polls, or the status of the
/// DesiredDeployment (spec §5.5, §8.4, §8.5).
public enum TaskFact: Sendable, Hashable, CaseIterable {
  /// Somebody has begun.
  case begun
  /// Somebody is at it.
  case alive
  case succeeded
  /// What the release has no part in failed, such as the bucket, and may pass.
  case failedForNow
  case failed
  /// The time for its beginning has passed.
  case late
  /// Nothing was heard for as long as one waits.
  case silent
  /// The DesiredDeployment asks for something else by now, and it was not this program that changed it.
  case superseded
  /// Somebody takes it back.
  case cancelled
}

/// What becomes of a task.
public enum TaskStep: Sendable, Hashable {
  case nothing
  case begin
  /// Keeps in mind that it lives.
  case note
  case complete
  /// It was given up, and has succeeded all the same: that is the truth.
  case completeLate
  /// It is handed out again after a while.
  case retry
  case fail
  case miss
  case timeOut
  case cancel
  /// It cannot be done any more.
  case refuse
}

/// The one state machine of tasks. Nothing goes backwards: what is repeated or comes in another order changes nothing.
///
/// ```
///             begun                    succeeded
///   pending ─────────▶ inProgress ─────────────────▶ completed
///     ▲  │               │    │                          ▲
///     │  │ late,         │    │ failed, silent,          │ succeeded, late
///     │  │ cancelled,    │    │ superseded               │
///     │  │ superseded    │    ▼                          │
///     │  └───────────────┼─▶ failed ─────────────────────┘
///     └──────────────────┘
///      failedForNow, and tries are left
/// ```
public enum TaskRule {
  /// Without a sign of life for so long a task has failed (spec §8.5).
  public static let silence: Duration = .seconds(30 * 60)
  /// How long after its time a task may still begin (spec §10.1).
  public static let startingDeadline: Duration = .seconds(10 * 60)
  /// An Agent that was not heard of for so long may be down (spec §11.2).
  public static let absence: Duration = .seconds(10 * 60)

  /// - Parameters:
  ///   - attempts: how often it was begun, this time included.
  ///   - maximumAttempts: how often it may be.
  public static func step(
    _ status: AgentTaskStatus, _ fact: TaskFact, attempts: Int64, maximumAttempts: Int64
  ) -> TaskStep {
    switch (status, fact) {
    case (.pending, .begun): .begin
    case (.pending, .alive), (.inProgress, .alive), (.inProgress, .begun): .note
    case (.pending, .succeeded), (.inProgress, .succeeded): .complete
    case (.pending, .failedForNow), (.inProgress, .failedForNow): attempts < maximumAttempts ? .retry : .fail
    case (.pending, .failed), (.inProgress, .failed): .fail
    // What was begun before and waits for its next try has failed, not missed its time.
    case (.pending, .late): attempts > 0 ? .fail : .miss
    case (.pending, .superseded), (.pending, .cancelled): .cancel
    case (.inProgress, .silent): .timeOut
    case (.inProgress, .superseded): .fail
    case (.inProgress, .cancelled), (.completed, .cancelled), (.failed, .cancelled): .refuse
    case (.failed, .succeeded): .completeLate
    case (.pending, .silent), (.inProgress, .late): .nothing
    case (.completed, _), (.failed, _): .nothing
    }
  }

  /// How long after a failure that may pass the task is handed out again.
  public static func pause(afterAttempts attempts: Int64) -> Duration {
    .seconds(30 * Int64(1) << min(max(attempts, 1) - 1, 4))
  }
}
