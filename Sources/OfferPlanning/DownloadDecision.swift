import Timing
public import WireFormats

/// Why an artifact is not in the bucket yet.
public struct DownloadFailure: Error, Sendable, Hashable {
  public enum Kind: Sendable, Hashable {
    /// The vendor's server, or the way to it, fails in a way that may pass.
    case unavailable(retryAfter: Duration?)
    /// The vendor's server does not know this customer's key.
    case unauthorized
    /// The vendor has it no more, or never had.
    case gone
    /// It is not what was offered (spec §8.3, 3.2).
    case checksumMismatch
    /// It has the digest that was offered, and still cannot be deployed.
    case unusable
    /// What was offered was not signed as it has to be, or is no offer: nothing is downloaded.
    /// - Parameter reason: as conditions name it.
    case refused(reason: String)
    /// The disk of this machine has no room, or does not work.
    case disk
    /// It lies here, and the bucket does not take it (spec §8.3, 3.3).
    case bucket
  }

  public var kind: Kind
  /// What is wrong, where, and what to do.
  public var message: String

  public init(_ kind: Kind, _ message: String) {
    self.kind = kind
    self.message = message
  }

  /// As reports name it.
  public var reason: String {
    switch kind {
    case .unavailable, .disk: "DownloadFailed"
    case .unauthorized: "Unauthorized"
    case .gone: "ArtifactNotAvailable"
    case .checksumMismatch: "ChecksumMismatch"
    case .unusable: "ArtifactInvalid"
    case .refused(let reason): reason
    case .bucket: "BucketUnavailable"
    }
  }

  /// Whether trying at once again would end the same way.
  public var isLasting: Bool {
    switch kind {
    case .gone, .unusable, .refused: true
    case .unavailable, .unauthorized, .checksumMismatch, .disk, .bucket: false
    }
  }
}

/// What follows a download that failed (spec §8.3): three tries with growing pauses, then `downloadFailed`, and tries in the
/// background until the release is overtaken or its offer taken back.
public struct DownloadDecision: Sendable, Hashable {
  public var status: LocalDeploymentStatus
  /// Tries that failed in a row, this one included.
  public var attempts: Int64
  public var nextAt: Timestamp
  /// Told to admins, and unless it is about the bucket to the vendor; nil: nobody is told (again).
  public var notice: AdminNotice.Kind?

  public static let tries: Int64 = 3
  static let backoff = Backoff(base: .seconds(5), maximum: .seconds(60), factor: 4, jitter: 0.2)
  static let background = Backoff(base: .seconds(120), maximum: .seconds(1800), jitter: 0.3)
  static let lasting = Backoff(base: .seconds(600), maximum: .seconds(6 * 3600), jitter: 0.3)
  static let longestRetryAfter: Duration = .seconds(3600)

  /// - Parameters:
  ///   - attempts: tries that failed before this one.
  ///   - random: from 0 to below 1.
  public init(
    after failure: DownloadFailure, status: LocalDeploymentStatus, attempts: Int64, now: Timestamp, random: Double
  ) {
    let count = attempts.addingReportingOverflow(1).partialValue
    self.attempts = count
    let isGivenUp = failure.isLasting || count >= Self.tries
    var delay: Duration
    if failure.isLasting {
      delay = Self.lasting.delay(failures: Int(clamping: count), random: random)
    } else if isGivenUp {
      delay = Self.background.delay(failures: Int(clamping: count - Self.tries + 1), random: random)
    } else {
      delay = Self.backoff.delay(failures: Int(clamping: count), random: random)
    }
    if case .unavailable(let wanted?) = failure.kind { delay = max(delay, min(wanted, Self.longestRetryAfter)) }
    nextAt = now + delay
    self.status = status
    notice = nil
    guard isGivenUp else { return }
    switch failure.kind {
    // It was downloaded: the release waits for the bucket alone.
    case .bucket: notice = .bucketUnavailable
    case .checksumMismatch: notice = .checksumMismatch
    default: notice = .downloadFailed
    }
    if failure.kind != .bucket { self.status = DeploymentRule.step(status, .downloadFailed)?.status ?? status }
  }
}
