public import ResourceModel
public import WireFormats

/// How a release reaches the customers: in stages, each with a gate after it.
public typealias Rollout = Resource<RolloutKind>

public struct RolloutSpec: Sendable, Hashable, Codable {
  public enum State: String, Sendable, Hashable, Codable, CaseIterable {
    case running = "Running"
    /// Nothing new is offered until it runs again.
    case paused = "Paused"
    /// Nothing is offered any more, and what was not taken up is taken back.
    case halted = "Halted"
  }

  /// What becomes of those that run the release already when it is halted.
  public enum HaltPolicy: String, Sendable, Hashable, Codable, CaseIterable {
    case hold = "Hold"
    case offerPrevious = "OfferPrevious"
  }

  public struct Selector: Sendable, Hashable, Codable {
    public var matchLabels: [String: String]

    public init(matchLabels: [String: String]) { self.matchLabels = matchLabels }
  }

  /// What has to hold before the next stage starts. Members that are offline, silent, blocked, cancelled or wait for consent are
  /// in no ratio.
  public struct Gate: Sendable, Hashable, Codable {
    /// 0...100, of those that reported.
    public var successPercent: Int?
    /// More failures than this halt the rollout.
    public var maxFailures: Int?
    /// 0...100, of those that reported; more failures than this halt the rollout.
    public var maxFailuresPercent: Int?
    /// How many must have reported; nil for one.
    public var minReports: Int?
    /// How long nothing happens after all the rest holds.
    public var soak: DurationText?
    /// True: it opens only once `approvedStages` names the stage.
    public var approval: Bool?
    /// A customer that has not answered an offer for so long counts as silent; nil: none does.
    public var silentAfter: DurationText?

    public init(
      successPercent: Int? = nil, maxFailures: Int? = nil, maxFailuresPercent: Int? = nil, minReports: Int? = nil,
      soak: DurationText? = nil, approval: Bool? = nil, silentAfter: DurationText? = nil
    ) {
      self.successPercent = successPercent
      self.maxFailures = maxFailures
      self.maxFailuresPercent = maxFailuresPercent
      self.minReports = minReports
      self.soak = soak
      self.approval = approval
      self.silentAfter = silentAfter
    }
  }

  /// At most one of `organizations`, `selector`, `percent` and `count`; with none of them it is for everyone left.
  public struct Stage: Sendable, Hashable, Codable {
    public var name: String
    public var organizations: [String]?
    public var selector: Selector?
    /// 1...100, of all organizations that are in no stage before; rounded up.
    public var percent: Int?
    public var count: Int?
    /// How many may be notified or in progress at once; nil: any number.
    public var maxInFlight: Int?
    /// How many are offered within any minute; nil: any number.
    public var startsPerMinute: Int?
    public var gate: Gate?

    public init(
      name: String, organizations: [String]? = nil, selector: Selector? = nil, percent: Int? = nil, count: Int? = nil,
      maxInFlight: Int? = nil, startsPerMinute: Int? = nil, gate: Gate? = nil
    ) {
      self.name = name
      self.organizations = organizations
      self.selector = selector
      self.percent = percent
      self.count = count
      self.maxInFlight = maxInFlight
      self.startsPerMinute = startsPerMinute
      self.gate = gate
    }

    /// Who is in the stage.
    public enum Membership: Sendable, Hashable {
      case organizations([String])
      case labels([String: String])
      case percent(Int)
      case count(Int)
      case everyoneLeft
    }

    public var membership: Membership {
      if let organizations { return .organizations(organizations) }
      if let selector { return .labels(selector.matchLabels) }
      if let percent { return .percent(percent) }
      if let count { return .count(count) }
      return .everyoneLeft
    }
  }

  /// The version; cannot be changed.
  public var release: String
  public var state: State
  public var onHalt: HaltPolicy
  public var approvedStages: [String]?
  /// 1...50.
  public var stages: [Stage]

