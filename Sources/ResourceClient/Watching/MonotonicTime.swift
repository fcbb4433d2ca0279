/// A clock that only measures spans, whichever clock it is.
struct MonotonicTime: Sendable {
  /// Time since some fixed moment.
  let uptime: @Sendable () -> Duration
  let sleep: @Sendable (Duration) async throws -> Void

  init(_ clock: some Clock<Duration>) {
    let origin = clock.now
    uptime = { origin.duration(to: clock.now) }
    sleep = { try await clock.sleep(until: clock.now.advanced(by: $0), tolerance: nil) }
  }
}
