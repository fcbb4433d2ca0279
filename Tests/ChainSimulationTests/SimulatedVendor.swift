import FleetKinds
import FleetPlanning
import FleetProtocol
import ReleaseManifest
import TestSupport
import WireFormats

/// What the vendor keeps, as values.
struct SimulatedVendor {
  struct Release {
    var facts: ReleaseFacts
    var offer: ReleaseOffer
    var spec: RolloutSpec
    var status: RolloutStatus?
    var annotations: [String: String] = [:]
    var generation: Int64 = 1
    /// By customer.
    var targets: [Int: TargetFacts] = [:]
    var stages: [Int: Int] = [:]
    var planAt: Timestamp?

    var isOffered: Bool { facts.state == .published && !facts.isWithdrawn }
  }

  struct Organization {
    var currentVersion: String
    var lastSeen: Timestamp
    /// Of the newest end of a deployment that it reported.
    var lastEnd = Timestamp(seconds: 0)
  }

  var releases: [Release] = []
  var organizations: [Organization] = []
}

/// The vendor's side: rollouts, offers, what is heard of them.
extension ChainSimulation {
  func makeVendor() {
    for index in 0..<number(1...2) {
      let version = "2.\(3 + index).0"
      let digest = String(repeating: "\(index + 1)", count: 64)
      var spec = RolloutSpec(release: version, stages: [RolloutSpec.Stage(name: "all")])
      if chance(50) {
        var first = RolloutSpec.Stage(name: "first")
        first.count = 1
        if chance(50) { first.gate = RolloutSpec.Gate(maxFailures: number(0...2)) }
        spec.stages.insert(first, at: 0)
      }
      var facts = ReleaseFacts(version: version)
      facts.state = .draft
      vendor.releases.append(
        SimulatedVendor.Release(
          facts: facts,
          offer: ReleaseOffer(
            releaseID: "rel-\(index)", version: version, chartSha256: digest, composeSha256: digest,
            isForced: chance(35)), spec: spec))
      queue.add(.publish(release: index), at: later((index * 3_600)...((index + 1) * 7_200)))
    }
  }

  func user(_ release: Int) {
    guard !isCalm else { return }
    switch number(0...5) {
    case 0: vendor.releases[release].spec.state = .paused
    case 1: vendor.releases[release].spec.state = .running
    case 2: vendor.releases[release].offer.isForced.toggle()
    default: retryFailures(release)
    }
    changed(release)
  }

  func retryFailures(_ release: Int) {
    vendor.releases[release].annotations[RolloutKind.retryAnnotation] = now.description
    vendor.releases[release].generation += 1
    changed(release)
  }

  func changed(_ release: Int) {
    guard vendor.releases[release].planAt == nil else { return }
    schedulePlan(release, later(0...5))
  }

  private func schedulePlan(_ release: Int, _ time: Timestamp) {
    if let known = vendor.releases[release].planAt, known <= time { return }
    vendor.releases[release].planAt = time
    queue.add(.plan(release: release), at: time)
  }

  func plan(_ release: Int) throws {
    guard isVendorUp else { return schedulePlan(release, later(60...120)) }
    for _ in 0..<100 {
      let known = vendor.releases[release]
      let decision = RolloutPlanner.decide(facts(known))
      if !isCalm, chance(4) {
        tally["killed", default: 0] += 1
        return schedulePlan(release, later(1...30))
      }
      vendor.releases[release].status = decision.status
      for action in decision.actions { carryOut(action, release) }
      if let due = decision.nextDue, due > .zero { schedulePlan(release, now + due) }
      if decision.actions.isEmpty, decision.nextDue != .zero { return }
    }
    throw violation("the rollout's decisions do not come to rest")
  }

  private func isNewest(_ release: SimulatedVendor.Release) -> Bool {
    let versions = vendor.releases.filter(\.isOffered).compactMap { SemanticVersion($0.facts.version) }
    return SemanticVersion(release.facts.version) == versions.max()
  }

