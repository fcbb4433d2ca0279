public import Timing
import WireFormats

/// How often a message is tried, and when it is given up.
public struct DeliveryPolicy: Sendable, Hashable {
  /// Between attempts.
  public var backoff: Backoff
  /// A message is given up after so many attempts without success; at least 1.
  public var maximumAttempts: Int
  /// A message is given up later than this after it was added: after an attempt without success, and without one of its
  /// own where its destination does not answer to others.
  public var maximumAge: Duration
  /// The most that a receiver can ask for with `Retry-After`.
  public var longestRetryAfter: Duration

  public init(
    backoff: Backoff = Backoff(base: .seconds(5), maximum: .seconds(900)), maximumAttempts: Int = 1000,
    maximumAge: Duration = .seconds(3 * 86_400), longestRetryAfter: Duration = .seconds(3600)
  ) {
    self.backoff = backoff
    self.maximumAttempts = max(maximumAttempts, 1)
    self.maximumAge = maximumAge
    self.longestRetryAfter = max(longestRetryAfter, .zero)
  }

  /// What becomes of a message after an attempt.
  enum Verdict: Sendable, Hashable {
    case remove
    case keep(until: Timestamp, reason: String)
    case bury(DeadMessage.Cause, reason: String)
  }

  /// - Parameters:
  ///   - attempt: the number of the attempt, from 1.
  ///   - random: from 0 to below 1.
  func verdict(_ answer: SendAnswer, attempt: Int, createdAt: Timestamp, now: Timestamp, random: Double) -> Verdict {
    switch answer {
    case .delivered: return .remove
    case .rejected(let reason): return .bury(.rejected, reason: Self.kept(reason))
    case .retry(let after, let reason):
      if attempt >= maximumAttempts {
        return .bury(.givenUp, reason: Self.kept("given up after \(attempt) attempts; the last one: \(reason)"))
      }
      if now - createdAt >= maximumAge {
        return .bury(
          .givenUp, reason: Self.kept("given up \(now - createdAt) after it was added; the last attempt: \(reason)"))
      }
      let delay = max(backoff.delay(failures: attempt, random: random), bounded(after) ?? .zero)
      return .keep(until: now + delay, reason: Self.kept(reason))
    }
  }

  /// Why a message that is in nobody's hands is given up without another attempt; nil where it is not.
  /// - Parameters:
  ///   - isAbandoned: the process that made the last attempt has not recorded how it ended.
  ///   - isUnanswered: the last message to its destination had no success.
  func hopelessness(
    attempts: Int, isAbandoned: Bool, isUnanswered: Bool, createdAt: Timestamp, lastError: String?, now: Timestamp
  ) -> String? {
    if isAbandoned && attempts >= maximumAttempts {
      return Self.kept("given up after \(attempts) attempts; how the last one ended was not recorded")
    }
    guard isUnanswered && now - createdAt >= maximumAge else { return nil }
    let cause = lastError.map { "the last attempt: \($0)" } ?? "its destination does not answer"
    return Self.kept("given up \(now - createdAt) after it was added; \(cause)")
  }

  /// What a receiver asked for, as far as it is respected.
  func bounded(_ retryAfter: Duration?) -> Duration? { retryAfter.map { min(max($0, .zero), longestRetryAfter) } }

  /// A reason as the database takes it; receivers may answer with anything.
  private static func kept(_ reason: String) -> String {
    String(String.UnicodeScalarView(reason.unicodeScalars.prefix(1000).map { $0 == "\0" ? "\u{FFFD}" : $0 }))
  }
}

/// When a destination is let be, because it does not answer.
public struct BreakerPolicy: Sendable, Hashable {
  /// After so many failures in a row; at least 1.
  public var failures: Int
  /// How long it is let be before the next single message is sent to see whether it answers.
  public var probeInterval: Duration

  public init(failures: Int = 5, probeInterval: Duration = .seconds(60)) {
    self.failures = max(failures, 1)
    self.probeInterval = max(probeInterval, .zero)
  }
}

/// What is known of a destination, by all processes alike: it is kept in the table `outbox_destination` and changed in the
/// transaction that records an answer.
struct DestinationHealth: Sendable, Hashable {
  /// Attempts without success since the last success, of whichever messages.
  var failures = 0
  /// Nothing is sent before.
  var heldUntil = Timestamp(microseconds: 0)

  /// - Parameter retryAfter: what the receiver asked for, bounded.
  mutating func note(_ answer: SendAnswer, retryAfter: Duration?, breaker: BreakerPolicy, now: Timestamp) {
    switch answer {
    case .delivered, .rejected: self = DestinationHealth()  // Whoever rejects a message answers.
    case .retry:
      failures += 1
      if isOpen(breaker) { heldUntil = max(heldUntil, now + breaker.probeInterval) }
      if let retryAfter { heldUntil = max(heldUntil, now + retryAfter) }
    }
  }

  /// True where only one message at a time is sent, as a probe.
  func isOpen(_ breaker: BreakerPolicy) -> Bool { failures >= breaker.failures }
}
