import FleetKinds
import FleetPlanning
import TestSupport
import WireFormats

/// The shell around the planner: it gathers facts, and carries out a decision wholly or not at all.
extension FleetSimulation {
  private func gather() -> RolloutFacts {
    var spec = self.spec
    var status = self.status
    var stages = spec.stages.indices.map { index in
      RolloutFacts.Stage(counts: counters[index], oldestUnanswered: oldestUnanswered(index))
    }
    switch fault {
    case .offersForgetTheMinute:
      for index in status?.stages.indices ?? 0..<0 { status?.stages[index].recentOffers = nil }
    case .offersForgetTheLimit: for index in stages.indices { stages[index].counts.notifying = 0 }
    case .offersWhilePaused: if spec.state == .paused { spec.state = .running }
    case .haltsOneFailureTooLate: for index in stages.indices { spec.stages[index].gate?.maxFailures? += 1 }
    case .stagesDoNotWait:
      for index in stages.indices { stages[index].counts.waiting = 0 }
    default: break
    }
    return RolloutFacts(
      spec: spec, annotations: annotations, generation: generation, release: release, stages: stages,
      lateJoiners: RolloutPlanner.wantsLateJoiners(spec, status, at: now)
        ? customers.count { !$0.isRemoved && $0.target == nil } : 0,
      begunAndAway: customers.count { $0.target?.hasBegunAndIsAway ?? false }, status: status, now: now)
  }

  private func oldestUnanswered(_ stage: Int) -> Timestamp? {
    guard spec.stages[stage].gate?.silentAfter != nil else { return nil }
    var oldest: Timestamp?
    for customer in customers where customer.stage == stage {
      guard let since = customer.target?.silentSince else { continue }
      oldest = min(oldest ?? since, since)
    }
    return oldest
  }

  func plan() throws {
    var rounds = 0
    while true {
      rounds += 1
      if rounds > 100 { throw violation("deciding does not come to rest") }
      let facts = gather()
      let decision = RolloutPlanner.decide(facts)
      try checkHalt(facts, decision)
      if !isCalm, chance(5) {
        // The process ends before its transaction does; another one decides again.
        tally["killed", default: 0] += 1
        if fault == .halfOfADecisionIsLost { status = decision.status }
        return schedulePlan(later(1...30))
      }
      let before = status
      status = decision.status
      for action in decision.actions { try carryOut(action, before) }
      isChanged = false
      try checkCounts()
      if let due = decision.nextDue, due > .zero { schedulePlan(now + due) }
      if decision.actions.isEmpty, decision.nextDue != .zero {
        if fault == nil {
          let again = RolloutPlanner.decide(gather())
          if !again.actions.isEmpty || again.status != status || !again.events.isEmpty {
            throw violation(
              "deciding again over the same facts decides otherwise: \(again.actions) \(again.status.reason)")
          }
        }
        try checkEnd()
        return
      }
    }
  }

  private func carryOut(_ action: RolloutAction, _ before: RolloutStatus?) throws {
    note("\(action)")
    tally["\(action)".prefix { $0 != "(" }.description, default: 0] += 1
    switch action {
    case .fixMembers(let stage): try fixMembers(stage)
    case .offer(let stage, let count): try offer(stage, count)
    case .markSilent(let stage, let limit):
      for index in customers.indices where customers[index].stage == stage {
        guard var target = customers[index].target, let since = target.silentSince, since < limit else { continue }
        target.isSilent = true
        setTarget(index, target)
      }
    case .admitLateJoiners(let stage):
      guard stage == spec.stages.count - 1 else { throw violation("late joiners enter a stage that is not the last") }
      for index in customers.indices where !customers[index].isRemoved && customers[index].target == nil {
        makeTarget(index, stage)
      }
    case .withdrawUnanswered:
      for index in customers.indices {
        guard let target = customers[index].target, target.isWithdrawable else { continue }
        customers[index].wasTouched = true
        setTarget(index, target.withdrawn(at: now))
      }
    case .offerPrevious: break
    case .retryFailed(let includingWithdrawn):
      for index in customers.indices {
        guard let target = customers[index].target,
          target.bucket == .failed || (includingWithdrawn && target.isWithdrawn)
        else { continue }
        customers[index].wasTouched = true
        var retried = target.retried()
        if fault == .retriesForgetTheAttempt { (retried.attemptID, retried.attempt) = (nil, nil) }
        setTarget(index, retried)
      }
    }
  }

  private func fixMembers(_ stage: Int) throws {
    for earlier in status?.stages.prefix(stage) ?? [] where earlier.passedAt == nil {
      throw violation("stage \(stage) starts before \(earlier.name) passed")
    }
    let free = customers.indices.filter { !customers[$0].isRemoved && customers[$0].target == nil }
    let members = StageMembership.members(
      of: spec.stages[stage],
      among: free.map { StageMembership.Candidate(name: customers[$0].name, labels: customers[$0].labels) },
      release: spec.release)
    for member in members { makeTarget(free[member], stage) }
    guard fixed.insert(stage).inserted else { throw violation("the members of stage \(stage) are fixed twice") }
  }

  private func makeTarget(_ index: Int, _ stage: Int) {
    customers[index].stage = stage
    var target = TargetFacts(releaseID: Self.releaseID)
    target.isOffline = HealthStatus.isOffline(HealthStatus.health(lastSeen: customers[index].lastSeen, now: now))
    switch OfferDecision.decide(release, for: customers[index].facts, now: now) {
    case .alreadyThere: target = target.alreadyThere(at: now)
    case .blocked(let block): target = target.blocked(for: block.reason)
    case .offer: break
    }
    setTarget(index, target)
  }

  private func offer(_ stage: Int, _ count: Int) throws {
    try checkOffer(stage)
    let waiting = customers.indices.filter { customers[$0].stage == stage && customers[$0].target?.bucket == .waiting }
      .sorted {
        StageMembership.rank(of: customers[$0].name, release: spec.release)
          < StageMembership.rank(of: customers[$1].name, release: spec.release)
      }
    if waiting.count < count { throw violation("\(count) are to be offered, and \(waiting.count) wait") }
    for index in waiting.prefix(count) {
      guard let target = customers[index].target else { continue }
      switch OfferDecision.decide(release, for: customers[index].facts, now: now) {
      case .alreadyThere: setTarget(index, target.alreadyThere(at: now))
      case .blocked(let block): setTarget(index, target.blocked(for: block.reason))
      case .offer(let channel, _):
        setTarget(index, target.offered(over: channel, at: now))
        offerTimes[stage].append(now)
        guard channel == .webhook else { continue }
        // Where the process ended after its transaction, another one finds what is to be sent.
        queue.add(.webhook(index, offer: now), at: !isCalm && chance(5) ? later(60...300) : later(0...3))
      }
    }
    try checkLimits(stage)
  }
}

extension TargetFacts {
  /// Since when it is waited for word of it.
  fileprivate var silentSince: Timestamp? {
    switch bucket {
    case .notifying, .consent: offeredAt
    case .inProgress: startedAt
    default: nil
    }
  }
}
