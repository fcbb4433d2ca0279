import Synchronization

/// A token bucket for each caller; the number of buckets is bounded.
final class RateLimiter: Sendable {
  static let maximumCallers = 4096

  private let rate: Double
  private let burst: Double
  private let start = ContinuousClock.now
  private let buckets = Mutex<[String: TokenBucket]>([:])

  init(rate: Double, burst: Double) {
    self.rate = rate
    self.burst = burst
  }

  /// - Returns: nil where the caller may go on, otherwise how long it should wait.
  func take(for caller: String) -> Duration? {
    let now = ContinuousClock.now - start
    return buckets.withLock { buckets in
      if buckets[caller] == nil && buckets.count >= Self.maximumCallers {
        buckets = buckets.filter { !$0.value.isFull(now: now) }
      }
      return buckets[caller, default: TokenBucket(rate: rate, burst: burst, now: now)].take(now: now)
    }
  }
}
