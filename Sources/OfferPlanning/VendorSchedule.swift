import Timing
public import WireFormats

/// When the vendor's server is asked next, and by which of several processes.
public struct VendorSchedule: Sendable, Hashable {
  /// Nil: at once.
  public var nextAt: Timestamp?
  /// While a process is at it: until when it may be.
  public var claimedUntil: Timestamp?

  public init(nextAt: Timestamp? = nil, claimedUntil: Timestamp? = nil) {
    self.nextAt = nextAt
    self.claimedUntil = claimedUntil
  }

  /// No process takes longer; what another has not ended by then is begun anew.
  public static let lease: Duration = .seconds(120)
  /// Between two times, whoever asks for more.
  public static let shortestPause: Duration = .seconds(5)
  /// A time that lies further ahead is that of a clock which was wrong.
  static let longest: Duration = .seconds(86_400 + 3600)

  public enum Step: Sendable, Hashable {
    /// This process is at it until then.
    case claim(until: Timestamp)
    case wait(Duration)
  }

  /// - Parameters:
  ///   - isWanted: somebody asks for it before its time.
  ///   - lastAt: when it was done last.
  public func step(isWanted: Bool, lastAt: Timestamp?, now: Timestamp) -> Step {
    if let claimedUntil, claimedUntil > now, claimedUntil - now <= Self.lease { return .wait(claimedUntil - now) }
    var due = nextAt.flatMap { $0 - now > Self.longest ? nil : $0 } ?? now
    if isWanted { due = min(due, now) }
    if let lastAt, lastAt <= now { due = max(due, lastAt + Self.shortestPause) }
    return due <= now ? .claim(until: now + Self.lease) : .wait(due - now)
  }

  /// - Parameters:
  ///   - interval: the customer's setting, in seconds.
  ///   - wanted: what the vendor's server asked for, in seconds; obeyed within bounds, and never to come more often than a
  ///     customer who has set a longer interval wants.
  ///   - random: from 0 to below 1.
  public static func pause(interval: Int64, wanted: Int64?, random: Double) -> Duration {
    let own = min(max(interval, 30), 86_400)
    if let wanted {
      let obeyed = min(max(wanted, 30), 3600)
      return .seconds(own > 300 ? max(own, obeyed) : obeyed)
    }
    return .seconds(own) * (0.9 + 0.2 * random)
  }

  static let backoff = Backoff(base: .seconds(15), maximum: .seconds(900), jitter: 0.5)

  /// - Parameters:
  ///   - failures: in a row, 1 or more.
  ///   - retryAfter: what the vendor's server asked for.
  ///   - random: from 0 to below 1.
  public static func pause(failures: Int64, retryAfter: Duration?, random: Double) -> Duration {
    let own = backoff.delay(failures: Int(clamping: failures), random: random)
    // Those who were sent away together do not come back together.
    return max(own, min(retryAfter ?? .zero, .seconds(3600)) * (1 + 0.1 * random))
  }
}
