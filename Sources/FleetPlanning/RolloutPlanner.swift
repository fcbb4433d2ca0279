public import FleetKinds
import ResourceModel
public import WireFormats

/// Decides the next step of a rollout: which stage is open, how many are offered the release now, and when it halts.
///
/// Level-triggered: it looks at the counts as they are, and deciding again after a decision was carried out, while nothing else
/// changed, gives no further action.
public struct RolloutPlanner {
  /// How many are offered by one action at most, so that no transaction takes long.
  public static let maximumOffers = 1_000

  let facts: RolloutFacts
  var spec: RolloutSpec { facts.spec }
  var now: Timestamp { facts.now }
  var status: RolloutStatus
  var actions: [RolloutAction] = []
  var events: [RolloutEvent] = []
  var nextDue: Duration?
  /// The word of the condition Ready.
  var word = ""

  public static func decide(_ facts: RolloutFacts) -> RolloutDecision {
    var planner = RolloutPlanner(facts)
    planner.decide()
    planner.announce()
    planner.setConditions()
    return RolloutDecision(
      status: planner.status, actions: planner.actions, nextDue: planner.nextDue, events: planner.events)
  }

  /// Whether organizations that joined since its members were fixed may enter the last stage: while it is open, and once it has
  /// passed, but not while it soaks or waits for approval, which would begin anew with each of them. Whoever gathers the facts
  /// counts them only then, and for a rollout that has completed only while no newer release is published.
  public static func wantsLateJoiners(_ spec: RolloutSpec, _ status: RolloutStatus?, at now: Timestamp) -> Bool {
    guard spec.state == .running, status?.haltedAt == nil, let last = spec.stages.last,
      last.membership == .everyoneLeft,
      let stage = status?.stages.first(where: { $0.name == last.name })
    else { return false }
    return stage.startedAt != nil && (stage.passedAt.map { $0 < now } ?? (stage.settledAt == nil))
  }

  private init(_ facts: RolloutFacts) {
    self.facts = facts
    status = facts.status ?? RolloutStatus()
    let known = Dictionary(status.stages.map { ($0.name, $0) }) { first, _ in first }
    status.stages = facts.spec.stages.enumerated().map { index, stage in
      var entry = known[stage.name] ?? RolloutStatus.Stage(name: stage.name)
      entry.counts = index < facts.stages.count ? facts.stages[index].counts : StageCounts()
      return entry
    }
    status.observedGeneration = facts.generation
  }

  // MARK: - What holds for the whole

  private mutating func decide() {
    if startRetry() { return }
    if status.haltedAt == nil, let (cause, message, stage) = haltCause() {
      status.haltedAt = now
      status.haltCause = cause
      status.haltMessage = message
      status.completedAt = nil
      if let stage { status.stages[stage].phase = .failed }
    }
    if status.haltedAt != nil { return settleHalt() }
    // What is completed stays so, also once its release gives way to the next one.
    let isDone = status.completedAt != nil && status.stages.allSatisfy { $0.passedAt != nil }
    if facts.release?.state != .published {
      if isDone { return complete() }
      status.phase = status.startedAt == nil ? .pending : .progressing
      word = facts.release?.state == .deprecated ? RolloutKind.releaseDeprecated : "ReleaseNotPublished"
      status.reason = unpublishedReason
    } else if spec.state == .paused {
      if isDone { return complete() }
      status.phase = .paused
      word = "Paused"
      status.reason = "Paused: nothing new is offered\(underWayText), until it is resumed."
    } else {
      progress()
    }
  }

  private var unpublishedReason: String {
    guard let release = facts.release else {
      return "There is no release \(spec.release): the rollout starts once it is created and published."
    }
    return switch release.state {
    case .draft: "Release \(release.version) is a draft: the rollout starts once it is published."
    case .published: ""
    case .deprecated:
      "Release \(release.version) is deprecated: nothing more of it is offered; halt the rollout, and make a new version."
    }
  }

