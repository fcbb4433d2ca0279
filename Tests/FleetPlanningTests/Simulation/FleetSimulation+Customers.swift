import FleetKinds
import FleetPlanning
import FleetProtocol
import TestSupport
import WireFormats

/// What customers do, and what the network does with what they say.
extension FleetSimulation {
  func deliverWebhook(_ index: Int, _ offer: Timestamp) {
    let customer = customers[index]
    guard !customer.isRemoved else { return }
    if customer.isDown || (!isCalm && chance(10)) {
      return queue.add(.webhookResult(index, offer: offer, isAcknowledged: false), at: later(120...130))
    }
    learn(index, offer)
    // Sometimes only the answer is lost.
    let isAcknowledged = isCalm || !chance(5)
    queue.add(.webhookResult(index, offer: offer, isAcknowledged: isAcknowledged), at: later(0...2))
    if !isCalm, chance(10) { queue.add(.webhook(index, offer: offer), at: later(0...600)) }
  }

  func recordWebhook(_ index: Int, _ offer: Timestamp, _ isAcknowledged: Bool) {
    guard !customers[index].isRemoved, var target = customers[index].target, target.offeredAt == offer,
      target.phase == .pending
    else { return }
    target.phase = isAcknowledged ? .notified : .webhookFailed
    setTarget(index, target)
    if isAcknowledged { seen(index) }
  }

  func poll(_ index: Int) {
    let customer = customers[index]
    guard !customer.isRemoved else { return }
    queue.add(.poll(index), at: later(customer.pollInterval...(customer.pollInterval + 60)))
    guard !customer.isDown else { return }
    customers[index].reportedVersion = customer.version
    seen(index)
    guard let target = customer.target, target.isOffered, let offer = target.offeredAt else { return }
    learn(index, offer)
  }

  private func learn(_ index: Int, _ offer: Timestamp) {
    // What is under way comes to its end first; the next poll brings the offer again.
    guard customers[index].knownOffer != offer, !customers[index].ignoresOffers, !customers[index].isActive,
      customers[index].version != Self.version
    else { return }
    customers[index].knownOffer = offer
    customers[index].isActive = true
    customers[index].attempt += 1
    let first: Act =
      switch number(0...99) {
      case 0..<6: .refuse
      case 6..<10: .failDownload
      case 10..<70: .schedule
      default: .begin
      }
    next(index, first, 10...600)
  }

  private func next(_ index: Int, _ act: Act, _ seconds: ClosedRange<Int>) {
    let slowness = customers[index].slowness
    let time = later((seconds.lowerBound * slowness)...(seconds.upperBound * slowness))
    queue.add(.act(index, attempt: customers[index].attempt, act), at: time)
  }

  func act(_ index: Int, _ attempt: Int, _ act: Act) {
    guard !customers[index].isRemoved, customers[index].attempt == attempt else { return }
    if customers[index].isDown { return queue.add(.act(index, attempt: attempt, act), at: later(600...1_200)) }
    if act == .begin, customers[index].target?.isWithdrawn == true, chance(50) {
      // It has heard that the offer was taken back.
      customers[index].isActive = false
      customers[index].knownOffer = nil
      return
    }
    tally["\(act)", default: 0] += 1
    switch act {
    case .refuse: end(index, .cancelled)
    case .failDownload: end(index, .downloadFailed)
    case .schedule:
      say(index, .scheduled)
      next(index, chance(5) ? .missDeadline : .begin, 60...3_600)
    case .missDeadline:
      say(index, .deadlineExceeded)
      // It takes it all the same, at a time of its own.
      customers[index].attempt += 1
      next(index, .begin, 60...7_200)
    case .begin:
      say(index, .inProgress)
      next(index, chance(customers[index].failureShare) ? .fail : .succeed, 30...900)
    case .succeed:
      customers[index].version = Self.version
      end(index, .success)
    case .fail:
      if chance(50) {
        say(index, .failed)
        next(index, .rollBack, 10...300)
      } else {
        end(index, .failed)
      }
    case .rollBack: end(index, .rolledBack)
    }
  }

  private func end(_ index: Int, _ status: StatusReport.Status) {
    say(index, status)
    customers[index].isActive = false
  }

  /// Sent until it arrives: at least once, some time, in any order.
  private func say(_ index: Int, _ status: StatusReport.Status) {
    customers[index].sequence += 1
    let customer = customers[index]
    let sent = Sent(
      report: customer.report(
        status, Self.releaseID, now: now, clockSkew: .seconds(index % 7 == 3 ? 9_000_000_000 : index)),
      attempt: customer.attempt, sequence: customer.sequence)
    if isCalm { return queue.add(.report(index, sent), at: later(0...2)) }
    switch number(0...99) {
    case 0..<12: queue.add(.report(index, sent), at: later(60...7_200))
    case 12..<25:
      queue.add(.report(index, sent), at: later(0...5))
      queue.add(.report(index, sent), at: later(0...14_400))
    default: queue.add(.report(index, sent), at: later(0...5))
    }
  }

  // MARK: - What the vendor does with it

  func receive(_ index: Int, _ sent: Sent) throws {
    let customer = customers[index]
    guard !customer.isRemoved, let target = customer.target else { return }
    seen(index)
    let known = customers[index].target ?? target
    switch ReportDecision.decide(known, version: Self.version, report: sent.report, now: now) {
    case .apply(let change):
      try checkApplied(index, sent)
      apply(index, change.target, running: change.running?.version, sent)
    case .ignore(let why):
      tally["ignored", default: 0] += 1
      let blindly =
        fault == .lateReportsOverwrite
        || (fault == .everyReportOfAnUnansweredTargetCounts && why == .earlierAttempt && known.bucket == .waiting)
      if blindly {
        var changed = known
        changed.phase = TargetPhase(columnWord: sent.report.status.rawValue) ?? known.phase
        try checkApplied(index, sent)
        apply(index, changed, running: nil, sent)
        return
      }
      try checkIgnored(index, sent, why)
    }
  }

  private func apply(_ index: Int, _ target: TargetFacts, running version: String?, _ sent: Sent) {
    setTarget(index, target)
    if let version { customers[index].reportedVersion = version }
    customers[index].appliedSequence = sent.sequence
    customers[index].appliedAttempts.insert(sent.attempt)
    customers[index].wasTouched = false
    // Whoever sees a failure may try again at once, and while the rollout is paused what is tried again waits.
    guard target.bucket == .failed, !isCalm, chance(20) else { return }
    if chance(60) { queue.add(.user(.pause), at: now) }
    queue.add(.user(.retry), at: later(5...1_800))
    queue.add(.user(.resume), at: later(1_800...14_400))
  }
}
