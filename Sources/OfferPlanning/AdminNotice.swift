public import WireFormats

/// A fact that the admins of a customer are to know (spec §1.4, §5 to §11). It is told once, whatever is repeated or killed: who
/// finds it again finds that it was told.
public struct AdminNotice: Sendable, Hashable, Codable {
  public enum Kind: String, Sendable, Hashable, Codable, CaseIterable {
    // A release and its way (spec §5.3 to §5.6).
    case releaseAvailable
    case forcedUpdate
    case migrationDowntime
    case deploymentScheduled
    case deploymentStarted
    case deploymentSucceeded
    case deploymentFailed
    case composeFailed
    case deploymentTimedOut
    case deploymentCancelled
    case rollbackStarted
    case rollbackSucceeded
    case rollbackFailed
    // Scheduling and deadlines (spec §10).
    case missedSchedule
    case forcedReminder
    case forcedUrgentReminder
    case deadlineExceeded
    case automaticScheduled
    case automaticOff
    // Downloads (spec §8.3).
    case downloadFailed
    case checksumMismatch
    case bucketUnavailable
    case bucketRecovered
    /// The vendor's server refuses this customer's key, so that no release comes.
    case vendorRefusesKey
    // The Agent (spec §11.2).
    case agentOffline
    case agentBack
    // Licence.
    case licenseExpiring
    case licenseExpired
    case licenseBlocked
    // After the deployment.
    case unhealthyAfterDeployment
    /// A rollback asked for a version that neither the bucket nor the vendor has any more (spec §9.1).
    case versionUnavailable
    /// An admin asked whether notices arrive.
    case test

    /// Whether it holds until it is resolved; what is not is over with the moment that it is about.
    public var isLasting: Bool {
      switch self {
      case .agentOffline, .bucketUnavailable, .downloadFailed, .checksumMismatch, .licenseExpired, .licenseExpiring,
        .automaticOff, .vendorRefusesKey:
        true
      default: false
      }
    }
  }

  public var kind: Kind
  /// Names what it is about, such as a deployment's id with the hour of a reminder: one mail for one fact.
  public var fact: String
  /// Of the release; nil where it is about none.
  public var version: String?
  /// What the notice is about in time: the moment it is scheduled for, the deadline, the expiry.
  public var time: Timestamp?
  /// A sentence or an error of somebody's for people; hostile until shown as text.
  public var detail: String?
  /// Why a deployment or a download failed, in CamelCase, as the Agent's conditions name it, such as `ImagePullFailed`.
  public var reason: String?

  public init(
    _ kind: Kind, fact: String, version: String? = nil, time: Timestamp? = nil, detail: String? = nil,
    reason: String? = nil
  ) {
    self.kind = kind
    self.fact = fact
    self.version = version
    self.time = time
    self.detail = detail
    self.reason = reason
  }

  /// Names the fact among all: the kind and what it is about.
  public var id: String { "\(kind.rawValue)/\(fact)" }
}