  private func facts(_ release: SimulatedVendor.Release) -> RolloutFacts {
    let stages = release.spec.stages.indices.map { stage in
      var counts = StageCounts()
      for (customer, target) in release.targets where release.stages[customer] == stage { counts[target.bucket] += 1 }
      return RolloutFacts.Stage(counts: counts)
    }
    return RolloutFacts(
      spec: release.spec, annotations: release.annotations, generation: release.generation, release: release.facts,
      stages: stages,
      lateJoiners: RolloutPlanner.wantsLateJoiners(release.spec, release.status, at: now)
        && (release.status?.stages.last?.passedAt == nil || isNewest(release))
        ? customers.count - release.targets.count : 0,
      begunAndAway: release.targets.values.count { $0.hasBegunAndIsAway }, status: release.status, now: now)
  }

  private func organization(_ customer: Int, _ release: Int) -> OrganizationFacts {
    OrganizationFacts(
      name: "org-\(customer)", currentVersion: vendor.organizations[customer].currentVersion,
      hasTarget: vendor.releases[release].targets[customer] != nil)
  }

  private func carryOut(_ action: RolloutAction, _ release: Int) {
    note("\(vendor.releases[release].facts.version) \(action)")
    let known = vendor.releases[release]
    switch action {
    case .fixMembers(let stage):
      let free = customers.indices.filter { known.targets[$0] == nil }
      let members = StageMembership.members(
        of: known.spec.stages[stage], among: free.map { .init(name: "org-\($0)") }, release: known.facts.version)
      for member in members { makeTarget(free[member], release, stage) }
    case .admitLateJoiners(let stage):
      for customer in customers.indices where known.targets[customer] == nil { makeTarget(customer, release, stage) }
    case .offer(let stage, let count): offer(release, stage, count)
    case .markSilent, .offerPrevious: break
    case .withdrawUnanswered:
      for (customer, target) in known.targets where target.isWithdrawable {
        vendor.releases[release].targets[customer] = target.withdrawn(at: now)
      }
    case .retryFailed(let includingWithdrawn):
      tally["retry", default: 0] += 1
      for (customer, target) in known.targets
      where target.bucket == .failed || (includingWithdrawn && target.isWithdrawn) {
        vendor.releases[release].targets[customer] = target.retried()
      }
    }
  }

  private func makeTarget(_ customer: Int, _ release: Int, _ stage: Int) {
    var target = TargetFacts(releaseID: vendor.releases[release].offer.releaseID)
    switch OfferDecision.decide(vendor.releases[release].facts, for: organization(customer, release), now: now) {
    case .alreadyThere: target = target.alreadyThere(at: now)
    case .blocked(let block): target = target.blocked(for: block.reason)
    case .offer: break
    }
    vendor.releases[release].stages[customer] = stage
    vendor.releases[release].targets[customer] = target
  }

  private func offer(_ release: Int, _ stage: Int, _ count: Int) {
    let known = vendor.releases[release]
    let waiting = customers.indices.filter { known.stages[$0] == stage && known.targets[$0]?.bucket == .waiting }
    for customer in waiting.prefix(count) {
      guard let target = known.targets[customer] else { continue }
      let next: TargetFacts
      switch OfferDecision.decide(known.facts, for: organization(customer, release), now: now) {
      case .alreadyThere: next = target.alreadyThere(at: now)
      case .blocked(let block): next = target.blocked(for: block.reason)
      case .offer(let channel, _):
        next = target.offered(over: channel, at: now)
        lastChange = now
        queue.add(.webhook(customer, release: release, offer: now), at: later(0...3))
      }
      vendor.releases[release].targets[customer] = next
    }
  }

  /// What a customer that asks is offered: the newest that is open.
  func openOffer(_ customer: Int) -> ReleaseOffer? {
    vendor.releases.last { $0.isOffered && $0.targets[customer]?.isOffered == true }?.offer
  }

