/// When something has taken too long, on whichever clock.
public struct Deadline: Sendable {
  /// The time that was given at first.
  public let limit: Duration
  /// What is left; negative once the time is over.
  public let remaining: @Sendable () -> Duration

  /// - Parameter limit: from now on.
  public init(_ limit: Duration, clock: some Clock<Duration>) {
    self.limit = limit
    let end = clock.now.advanced(by: limit)
    remaining = { clock.now.duration(to: end) }
  }

  private init(limit: Duration, remaining: @escaping @Sendable () -> Duration) {
    self.limit = limit
    self.remaining = remaining
  }

  /// Later by a time that does not count.
  public func extended(by span: Duration) -> Deadline {
    Deadline(limit: limit) { [remaining] in remaining() + span }
  }
}