  private var underWayText: String {
    let count = status.totals.underWay
    return count == 0 ? "" : ", \(count) under way go on"
  }

  // MARK: - Halting

  private func haltCause() -> (RolloutStatus.HaltCause, String, stage: Int?)? {
    if spec.state == .halted { return (.requested, "Halted on request", nil) }
    if let release = facts.release, release.isWithdrawn {
      return (.releaseWithdrawn, "Halted since release \(release.version) was withdrawn", nil)
    }
    if status.completedAt != nil, !isCompletedAtRisk { return nil }
    for (index, stage) in status.stages.enumerated() where stage.startedAt != nil {
      let isPassed = stage.passedAt != nil
      if let (cause, message) = RolloutGate(spec.stages[index].gate).failure(stage.counts, isPassed: isPassed) {
        return (cause, "Halted in stage \(stage.name): \(message)", index)
      }
    }
    return nil
  }

  /// One that is completed is held to its budgets for as long as anybody may still take its offer: by failures that come, and not by
  /// what there was when it completed.
  private var isCompletedAtRisk: Bool {
    let (totals, before) = (status.totals, facts.status?.totals ?? StageCounts())
    return facts.release?.state == .published && totals.failed > before.failed
      && totals.pending + totals.offline + totals.silent > 0
  }

  /// How many members a halt takes the offer back from: what nobody has begun to deploy, also where nobody is heard of.
  public static func withdrawable(_ totals: StageCounts, begunAndAway: Int) -> Int {
    totals.waiting + totals.notifying + totals.consent + totals.scheduled + totals.offline + totals.silent
      - begunAndAway
  }

  private mutating func settleHalt() {
    status.phase = .halted
    word = status.haltCause?.rawValue ?? "Halted"
    let totals = status.totals
    if Self.withdrawable(totals, begunAndAway: facts.begunAndAway) > 0 { actions.append(.withdrawUnanswered) }
    if spec.onHalt == .offerPrevious, totals.succeeded > status.previousOffered ?? 0 {
      actions.append(.offerPrevious)
      status.previousOffered = totals.succeeded
    }
    status.reason = "\(status.haltMessage ?? "Halted")\(underWayText); \(wayOut)."
  }

  private var wayOut: String {
    if facts.release?.isWithdrawn == true { return "nothing more is offered of a release that was withdrawn" }
    return "a retry takes it up again"
  }

  // MARK: - Retrying

  /// - Returns: true where what failed waits again: everything else is decided with the counts that follow from it.
  private mutating func startRetry() -> Bool {
    guard let text = facts.annotations[RolloutKind.retryAnnotation], let requested = Timestamp(text),
      isNewRetry(requested), spec.state != .halted, let release = facts.release, release.state == .published,
      !release.isWithdrawn
    else { return false }
    status.retriedAt = requested
    let failed = status.totals.failed
    let isHalted = status.haltedAt != nil
    guard isHalted || failed > 0 else { return false }
    actions.append(.retryFailed(includingWithdrawn: isHalted))
    status.haltedAt = nil
    status.haltCause = nil
    status.haltMessage = nil
    status.previousOffered = nil
    for index in status.stages.indices where status.stages[index].startedAt != nil {
      guard status.stages[index].passedAt == nil else {
        status.stages[index].phase = .passed
        continue
      }
      status.stages[index].phase = .running
      status.stages[index].settledAt = nil
    }
    if status.completedAt == nil {
      status.phase = spec.state == .paused ? .paused : .progressing
      word = status.phase.rawValue
    } else {
      word = "Completed"
    }
    status.reason =
      "\(failed) that failed \(isHalted ? "and those whose offers were taken back wait" : "wait") to be offered the release again."
    events.append(RolloutEvent("RetryStarted", status.reason))
    nextDue = .zero
    return true
  }

  /// A time far in the future must not keep later requests out.
  private func isNewRetry(_ requested: Timestamp) -> Bool {
    guard let last = status.retriedAt else { return true }
    return requested > last || (last > now && requested != last)
  }
}
