public import Timing

/// How a controller runs.
public struct ControllerConfiguration: Sendable {
  /// Names the controller in logs and metrics.
  public var name: String
  /// How many keys are worked on at the same time; at least 1.
  public var workers: Int
  /// The longest one pass may take; after it the pass is cancelled and counts as failed. Nil for no limit.
  public var passTimeout: Duration?
  /// How long running passes may go on after a stop was asked for, before they are cancelled.
  public var stopGrace: Duration
  public var backoff: Backoff

  public init(
    name: String, workers: Int = 1, passTimeout: Duration? = nil, stopGrace: Duration = .seconds(30),
    backoff: Backoff = Backoff()
  ) {
    self.name = name
    self.workers = max(workers, 1)
    self.passTimeout = passTimeout
    self.stopGrace = stopGrace
    self.backoff = backoff
  }
}
