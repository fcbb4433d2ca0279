import Glibc

/// How long to wait before something that failed is tried again: longer with each failure, up to a limit, and partly
/// random, so that those that failed together do not come back together.
///
/// With a base of 1 s, a maximum of 10 s and the factor 2, the full delays are 1, 2, 4, 8, 10, 10 … s. With a jitter of
/// 0.2, each actual delay lies between 80 % of that and all of it. The random number comes from the caller, so that a
/// decision stays a function of its arguments.
public struct Backoff: Sendable, Hashable {
  /// The full delay after the first failure.
  public var base: Duration
  /// The longest delay.
  public var maximum: Duration
  /// By how much each further failure multiplies the delay; at least 1.
  public var factor: Double
  /// The part of a delay that is random, from 0 (none) to 1 (anything between zero and the full delay).
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
    if base == .zero { return .zero }
    return jittered((base / .seconds(1)) * pow(factor, Double(max(failures, 1) - 1)), random)
  }

  /// The delay after something that has been failing for `span`, where that is known and the number of failures is not:
  /// at least as long again, so that the pauses double, but never more than `maximum`.
  /// - Parameter random: as for `delay(failures:random:)`.
  public func delay(failingFor span: Duration, random: Double) -> Duration {
    if base == .zero, span <= .zero { return .zero }
    return jittered(max(base / .seconds(1), span / .seconds(1) / (1 - jitter)), random)
  }

  private func jittered(_ seconds: Double, _ random: Double) -> Duration {
    let delay = min(seconds, maximum / .seconds(1)) * (1 - jitter + jitter * min(max(random, 0), 1))
    // In whole microseconds, so that 1.6 s are just that.
    return .microseconds(Int64(min((delay * 1_000_000).rounded(), 9e18)))
  }
}

/// The system's random number from 0 to below 1: what a program hands to whoever draws jitter.
@Sendable public func randomFraction() -> Double { Double.random(in: 0..<1) }
