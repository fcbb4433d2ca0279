/// Limits how often something happens: `rate` tokens a second flow in, at most `burst` are kept.
public struct TokenBucket: Sendable, Hashable {
  public var rate: Double
  public var burst: Double
  private var tokens: Double
  private var lastRefill: Duration

  public init(rate: Double, burst: Double, now: Duration) {
    self.rate = rate
    self.burst = burst
    self.tokens = burst
    self.lastRefill = now
  }

  /// Takes one token.
  /// - Parameter now: time since any fixed moment.
  /// - Returns: nil where there was one, otherwise how long until there is.
  public mutating func take(now: Duration) -> Duration? {
    if now > lastRefill {
      tokens = min(burst, tokens + (now - lastRefill).inSeconds * rate)
      lastRefill = now
    }
    guard tokens < 1 else {
      tokens -= 1
      return nil
    }
    // Whatever the rate is, the wait stays one that can be said.
    return .milliseconds(Int64(min((1 - tokens) / rate * 1000, 86_400_000).rounded(.up)))
  }

  /// True where nothing was taken for so long that a new bucket would be the same.
  func isFull(now: Duration) -> Bool { tokens + (now - lastRefill).inSeconds * rate >= burst }
}

extension Duration {
  public var inSeconds: Double { Double(components.seconds) + Double(components.attoseconds) * 1e-18 }
}
