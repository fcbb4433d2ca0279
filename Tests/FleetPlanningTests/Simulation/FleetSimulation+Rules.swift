import FleetKinds
import FleetPlanning
import FleetProtocol
import WireFormats

/// What must hold after every step.
extension FleetSimulation {
  /// Counts are kept with every change; counted anew they are the same, and they add up to the members.
  func checkCounts() throws {
    var recount = spec.stages.map { _ in StageCounts() }
    var members = spec.stages.map { _ in 0 }
    for customer in customers {
      guard let target = customer.target else { continue }
      recount[customer.stage][target.bucket] += 1
      members[customer.stage] += 1
    }
    guard recount == counters else { throw violation("the counts are \(counters), and counted anew \(recount)") }
    guard counters.map(\.members) == members else { throw violation("the counts do not add up to the members") }
  }

  func checkOffer(_ stage: Int) throws {
    if spec.state != .running { throw violation("offered while \(spec.state)") }
    if release.isWithdrawn || release.state != .published { throw violation("offered though the release is not") }
    guard let status, status.haltedAt == nil else { throw violation("offered while halted") }
    if status.stages[stage].startedAt == nil { throw violation("offered before the stage started") }
    for earlier in status.stages.prefix(stage) where earlier.passedAt == nil {
      throw violation("stage \(stage) is offered before \(earlier.name) passed")
    }
  }

  func checkLimits(_ stage: Int) throws {
    if let most = spec.stages[stage].maxInFlight, counters[stage].notifying > 0, counters[stage].underWay > most {
      throw violation("\(counters[stage].underWay) are under way by offers, and \(most) may be")
    }
    offerTimes[stage].removeAll { now - $0 >= .seconds(60) }
    if let most = spec.stages[stage].startsPerMinute, offerTimes[stage].count > most {
      throw violation("\(offerTimes[stage].count) were offered within a minute, and \(most) may be")
    }
  }

  /// A report that was applied is newer than every one before.
  func checkApplied(_ index: Int, _ sent: Sent) throws {
    let customer = customers[index]
    // What was said last may be said again after the vendor made the offer anew: it is still so.
    let isNewer =
      sent.sequence > customer.appliedSequence
      || (sent.sequence == customer.appliedSequence && customer.wasTouched && sent.report.status == .scheduled)
    let isKnown =
      switch customer.style {
      case .numbered: true
      // An attempt of which nothing was heard before may be an earlier one: nothing says so.
      case .named: customer.appliedAttempts.contains(sent.attempt) && customer.attempt <= 8
      // Without names a report from before a retry cannot be told from one after it.
      case .bare: !customer.wasTouched && customer.attempt == 1
      }
    if isKnown, !isNewer {
      throw violation("\(customer.name): \(sent.report.status) overwrote what is newer")
    }
  }

  /// A report that was ignored, and is newer than every one before, was ignored for a good reason.
  func checkIgnored(_ index: Int, _ sent: Sent, _ why: ReportDecision.Ignored) throws {
    let customer = customers[index]
    guard customer.style == .numbered, sent.sequence > customer.appliedSequence else { return }
    switch why {
    case .withdrawn, .nothingElseRuns: return
    // What comes of an attempt whose failure was retried already.
    case .earlierAttempt: if customer.wasTouched { return }
    // The organization ran the release before.
    case .overtaken, .repeated: if customer.target?.reason == TargetReason.alreadyThere { return }
    case .otherRelease, .notOffered: break
    }
    throw violation("\(customer.name): \(sent.report.status) is news and was ignored since \(why)")
  }

  /// The rollout halts exactly when a budget is exceeded, by a second reading of the rules.
  func checkHalt(_ facts: RolloutFacts, _ decision: RolloutDecision) throws {
    if decision.actions.contains(where: { if case .retryFailed = $0 { true } else { false } }) { return }
    let before = status
    if before?.haltedAt != nil { return }
    // Of one that is completed a failure counts for as long as anybody may still take its offer.
    let open: Set<TargetBucket> = [.waiting, .notifying, .consent, .scheduled, .inProgress, .offline, .silent]
    if let before, before.completedAt != nil {
      let isOpen = customers.contains { $0.target.map { open.contains($0.bucket) } ?? false }
      let failed = customers.count { $0.target?.bucket == .failed }
      guard isOpen, failed > before.totals.failed, release.state == .published || decision.status.haltCause != nil
      else {
        return
      }
    }
    let isExceeded = spec.stages.indices.contains { self.isExceeded($0, before) }
    switch decision.status.haltCause {
    case .tooManyFailures, .tooFewSuccesses:
      if !isExceeded { throw violation("halted within the budgets: \(decision.status.reason)") }
    case .requested: if spec.state != .halted { throw violation("halted without a request") }
    case .releaseWithdrawn: if !release.isWithdrawn { throw violation("halted without a withdrawal") }
    case nil:
      if isExceeded { throw violation("a budget is exceeded: \(decision.status.reason)") }
      if spec.state == .halted || release.isWithdrawn { throw violation("not halted though asked to") }
    }
  }

  private func isExceeded(_ stage: Int, _ before: RolloutStatus?) -> Bool {
    guard let known = before?.stages[stage], known.startedAt != nil, let gate = spec.stages[stage].gate else {
      return false
    }
    let buckets = customers.filter { $0.stage == stage }.compactMap { $0.target?.bucket }
    let failed = buckets.count { $0 == .failed }
    let succeeded = buckets.count { $0 == .succeeded }
    let expected = buckets.count { [.waiting, .notifying, .consent, .scheduled, .inProgress].contains($0) }
    let away = buckets.count { [.offline, .silent].contains($0) }
    let reported = failed + succeeded
    if let most = gate.maxFailures, failed > most { return true }
    if let most = gate.maxFailuresPercent, failed > 0, reported >= gate.minReports ?? 1 || expected == 0,
      Double(failed) / Double(reported) > Double(most) / 100 + 1e-9
    {
      return true
    }
    guard let least = gate.successPercent, failed > 0, known.passedAt == nil else { return false }
    let best = Double(succeeded + expected + away) / Double(reported + expected + away)
    if best < Double(least) / 100 - 1e-9 { return true }
    return expected == 0 && Double(succeeded) / Double(reported) < Double(least) / 100 - 1e-9
  }

  func checkEnd() throws {
    guard let status else { return }
    if status.reason.isEmpty || !status.reason.hasSuffix(".") { throw violation("no reason is given") }
    if status.stages.map(\.counts) != counters, fault == nil { throw violation("the status has other counts") }
    for (index, stage) in status.stages.enumerated() where (stage.startedAt != nil) != fixed.contains(index) {
      throw violation("\(stage.name) has started, and its members were never fixed")
    }
    switch status.phase {
    case .completed:
      for stage in status.stages where stage.passedAt == nil { throw violation("completed before \(stage.name)") }
    case .halted:
      if customers.contains(where: { $0.target?.isWithdrawable ?? false }) {
        throw violation("halted, and offers stand")
      }
    case .pending, .progressing, .paused: break
    }
    tally["\(status.phase)", default: 0] += 1
  }
}