  func deliverWebhook(_ customer: Int, _ release: Int, _ offer: Timestamp) {
    let isThere = customers[customer].isUp && !customers[customer].isCut && isVendorUp && (isCalm || !chance(15))
    if isThere {
      customers[customer].isPollWanted = true
      schedulePoll(customer, later(0...2))
    }
    let isAcknowledged = isThere && (isCalm || !chance(5))
    queue.add(
      .webhookResult(customer, release: release, offer: offer, isAcknowledged: isAcknowledged),
      at: isAcknowledged ? later(0...2) : later(120...130))
    if !isCalm, chance(10) { queue.add(.webhook(customer, release: release, offer: offer), at: later(0...600)) }
  }

  func recordWebhook(_ customer: Int, _ release: Int, _ offer: Timestamp, _ isAcknowledged: Bool) {
    guard var target = vendor.releases[release].targets[customer], target.offeredAt == offer, target.phase == .pending
    else { return }
    target.phase = isAcknowledged ? .notified : .webhookFailed
    vendor.releases[release].targets[customer] = target
    changed(release)
  }

  /// - Parameter version: what it says that it runs.
  func seen(_ customer: Int, running version: String?) {
    vendor.organizations[customer].lastSeen = now
    guard let version, vendor.organizations[customer].currentVersion != version else { return }
    vendor.organizations[customer].currentVersion = version
    // What was passed over for what ran is decided on anew.
    for release in vendor.releases.indices {
      guard var target = vendor.releases[release].targets[customer], target.blocked != nil else { continue }
      if case .blocked = OfferDecision.decide(
        vendor.releases[release].facts, for: organization(customer, release), now: now)
      {
        continue
      }
      target.blocked = nil
      vendor.releases[release].targets[customer] = target
      changed(release)
    }
  }

  private func passOver(_ customer: Int, by version: String) {
    for release in vendor.releases.indices {
      guard let target = vendor.releases[release].targets[customer],
        OfferDecision.isOvertaken(target, version: vendor.releases[release].facts.version, by: version)
      else { continue }
      vendor.releases[release].targets[customer] = target.blocked(for: .newerVersion)
      changed(release)
    }
  }

  func updateHealth() {
    for release in vendor.releases.indices {
      for customer in customers.indices {
        guard var target = vendor.releases[release].targets[customer] else { continue }
        let health = HealthStatus.health(lastSeen: vendor.organizations[customer].lastSeen, now: now)
        target.isOffline = HealthStatus.isOffline(health)
        vendor.releases[release].targets[customer] = target
      }
      changed(release)
    }
  }

  func receive(_ customer: Int, _ report: SimulatedBackend.Report) throws {
    let id =
      switch report {
      case .scheduled(let report): report.releaseID
      case .status(let report): report.releaseID
      }
    seen(customer, running: nil)
    guard let release = vendor.releases.firstIndex(where: { $0.offer.releaseID == id }),
      let target = vendor.releases[release].targets[customer]
    else { return }
    let version = vendor.releases[release].facts.version
    let decision =
      switch report {
      case .scheduled(let report): ReportDecision.decide(target, version: version, report: report, now: now)
      case .status(let report): ReportDecision.decide(target, version: version, report: report, now: now)
      }
    guard case .apply(let change) = decision else {
      note("org-\(customer) \(id) ignored: \(decision)")
      tally["ignored", default: 0] += 1
      return
    }
    note("org-\(customer) \(id) \(target.phase) → \(change.target.phase)")
    vendor.releases[release].targets[customer] = change.target
    lastChange = now
    if let running = change.running, running.since >= vendor.organizations[customer].lastEnd {
      seen(customer, running: running.version)
    }
    if let entry = change.history {
      vendor.organizations[customer].lastEnd = max(vendor.organizations[customer].lastEnd, entry.deployedAt)
    }
    if change.target.phase == .success, fault != .overtakenOffersStand { passOver(customer, by: version) }
    changed(release)
    if change.target.bucket == .failed, !isCalm, chance(35) { queue.add(.user(release: release), at: later(5...3_600)) }
  }
}