  public init(
    release: String, state: State = .running, onHalt: HaltPolicy = .hold, approvedStages: [String]? = nil,
    stages: [Stage]
  ) {
    self.release = release
    self.state = state
    self.onHalt = onHalt
    self.approvedStages = approvedStages
    self.stages = stages
  }
}

public struct RolloutStatus: Sendable, Hashable, Codable {
  public enum Phase: String, Sendable, Hashable, Codable, CaseIterable {
    case pending = "Pending"
    case progressing = "Progressing"
    case paused = "Paused"
    case halted = "Halted"
    case completed = "Completed"
  }

  public enum StagePhase: String, Sendable, Hashable, Codable, CaseIterable {
    case pending = "Pending"
    case running = "Running"
    case soaking = "Soaking"
    case awaitingApproval = "AwaitingApproval"
    case passed = "Passed"
    case failed = "Failed"
  }

  public enum HaltCause: String, Sendable, Hashable, Codable, CaseIterable {
    /// Somebody asked for it.
    case requested = "Requested"
    case releaseWithdrawn = "ReleaseWithdrawn"
    /// More failed than a gate allows.
    case tooManyFailures = "TooManyFailures"
    /// The success that a gate asks for cannot be reached any more.
    case tooFewSuccesses = "TooFewSuccesses"
  }

  /// How many were offered at once, for `startsPerMinute`.
  public struct OfferCount: Sendable, Hashable, Codable {
    public var at: Timestamp
    public var offered: Int

    public init(at: Timestamp, offered: Int) {
      self.at = at
      self.offered = offered
    }
  }

  public struct Stage: Sendable, Hashable, Codable {
    public var name: String
    public var phase: StagePhase
    /// When its members were fixed.
    public var startedAt: Timestamp?
    /// Since when its gate would be open but for soak time and approval.
    public var settledAt: Timestamp?
    public var passedAt: Timestamp?
    /// What was offered within the last minute, oldest first.
    public var recentOffers: [OfferCount]?
    public var counts: StageCounts

    public init(
      name: String, phase: StagePhase = .pending, startedAt: Timestamp? = nil, settledAt: Timestamp? = nil,
      passedAt: Timestamp? = nil, recentOffers: [OfferCount]? = nil, counts: StageCounts = StageCounts()
    ) {
      self.name = name
      self.phase = phase
      self.startedAt = startedAt
      self.settledAt = settledAt
      self.passedAt = passedAt
      self.recentOffers = recentOffers
      self.counts = counts
    }
  }

  public var observedGeneration: Int64?
  public var phase: Phase
  /// One sentence: why it stands as it stands, and what would move it.
  public var reason: String
  public var startedAt: Timestamp?
  public var completedAt: Timestamp?
  /// Set while it is halted; only a retry takes it up again.
  public var haltedAt: Timestamp?
  public var haltCause: HaltCause?
  public var haltMessage: String?
  /// The value of the retry annotation that was last acted upon.
  public var retriedAt: Timestamp?
  /// How many of those that succeeded were offered the version before since the halt.
  public var previousOffered: Int?
  public var stages: [Stage]
  public var conditions: [Condition]?

  public init(
    observedGeneration: Int64? = nil, phase: Phase = .pending, reason: String = "", startedAt: Timestamp? = nil,
    completedAt: Timestamp? = nil, haltedAt: Timestamp? = nil, haltCause: HaltCause? = nil, haltMessage: String? = nil,
    retriedAt: Timestamp? = nil, previousOffered: Int? = nil, stages: [Stage] = [], conditions: [Condition]? = nil
  ) {
    self.observedGeneration = observedGeneration
    self.phase = phase
    self.reason = reason
    self.startedAt = startedAt
    self.completedAt = completedAt
    self.haltedAt = haltedAt
    self.haltCause = haltCause
    self.haltMessage = haltMessage
    self.retriedAt = retriedAt
    self.previousOffered = previousOffered
    self.stages = stages
    self.conditions = conditions
  }

  /// All stages together.
  public var totals: StageCounts { stages.reduce(StageCounts()) { $0 + $1.counts } }
}
