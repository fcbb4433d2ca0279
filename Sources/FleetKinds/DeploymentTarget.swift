public import ResourceModel
public import WireFormats

/// One release for one organization.
public typealias DeploymentTarget = Resource<DeploymentTargetKind>

/// How a target stands (spec §12, `DeploymentStatus`).
public enum TargetPhase: String, ColumnWord, Codable {
  case pending = "Pending"
  case notified = "Notified"
  case webhookFailed = "WebhookFailed"
  case downloadFailed = "DownloadFailed"
  case scheduled = "Scheduled"
  case inProgress = "InProgress"
  case success = "Success"
  case failed = "Failed"
  case rolledBack = "RolledBack"
  case deadlineExceeded = "DeadlineExceeded"
  case cancelled = "Cancelled"
}

/// Why a release is not offered to an organization.
public enum BlockReason: String, ColumnWord, Codable {
  case licenseExpired = "LicenseExpired"
  case minVersionBlocked = "MinVersionBlocked"
  /// It runs a newer version than the release.
  case newerVersion = "NewerVersion"
  /// The release has no artifact for its deployment type.
  case artifactMissing = "ArtifactMissing"

  /// The column is this program's own and has the object's words.
  public var columnWord: String { rawValue }
}

public struct DeploymentTargetSpec: Sendable, Hashable, Codable {
  /// The version.
  public var release: String
  public var organization: String
  public var rollout: String?
  public var stage: String?

  public init(release: String, organization: String, rollout: String? = nil, stage: String? = nil) {
    self.release = release
    self.organization = organization
    self.rollout = rollout
    self.stage = stage
  }
}

public struct DeploymentTargetStatus: Sendable, Hashable, Codable {
  public struct Webhook: Sendable, Hashable, Codable {
    public var sent: Bool
    public var acked: Bool
    public var retries: Int
    public var error: String?

    public init(sent: Bool = false, acked: Bool = false, retries: Int = 0, error: String? = nil) {
      self.sent = sent
      self.acked = acked
      self.retries = retries
      self.error = error
    }
  }

  public var phase: TargetPhase
  /// How it is counted.
  public var bucket: TargetBucket?
  /// Nil: not yet.
  public var offeredAt: Timestamp?
  public var blocked: BlockReason?
  public var webhook: Webhook?
  public var scheduledFor: Timestamp?
  /// By this server's clock, like `completedAt`.
  public var startedAt: Timestamp?
  public var completedAt: Timestamp?
  public var helmRevision: Int64?
  public var errorMessage: String?
  /// In CamelCase.
  public var reason: String?
  public var component: String?
  /// The customer's name of the attempt that was last heard of.
  public var attempt: String?
  /// The customer's count of its attempts at this release.
  public var attemptNumber: Int64?
  /// Attempts that are over, oldest first: what still comes of them changes nothing. At most `maximumEndedAttempts`.
  public var endedAttempts: [String]?
  public var conditions: [Condition]?

  public static let maximumEndedAttempts = 8

  public init(
    phase: TargetPhase = .pending, bucket: TargetBucket? = nil, offeredAt: Timestamp? = nil,
    blocked: BlockReason? = nil, webhook: Webhook? = nil,
    scheduledFor: Timestamp? = nil, startedAt: Timestamp? = nil, completedAt: Timestamp? = nil,
    helmRevision: Int64? = nil, errorMessage: String? = nil, reason: String? = nil, component: String? = nil,
    attempt: String? = nil, attemptNumber: Int64? = nil, endedAttempts: [String]? = nil,
    conditions: [Condition]? = nil
  ) {
    self.phase = phase
    self.bucket = bucket
    self.offeredAt = offeredAt
    self.blocked = blocked
    self.webhook = webhook
    self.scheduledFor = scheduledFor
    self.startedAt = startedAt
    self.completedAt = completedAt
    self.helmRevision = helmRevision
    self.errorMessage = errorMessage
    self.reason = reason
    self.component = component
    self.attempt = attempt
    self.attemptNumber = attemptNumber
    self.endedAttempts = endedAttempts
    self.conditions = conditions
  }
}
