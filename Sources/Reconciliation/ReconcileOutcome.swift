/// How a pass over one key ended.
public enum ReconcileOutcome: Sendable {
  /// Nothing is left to do until the next event. Forgets earlier failures.
  case done
  /// Look again after this time, or at the next event if that comes sooner. Forgets earlier failures.
  case requeue(after: Duration)
  /// The pass failed and may succeed later: try again after the backoff. Throwing from the pass means the same.
  case retry(any Error)
  /// The pass failed and would fail again: wait for the next event. Forgets earlier failures.
  case terminal(any Error)
}

/// A pass took longer than `ControllerConfiguration.passTimeout` and was cancelled.
public struct ReconcileTimeout: Error, Sendable, Hashable, CustomStringConvertible {
  public var limit: Duration

  public init(limit: Duration) { self.limit = limit }

  public var description: String { "the pass took longer than \(limit) and was cancelled" }
}
