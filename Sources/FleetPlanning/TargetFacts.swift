public import FleetKinds
public import WireFormats

/// What is known of one target: one release for one organization.
public struct TargetFacts: Sendable, Hashable {
  /// Of the release's row.
  public var releaseID: String
  public var phase: TargetPhase
  /// Nil: not offered yet.
  public var offeredAt: Timestamp?
  public var blocked: BlockReason?
  /// The customer did not answer in time; the next report of it ends that.
  public var isSilent: Bool
  /// Its organization is Offline or Critical.
  public var isOffline: Bool
  /// The customer's name of the attempt last heard of; after `endedPrefix` once that is over for good.
  public var attemptID: String?
  /// The customer's count of its attempts.
  public var attempt: Int64?
  /// Names of attempts that are over, oldest first; at most `DeploymentTargetStatus.maximumEndedAttempts`.
  public var endedAttempts: [String]
  public var scheduledFor: Timestamp?
  public var startedAt: Timestamp?
  public var completedAt: Timestamp?
  public var helmRevision: Int64?
  public var errorMessage: String?
  public var reason: String?
  public var component: String?

  public init(
    releaseID: String, phase: TargetPhase = .pending, offeredAt: Timestamp? = nil, blocked: BlockReason? = nil,
    isSilent: Bool = false, isOffline: Bool = false, attemptID: String? = nil, attempt: Int64? = nil,
    endedAttempts: [String] = [], scheduledFor: Timestamp? = nil, startedAt: Timestamp? = nil,
    completedAt: Timestamp? = nil, helmRevision: Int64? = nil, errorMessage: String? = nil, reason: String? = nil,
    component: String? = nil
  ) {
    self.releaseID = releaseID
    self.phase = phase
    self.offeredAt = offeredAt
    self.blocked = blocked
    self.isSilent = isSilent
    self.isOffline = isOffline
    self.attemptID = attemptID
    self.attempt = attempt
    self.endedAttempts = endedAttempts
    self.scheduledFor = scheduledFor
    self.startedAt = startedAt
    self.completedAt = completedAt
    self.helmRevision = helmRevision
    self.errorMessage = errorMessage
    self.reason = reason
    self.component = component
  }
}

/// What `reason` of a target says that no customer reported.
public enum TargetReason {
  /// The organization ran the release before it was offered.
  public static let alreadyThere = "AlreadyThere"
  /// The offer was taken back when its rollout halted; a retry makes it anew.
  public static let rolloutHalted = "RolloutHalted"
  /// The customer reported success, but another version to run.
  public static let versionMismatch = "VersionMismatch"
}

// MARK: - Where it is counted

extension TargetFacts {
  /// In this order of precedence; a generated column must say the same.
  public var bucket: TargetBucket {
    switch phase {
    case .cancelled: .cancelled
    case .success: .succeeded
    case .failed, .rolledBack, .downloadFailed: .failed
    // One that died in the middle holds its stage for nobody.
    case .inProgress: isOffline ? .offline : isSilent ? .silent : .inProgress
    case .scheduled: .scheduled
    // A customer that let a deadline pass has not failed: it may schedule it at any time (spec §10.2), or has for a later one.
    case .deadlineExceeded where isScheduledLater: .scheduled
    case .pending, .notified, .webhookFailed, .deadlineExceeded:
      if blocked != nil {
        .blocked
      } else if offeredAt == nil {
        .waiting
      } else if isOffline {
        .offline
      } else if isSilent {
        .silent
      } else {
        phase == .pending ? .notifying : .consent
      }
    }
  }

  /// The deadline of a forced release has passed, and the customer deploys it all the same.
  public var isScheduledLater: Bool { phase == .deadlineExceeded && scheduledFor != nil }

  /// Whether a halted rollout takes its offer back: nobody has begun to deploy it.
  public var isWithdrawable: Bool {
    switch bucket {
    case .waiting, .notifying, .consent, .scheduled: true
    case .silent, .offline: !hasBegunAndIsAway
    case .inProgress, .succeeded, .failed, .blocked, .cancelled: false
    }
  }

  /// It is counted as offline or silent, but its deployment has begun.
  public var hasBegunAndIsAway: Bool { phase == .inProgress && (isOffline || isSilent) }

  /// Whether a customer that asks for updates is answered with the release: until it has ended, also where it is thought to be under
  /// way. So a customer that lost its copy, or of which a late report was believed, goes on; one that is under way knows the
  /// release and does nothing.
  public var isOffered: Bool {
    switch phase {
    case .pending, .notified, .webhookFailed: offeredAt != nil && blocked == nil
    case .scheduled, .inProgress: offeredAt != nil
    // Who let a deadline pass has the release, and needs not be told of it. What it has scheduled must not be taken for taken back.
    case .deadlineExceeded where isScheduledLater: offeredAt != nil
    case .downloadFailed, .success, .failed, .rolledBack, .deadlineExceeded, .cancelled: false
    }
  }

  /// Whether its offer was taken back by a rollout that halted.
  public var isWithdrawn: Bool { phase == .cancelled && reason == TargetReason.rolloutHalted }
}

// MARK: - What a rollout does to it

/// What a rollout's actions mean for one target. Statements that change a thousand rows must do the same.
extension TargetFacts {
  /// Stands before the name of an attempt that failed and was retried.
  public static let endedPrefix = "ended:"

  /// - Parameter channel: without a webhook there is nothing to acknowledge: the poll brings the offer.
  public func offered(over channel: OfferDecision.Channel, at now: Timestamp) -> TargetFacts {
    var target = self
    target.offeredAt = now
    target.phase = channel == .webhook ? .pending : .notified
    target.blocked = nil
    target.isSilent = false
    target.reason = nil
    return target
  }

  /// Neither offered nor to be offered, as `OfferDecision.blocked` has it.
  public func blocked(for reason: BlockReason) -> TargetFacts {
    var target = self
    target.blocked = reason
    return target
  }

  /// Counted as success at once, since nothing is to be done.
  public func alreadyThere(at now: Timestamp) -> TargetFacts {
    var target = self
    target.phase = .success
    target.blocked = nil
    target.reason = TargetReason.alreadyThere
    target.completedAt = now
    return target
  }

  /// A customer that had scheduled it may go on: its attempt is not over, and what comes of it counts, after a retry, too. One that
  /// let a deadline pass and has scheduled nothing is over.
  public func withdrawn(at now: Timestamp) -> TargetFacts {
    var target = self
    if phase == .deadlineExceeded, !isScheduledLater { target.endAttempt() }
    if phase == .scheduled || isScheduledLater { target.attempt = attempt.flatMap { $0 > 0 ? $0 - 1 : nil } }
    target.phase = .cancelled
    target.reason = TargetReason.rolloutHalted
    target.completedAt = now
    target.scheduledFor = nil
    return target
  }

  private mutating func endAttempt() {
    if let known = attemptID, !known.hasPrefix(Self.endedPrefix) { attemptID = Self.endedPrefix + known }
  }

  /// Waiting again for the same content. The attempt that failed is over, and marked so: what still comes of it changes nothing.
  public func retried() -> TargetFacts {
    var target = self
    if phase != .cancelled {
      target.endAttempt()
    }
    if attemptID == nil, offeredAt != nil {
      // It was offered before: what the customer has begun on that offer is news.
      target.attemptID = Self.endedPrefix
    }
    target.phase = .pending
    target.offeredAt = nil
    target.isSilent = false
    target.scheduledFor = nil
    target.startedAt = nil
    target.completedAt = nil
    target.helmRevision = nil
    target.errorMessage = nil
    target.reason = nil
    target.component = nil
    return target
  }
}
