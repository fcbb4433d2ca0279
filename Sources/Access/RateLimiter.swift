import Synchronization
import Timing

/// A token bucket for each caller. The number of buckets is bounded: callers beyond it share one.
public final class RateLimiter: Sendable {
  public static let standardMaximumCallers = 4096

  private struct State {
    var buckets: [String: TokenBucket] = [:]
    var shared: TokenBucket
    var lastSweep: Duration?
  }

  private let rate: Double
  private let burst: Double
  private let maximumCallers: Int
  private let now: @Sendable () -> Duration
  private let state: Mutex<State>

  /// - Parameters:
  ///   - rate: requests a second that one caller may send for long.
  ///   - burst: requests that one caller may send at once.
  ///   - maximumCallers: how many have a bucket of their own at once; one that is full again is forgotten.
  ///   - now: time since any fixed moment; nil for the system's.
  public init(
    rate: Double, burst: Double, maximumCallers: Int = RateLimiter.standardMaximumCallers,
    now: (@Sendable () -> Duration)? = nil
  ) {
    self.rate = rate
    self.burst = burst
    self.maximumCallers = maximumCallers
    let start = ContinuousClock.now
    self.now = now ?? { ContinuousClock.now - start }
    state = Mutex(State(shared: TokenBucket(rate: rate, burst: burst, now: .zero)))
  }

  /// How many callers have a bucket of their own.
  public var callerCount: Int { state.withLock { $0.buckets.count } }

  /// - Returns: nil where the caller may go on, otherwise how long it should wait.
  public func take(for caller: String) -> Duration? {
    let now = now()
    return state.withLock { state in
      if state.buckets[caller] == nil, state.buckets.count >= maximumCallers {
        // At most once a second: it looks at every bucket.
        if state.lastSweep.map({ now - $0 >= .seconds(1) }) ?? true {
          state.lastSweep = now
          state.buckets = state.buckets.filter { !$0.value.isFull(now: now) }
        }
        if state.buckets.count >= maximumCallers { return state.shared.take(now: now) }
      }
      return state.buckets[caller, default: TokenBucket(rate: rate, burst: burst, now: now)].take(now: now)
    }
  }
}
