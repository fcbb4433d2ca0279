/// How long to wait before the next try of what failed: doubling, with jitter, so that many clients of a server that
/// comes back do not all come at once; never so long that what they know is old for long after it came back.
struct ReconnectBackoff: Sendable {
  static let initial = Duration.milliseconds(200)
  static let maximum = Duration.seconds(5)

  private(set) var failures = 0

  mutating func reset() { failures = 0 }

  /// - Parameter random: from 0 to 1.
  /// - Returns: half to all of the step's span.
  mutating func next(random: Double) -> Duration {
    let span = min(Self.initial * (1 << min(failures, 16)), Self.maximum)
    failures += 1
    return span * (0.5 + 0.5 * random)
  }
}
