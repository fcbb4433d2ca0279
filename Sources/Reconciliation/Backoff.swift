import Glibc

/// How long to wait before trying again: exponential, with a cap, and jitter that spreads keys which failed together.
public struct Backoff: Sendable, Hashable {
  /// The delay after the first failure, before jitter.
  public var base: Duration
  /// The longest delay.
  public var maximum: Duration
  /// By how much each further failure multiplies the delay; at least 1.
  public var factor: Double
  /// The part of the delay that is random, from 0 (none) to 1 (anything between zero and the full delay).
  public var jitter: Double

  public init(
    base: Duration = .milliseconds(500), maximum: Duration = .seconds(300), factor: Double = 2, jitter: Double = 0.2
  ) {
    self.base = max(base, .zero)
    self.maximum = max(maximum, self.base)
    self.factor = max(factor, 1)
    self.jitter = min(max(jitter, 0), 1)
  }

  /// The delay after so many failures in a row.
  /// - Parameters:
  ///   - failures: 1 or more; less counts as 1.
  ///   - random: from 0 to below 1. The delay lies between its full length times `1 - jitter`, and its full length, so
  ///     it never exceeds `maximum`.
  public func delay(failures: Int, random: Double) -> Duration {
    let cap = maximum / .seconds(1)
    let grown = (base / .seconds(1)) * pow(factor, Double(max(failures, 1) - 1))
    return .seconds(min(grown, cap) * (1 - jitter + jitter * min(max(random, 0), 1)))
  }
}
