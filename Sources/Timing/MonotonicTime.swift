/// A clock that only measures spans, whichever clock it is: for those that keep times of which only the difference counts.
public struct MonotonicTime: Sendable {
  /// Time since this was made.
  public let uptime: @Sendable () -> Duration
  /// Throws `CancellationError` where the task is cancelled first.
  public let sleep: @Sendable (Duration) async throws -> Void

  public init(_ clock: some Clock<Duration>) {
    let origin = clock.now
    uptime = { origin.duration(to: clock.now) }
    sleep = { try await clock.sleep(until: clock.now.advanced(by: $0), tolerance: nil) }
  }
}
