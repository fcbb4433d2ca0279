/// Limits how often something happens: `rate` tokens a second flow in, at most `burst` are kept, and each time one is taken.
public struct TokenBucket: Sendable, Hashable {
  /// Tokens a second; more than 0.
  public var rate: Double
  public var burst: Double
  private var tokens: Double
  private var lastRefill: Duration

  /// A full one.
  /// - Parameter now: time since any fixed moment.
  public init(rate: Double, burst: Double, now: Duration) {
    self.rate = rate
    self.burst = burst
    self.tokens = burst
    self.lastRefill = now
  }

  /// Takes one token.
  /// - Parameter now: time since any fixed moment, the same one each time.
  /// - Returns: nil where there was one, otherwise how long until there is, in whole milliseconds and at most a day.
  public mutating func take(now: Duration) -> Duration? {
    if now > lastRefill {
      tokens = min(burst, tokens + (now - lastRefill) / .seconds(1) * rate)
      lastRefill = now
    }
    guard tokens < 1 else {
      tokens -= 1
      return nil
    }
    return .milliseconds(Int64(min((1 - tokens) / rate * 1000, 86_400_000).rounded(.up)))
  }

  /// True where nothing was taken for so long that a new bucket would be the same.
  public func isFull(now: Duration) -> Bool { tokens + (now - lastRefill) / .seconds(1) * rate >= burst }
}
