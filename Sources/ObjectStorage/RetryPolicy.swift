/// How often and after what pauses a store is asked again after a failure that may pass.
public struct RetryPolicy: Sendable, Hashable {
  /// The first one among them; at least 1.
  public var maximumAttempts: Int
  /// Before the second attempt; doubled for each further one.
  public var firstPause: Duration
  public var longestPause: Duration

  public init(
    maximumAttempts: Int = 4, firstPause: Duration = .milliseconds(200), longestPause: Duration = .seconds(5)
  ) {
    self.maximumAttempts = max(maximumAttempts, 1)
    self.firstPause = firstPause
    self.longestPause = longestPause
  }

  /// The pause after the given number of failed attempts; nil when it was the last one.
  ///
  /// - Parameter random: From 0 to 1. The pause is between half of the full one and all of it, so that many clients of a
  ///   store that was down do not come back together.
  public func pause(afterAttempt attempt: Int, random: Double) -> Duration? {
    guard attempt < maximumAttempts else { return nil }
    let doublings = min(max(attempt - 1, 0), 30)
    let full = min(firstPause * (1 << doublings), longestPause)
    return full * (0.5 + 0.5 * min(max(random, 0), 1))
  }
}
