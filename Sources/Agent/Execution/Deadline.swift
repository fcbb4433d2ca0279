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

  private init(limit: Duration, remaining: @escaping @Sendable () -> Duration) {
    self.limit = limit
    self.remaining = remaining
  }

  /// Later by a time that does not count.
  func extended(by span: Duration) -> Deadline {
    Deadline(limit: limit) { [remaining] in remaining() + span }
  }
}
