import FleetKinds
import WireFormats

extension RolloutPlanner {
  /// Goes through the stages in their order, up to the first that has not passed.
  mutating func progress() {
    status.phase = .progressing
    for index in spec.stages.indices {
      if status.stages[index].startedAt == nil {
        start(index)
        return
      }
      markSilent(index)
      let isOffering = offer(index)
      if status.stages[index].passedAt != nil {
        status.stages[index].phase = .passed
        continue
      }
      guard step(index, isOffering: isOffering) else { return }
    }
    if facts.lateJoiners > 0, Self.wantsLateJoiners(spec, status, at: now) {
      actions.append(.admitLateJoiners(stage: spec.stages.count - 1))
      due(.zero)
    }
    complete()
  }

  private mutating func start(_ index: Int) {
    status.stages[index].startedAt = now
    status.stages[index].phase = .running
    status.startedAt = status.startedAt ?? now
    status.completedAt = nil
    actions.append(.fixMembers(stage: index))
    events.append(RolloutEvent("StageStarted", "Stage \(spec.stages[index].name) started."))
    word = "Progressing"
    status.reason = "Stage \(spec.stages[index].name) starts: its members are being fixed."
    due(.zero)
  }

  /// - Returns: true where the stage has passed, and the next one has its turn.
  private mutating func step(_ index: Int, isOffering: Bool) -> Bool {
    let stage = spec.stages[index]
    let counts = status.stages[index].counts
    status.stages[index].phase = .running
    word = "Progressing"
    if facts.lateJoiners > 0, Self.wantsLateJoiners(spec, status, at: now) {
      actions.append(.admitLateJoiners(stage: index))
      status.reason = "Stage \(stage.name) takes in \(facts.lateJoiners) that joined after it had started."
      due(.zero)
      return false
    }
    if counts.members == 0 {
      pass(index, "Stage \(stage.name) passed: it has no members.")
      return true
    }
    let gate = RolloutGate(stage.gate)
    guard gate.isOpen(counts, isSettled: status.stages[index].settledAt != nil) else {
      if status.stages[index].settledAt != nil {
        status.stages[index].settledAt = nil
        // It is open again, also for those that joined meanwhile.
        if Self.wantsLateJoiners(spec, status, at: now) { due(.zero) }
      }
      status.reason =
        counts.waiting > 0
        ? waitingReason(index, isOffering: isOffering) : "Stage \(stage.name) \(gate.closedReason(counts))."
      return false
    }
    let settledAt = status.stages[index].settledAt ?? now
    status.stages[index].settledAt = settledAt
    if let soak = gate.gate.soak, settledAt + soak.duration > now {
      let end = settledAt + soak.duration
      status.stages[index].phase = .soaking
      word = "Soaking"
      status.reason =
        "Stage \(stage.name) soaks until \(end.roundedUp): then it passes, unless failures halt it before."
      due(end - now)
      return false
    }
    if gate.gate.approval == true, spec.approvedStages?.contains(stage.name) != true {
      status.stages[index].phase = .awaitingApproval
      word = "AwaitingApproval"
      status.reason =
        "Stage \(stage.name) is done and waits for approval: \(stage.name) in spec.approvedStages gives it."
      return false
    }
    pass(
      index,
      counts.members == counts.unreachable
        ? "Stage \(stage.name) passed: none of its \(counts.members) members can report\(RolloutGate.apart(counts))."
        : "Stage \(stage.name) passed: \(counts.succeeded) of \(counts.reported) that reported succeeded\(RolloutGate.apart(counts))."
    )
    return true
  }

  private mutating func pass(_ index: Int, _ message: String) {
    status.stages[index].phase = .passed
    status.stages[index].passedAt = now
    events.append(RolloutEvent("StagePassed", message))
  }

  mutating func complete() {
    status.phase = .completed
    status.completedAt = status.completedAt ?? now
    word = "Completed"
    let totals = status.totals
    let waiting = totals.waiting == 0 ? "" : ", \(totals.waiting) still to be offered"
    status.reason =
      totals.members == 0
      ? "Completed: no stage had any members."
      : "Completed: \(totals.succeeded) of \(totals.members) run \(spec.release), \(totals.failed) failed\(waiting)\(RolloutGate.apart(totals))."
  }

  // MARK: - Offers

  private mutating func markSilent(_ index: Int) {
    guard let patience = spec.stages[index].gate?.silentAfter?.duration, index < facts.stages.count,
      let oldest = facts.stages[index].oldestUnanswered
    else { return }
    let limit = now + (.zero - patience)
    guard oldest < limit else { return due(oldest - limit + .milliseconds(1)) }
    actions.append(.markSilent(stage: index, since: limit))
    due(.zero)
  }

  /// - Returns: whether anybody is offered the release now.
  private mutating func offer(_ index: Int) -> Bool {
    let stage = spec.stages[index]
    let counts = status.stages[index].counts
    var recent = (status.stages[index].recentOffers ?? []).filter { now - $0.at < Self.window }
    status.stages[index].recentOffers = recent.isEmpty ? nil : recent
    guard counts.waiting > 0 else { return false }
    let room = stage.maxInFlight.map { max(0, $0 - counts.underWay) } ?? counts.waiting
    let wanted = min(counts.waiting, room)
    guard wanted > 0 else { return false }
    var count = min(wanted, Self.maximumOffers)
    if let rate = stage.startsPerMinute {
      count = min(count, max(0, rate - recent.reduce(0) { $0 + $1.offered }))
      if count > 0 { recent.append(RolloutStatus.OfferCount(at: now, offered: count)) }
      // Counted together at the later moment: never too many.
      while recent.count > Self.maximumRecentOffers {
        recent[1].offered += recent[0].offered
        recent.removeFirst()
      }
      status.stages[index].recentOffers = recent.isEmpty ? nil : recent
    }
    if count < wanted {
      if count == Self.maximumOffers {
        due(.zero)
      } else if let first = recent.first {
        due(first.at + Self.window - now)
      }
    }
    guard count > 0 else { return false }
    actions.append(.offer(stage: index, count: count))
    return true
  }

  private static let window = Duration.seconds(60)
  private static let maximumRecentOffers = 60

  private func waitingReason(_ index: Int, isOffering: Bool) -> String {
    let stage = spec.stages[index]
    let counts = status.stages[index].counts
    let waiting = "Stage \(stage.name) has \(counts.waiting) still to offer"
    if let most = stage.maxInFlight, counts.underWay >= most {
      return
        "\(waiting): \(counts.underWay) are under way, and maxInFlight allows \(most), so more follow as those report."
    }
    if let rate = stage.startsPerMinute, !isOffering {
      return "\(waiting): startsPerMinute allows \(rate) within a minute, so more follow as the minute passes."
    }
    return "\(waiting): offers are being made."
  }

  /// The earliest counts.
  mutating func due(_ duration: Duration) { nextDue = min(nextDue ?? duration, max(.zero, duration)) }
}

extension Timestamp {
  /// For people; never earlier.
  fileprivate var roundedUp: Timestamp { self == wholeSeconds ? self : wholeSeconds + .seconds(1) }
}
