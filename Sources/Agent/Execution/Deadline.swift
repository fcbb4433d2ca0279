/// When an attempt has taken too long.
struct Deadline: Sendable {
  let limit: Duration
  /// May be negative.
  let remaining: @Sendable () -> Duration

  init(_ limit: Duration, clock: some Clock<Duration>) {
    self.limit = limit
    let end = clock.now.advanced(by: limit)
    remaining = { clock.now.duration(to: end) }
  }
}
