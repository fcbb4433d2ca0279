public import WireFormats

/// What becomes of the wish to return from a release that has gone bad. The wish stands until something else runs, so whatever keeps
/// it from being met now, such as another task or the licence, only delays it.
public enum ReturnDecision: Sendable, Hashable {
  /// The return is to be asked for.
  case ask
  case wait
  /// Something else runs.
  case done
  /// The release has recovered before the return began.
  case recovered
  /// Somebody has taken the return back.
  case cancelled
  /// It was tried as often as makes sense.
  case givenUp

  /// The task that was made last for it.
  public struct Attempt: Sendable, Hashable {
    public var status: AgentTaskStatus
    /// Whether somebody has decided against it.
    public var isCancelled: Bool
    public var endedAt: Timestamp?

    public init(status: AgentTaskStatus, isCancelled: Bool = false, endedAt: Timestamp? = nil) {
      self.status = status
      self.isCancelled = isCancelled
      self.endedAt = endedAt
    }
  }

  public static let maximumAttempts: Int64 = 3
  /// After a return that failed.
  public static let pause: Duration = .seconds(60)

  /// - Parameters:
  ///   - runsStill: whether the release runs, as far as is known.
  ///   - attempt: nil where the return was not begun yet.
  ///   - attempts: how often it was.
  public static func decide(
    _ look: HealthWatch.Look, runsStill: Bool, after attempt: Attempt?, attempts: Int64, now: Timestamp
  ) -> ReturnDecision {
    if let attempt {
      if attempt.status.isActive { return .wait }
      if attempt.status == .completed { return .done }
    }
    guard runsStill, look != .otherVersion else { return .done }
    if attempt?.isCancelled == true { return .cancelled }
    if attempts >= maximumAttempts { return .givenUp }
    switch look {
    case .healthy: return .recovered
    // Nobody is there who would do it.
    case .unknown: return .wait
    case .starting, .unhealthy, .otherVersion: break
    }
    if let endedAt = attempt?.endedAt, now - endedAt < pause { return .wait }
    return .ask
  }
}
