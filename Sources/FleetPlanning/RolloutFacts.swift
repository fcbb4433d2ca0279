public import FleetKinds
public import WireFormats

/// Everything that the next step of a rollout depends on, read in one transaction with the step.
public struct RolloutFacts: Sendable, Hashable {
  public struct Stage: Sendable, Hashable {
    public var counts: StageCounts
    /// Since when the one that is silent for longest has been: of targets in the buckets notifying and consent since they were
    /// offered the release, of those in progress since they reported so. Nil where there is none, or where the stage's gate has no
    /// `silentAfter`.
    public var oldestUnanswered: Timestamp?

    public init(counts: StageCounts = StageCounts(), oldestUnanswered: Timestamp? = nil) {
      self.counts = counts
      self.oldestUnanswered = oldestUnanswered
    }
  }

  public var spec: RolloutSpec
  public var annotations: [String: String]
  public var generation: Int64
  /// Nil where there is no such release.
  public var release: ReleaseFacts?
  /// In the order of `spec.stages`; what is missing counts as without members.
  public var stages: [Stage]
  /// How many organizations have no target of the release. Asked for only while `RolloutPlanner.wantsLateJoiners` says so.
  public var lateJoiners: Int
  /// How many members of all stages `TargetFacts.hasBegunAndIsAway`: a halt takes nothing back from them.
  public var begunAndAway: Int
  /// As it was last recorded.
  public var status: RolloutStatus?
  public var now: Timestamp

  public init(
    spec: RolloutSpec, annotations: [String: String] = [:], generation: Int64, release: ReleaseFacts?,
    stages: [Stage] = [], lateJoiners: Int = 0, begunAndAway: Int = 0, status: RolloutStatus? = nil, now: Timestamp
  ) {
    self.spec = spec
    self.annotations = annotations
    self.generation = generation
    self.release = release
    self.stages = stages
    self.lateJoiners = lateJoiners
    self.begunAndAway = begunAndAway
    self.status = status
    self.now = now
  }
}

/// What is done to a rollout's targets, in the transaction that records the decision's status.
public enum RolloutAction: Sendable, Hashable {
  /// Make the stage's targets: see `StageMembership`.
  case fixMembers(stage: Int)
  /// Offer to so many of those that wait; each by its own `OfferDecision`, in the order of their rank or any other. One that turns
  /// out to be blocked or there already counts as one of them.
  case offer(stage: Int, count: Int)
  /// Mark silent what was offered before that moment and is in the buckets notifying and consent, and what has been in progress
  /// since before it.
  case markSilent(stage: Int, since: Timestamp)
  /// Make targets in the stage for all organizations that have none of the release.
  case admitLateJoiners(stage: Int)
  /// Cancel, of all stages, what nobody has begun to deploy: see `TargetFacts.isWithdrawable` and `withdrawn(at:)`.
  case withdrawUnanswered
  /// Offer the version before to those that succeeded and have not been offered it since the halt. Those with the reason
  /// `AlreadyThere` ran the release before the rollout: they have none.
  case offerPrevious
  /// Let those that failed wait again, with the same content: see `TargetFacts.retried()`. After a halt also those whose offers were
  /// taken back by it (`TargetFacts.isWithdrawn`).
  case retryFailed(includingWithdrawn: Bool)
}

/// An entry of the story that `kubectl describe` tells.
public struct RolloutEvent: Sendable, Hashable {
  public var isWarning: Bool
  /// In CamelCase.
  public var reason: String
  public var message: String

  public init(isWarning: Bool = false, _ reason: String, _ message: String) {
    self.isWarning = isWarning
    self.reason = reason
    self.message = message
  }
}

public struct RolloutDecision: Sendable, Hashable {
  public var status: RolloutStatus
  public var actions: [RolloutAction]
  /// When to decide again though nothing changed: zero for at once; nil for when something changes.
  public var nextDue: Duration?
  public var events: [RolloutEvent]

  public init(status: RolloutStatus, actions: [RolloutAction], nextDue: Duration?, events: [RolloutEvent] = []) {
    self.status = status
    self.actions = actions
    self.nextDue = nextDue
    self.events = events
  }
}
