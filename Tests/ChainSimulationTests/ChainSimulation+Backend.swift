import DeploymentKinds
import FleetProtocol
import OfferPlanning
import ResourceModel
import TestSupport
import WireFormats

/// The Backend's processes, and what travels between them and the vendor.
extension ChainSimulation {
  func backendTime(_ customer: Int) -> Timestamp { now + customers[customer].clock }

  private func turn(_ customer: Int) -> SimulatedBackend.Turn {
    .init(now: backendTime(customer), fault: fault, makeID: { [unowned self] in makeID() })
  }

  // MARK: - Processes

  func startBackend(_ index: Int) {
    customers[index].incarnation += 1
    customers[index].isUp = true
    customers[index].upSince = now
    customers[index].pollAt = nil
    let incarnation = customers[index].incarnation
    schedulePoll(index, later(0...30))
    queue.add(.heartbeat(index, incarnation: incarnation), at: later(0...30))
    queue.add(.download(index, incarnation: incarnation, isRegular: true), at: later(0...10))
    queue.add(.pass(index, incarnation: incarnation, isRegular: true), at: later(0...10))
    for outgoing in customers[index].backend.outbox {
      queue.add(.transmit(index, id: outgoing.id, incarnation: incarnation), at: later(0...10))
    }
  }

  private func killBackend(_ index: Int) {
    tally["killed", default: 0] += 1
    customers[index].isUp = false
    customers[index].incarnation += 1
    queue.add(.backendUp(index), at: chance(10) ? later(300...5_400) : later(2...60))
  }

  private func isRunning(_ index: Int, _ incarnation: Int) -> Bool {
    customers[index].isUp && customers[index].incarnation == incarnation
  }

  /// One transaction. The process may end before its end, or after it and before anything else that was to be done.
  /// - Returns: whether the process goes on.
  @discardableResult
  func transact(
    _ index: Int, _ body: (inout SimulatedBackend, SimulatedBackend.Turn) throws -> Void
  ) throws -> Bool {
    let before = customers[index].backend
    var copy = before
    try body(&copy, turn(index))
    if !isCalm, chance(1) {
      killBackend(index)
      return false
    }
    customers[index].backend = copy
    try checkBackend(index)
    if copy.recordRevision != before.recordRevision { queue.add(.agent(index, isRegular: false), at: later(0...5)) }
    if !isCalm, chance(1) {
      killBackend(index)
      return false
    }
    let known = Set(before.outbox.map(\.id))
    for outgoing in copy.outbox where !known.contains(outgoing.id) {
      note("org-\(index) reports \(outgoing.report.shown)")
      queue.add(
        .transmit(index, id: outgoing.id, incarnation: customers[index].incarnation), at: later(0...2))
    }
    return true
  }

  // MARK: - Offers

  func schedulePoll(_ index: Int, _ time: Timestamp) {
    if let known = customers[index].pollAt, known <= time { return }
    customers[index].pollAt = time
    queue.add(.poll(index), at: time)
  }

  private func isReached(_ index: Int) -> Bool {
    isVendorUp && !customers[index].isCut && (isCalm || !chance(6))
  }

  func poll(_ index: Int) throws {
    guard customers[index].isUp, customers[index].pollAt == now else { return }
    customers[index].pollAt = nil
    let isWanted = customers[index].isPollWanted
    customers[index].isPollWanted = false
    let time = backendTime(index)
    let state = customers[index].backend
    switch state.vendor.step(isWanted: isWanted, lastAt: state.lastPollAt, now: time) {
    case .wait(let wait):
      if isWanted { customers[index].isPollWanted = true }
      schedulePoll(index, now + max(wait, .seconds(1)))
    case .claim(let claim):
      let isRunning = try transact(index) { backend, _ in backend.vendor.claimedUntil = claim }
      guard isRunning else { return }
      let incarnation = customers[index].incarnation
      guard isReached(index) else {
        try endPoll(index, claim) { backend in
          backend.pollFailures += 1
          return VendorSchedule.pause(
            failures: backend.pollFailures, retryAfter: nil, random: Double(number(0...999)) / 1_000)
        }
        return
      }
      // The answer may be long on its way.
      let arrival = !isCalm && chance(8) ? later(20...100) : later(0...2)
      queue.add(
        .answer(index, openOffer(index), askedAt: time, claim: claim, incarnation: incarnation), at: arrival)
    }
  }

  private func endPoll(
    _ index: Int, _ claim: Timestamp, _ body: (inout SimulatedBackend) throws -> Duration
  ) throws {
    let isRunning = try transact(index) { backend, turn in
      guard backend.vendor.claimedUntil == claim else { return }
      let pause = try body(&backend)
      backend.vendor.claimedUntil = nil
      backend.vendor.nextAt = turn.now + pause
      backend.lastPollAt = turn.now
    }
    guard isRunning else { return }
    let next = customers[index].backend.vendor.nextAt.map { $0 - backendTime(index) } ?? .zero
    schedulePoll(index, now + max(next, .seconds(1)))
  }

  func take(
    _ index: Int, _ offer: ReleaseOffer?, _ askedAt: Timestamp, _ claim: Timestamp, _ incarnation: Int
  ) throws {
    guard isRunning(index, incarnation) else { return }
    var taken = SimulatedBackend.Taken.yes
    let random = Double(number(0...999)) / 1_000
    let turn = turn(index)
    try endPoll(index, claim) { backend in
      backend.pollFailures = 0
      var pause = VendorSchedule.pause(interval: 900, wanted: nil, random: random)
      let tag = offer.map { "\($0.releaseID) \($0.isForced)" } ?? "none"
      if backend.usableTag == tag { return pause }
      if let offer { taken = backend.takeIn(offer, askedAt: askedAt, turn) }
      if case .tooEarly(let wait) = taken { pause = min(pause, wait) }
      let isTakenIn: Bool
      switch taken {
      case .yes, .again: isTakenIn = true
      case .no, .tooEarly: isTakenIn = false
      }
      (backend.tag, backend.offeredReleaseID) = isTakenIn ? (tag, offer?.releaseID) : (nil, nil)
      return pause
    }
    if case .again(let releaseID) = taken { try checkWantedAgain(index, releaseID) }
    note("org-\(index) is offered \(offer?.version ?? "nothing"): \(taken)")
    queue.add(
      .download(index, incarnation: customers[index].incarnation, isRegular: false), at: later(0...2))
  }

  func heartbeat(_ index: Int, _ incarnation: Int) {
    guard isRunning(index, incarnation) else { return }
    queue.add(.heartbeat(index, incarnation: incarnation), at: later(500...700))
    guard isReached(index) else { return }
    seen(index, running: customers[index].backend.currentVersion)
  }

  // MARK: - Downloads

  func download(_ index: Int, _ incarnation: Int, isRegular: Bool) throws {
    guard isRunning(index, incarnation) else { return }
    if isRegular {
      queue.add(.download(index, incarnation: incarnation, isRegular: true), at: later(100...300))
    }
    var claimed: (id: String, demand: ArtifactDemand)?
    guard customers[index].backend.releases.contains(where: { !$0.isDownloaded && !$0.status.isFinal }),
      try transact(index, { backend, turn in claimed = backend.claimDownload(turn) }), let claimed
    else { return }
    queue.add(
      .downloaded(index, id: claimed.id, claimed.demand, incarnation: incarnation), at: later(1...90))
  }

  func downloaded(_ index: Int, _ id: String, _ demand: ArtifactDemand, _ incarnation: Int) throws {
    guard isRunning(index, incarnation) else { return }
    let random = Double(number(0...999)) / 1_000
    func fail(_ kind: DownloadFailure.Kind) throws {
      tally["download failed", default: 0] += 1
      try transact(index) { backend, turn in
        backend.failDownload(id, DownloadFailure(kind, "it failed"), random: random, turn)
      }
    }
    guard isReached(index) else { return try fail(.unavailable(retryAfter: nil)) }
    let outcome = isCalm ? 99 : number(0...99)
    switch outcome {
    case 0..<12:
      guard fault == .downloadsAreNotVerified else { return try fail(.checksumMismatch) }
      customers[index].bucket[demand.version] = "something else"
    case 12..<20: return try fail(.unavailable(retryAfter: .seconds(number(1...600))))
    case 20..<24: return try fail(.bucket)
    case 24..<27: return try fail(.disk)
    default: customers[index].bucket[demand.version] = demand.sha256
    }
    lastChange = now
    try transact(index) { backend, turn in backend.completeDownload(id, demand, turn) }
  }

  // MARK: - Reports

  func transmit(_ index: Int, _ id: String, _ incarnation: Int) {
    guard isRunning(index, incarnation),
      let outgoing = customers[index].backend.outbox.first(where: { $0.id == id })
    else { return }
    let isSent = isReached(index)
    if fault == .reportsAreSentOnce {
      customers[index].backend.settle(id, at: backendTime(index))
    }
    guard isSent else {
      return queue.add(.transmit(index, id: id, incarnation: incarnation), at: later(30...900))
    }
    let isLate = !isCalm && chance(12)
    queue.add(
      .arrive(index, outgoing.report, id: id, incarnation: incarnation), at: isLate ? later(60...5_400) : later(0...3))
    if isLate { queue.add(.transmit(index, id: id, incarnation: incarnation), at: later(30...600)) }
  }

  func arrive(_ index: Int, _ report: SimulatedBackend.Report, _ id: String, _ incarnation: Int) throws {
    if isVendorUp { try receive(index, report) }
    guard isVendorUp, isCalm || !chance(8) else {
      return queue.add(.transmit(index, id: id, incarnation: incarnation), at: later(30...600))
    }
    queue.add(.acknowledge(index, id: id, incarnation: incarnation), at: later(0...2))
  }

  func acknowledge(_ index: Int, _ id: String, _ incarnation: Int) throws {
    guard isRunning(index, incarnation) else { return }
    try transact(index) { backend, turn in backend.settle(id, at: turn.now) }
  }

  // MARK: - Tasks, policy, health

  func pass(_ index: Int, _ incarnation: Int, isRegular: Bool) throws {
    guard isRunning(index, incarnation) else { return }
    if isRegular {
      queue.add(.pass(index, incarnation: incarnation, isRegular: true), at: later(100...300))
    }
    let isSettled = now - customers[index].upSince >= .seconds(120)
    guard try transact(index, { backend, turn in backend.tasksPass(isSettled: isSettled, turn) }) else { return }
    if customers[index].backend.policy == .automatic {
      let isRunning = try transact(index) { backend, turn in
        guard let (version, time) = backend.automaticPass(calendar: calendar, turn) else { return }
        customers[index].consents.append(Consent(version: version, task: backend.work.last?.id, window: time))
        tally["automatic", default: 0] += 1
        note("org-\(index) schedules \(version) by itself for \(time)")
      }
      guard isRunning else { return }
    }
    guard customers[index].backend.currentVersion != "2.2.0",
      try transact(index, { backend, turn in backend.beginWatching(turn) })
    else { return }
    guard customers[index].backend.watched.contains(where: { !$0.isOver }) else { return }
    let status = customers[index].backend.record?.status
    try transact(index) { backend, turn in
      guard let version = backend.look(at: status, turn) else { return }
      tally["unhealthy", default: 0] += 1
      customers[index].consents.append(Consent(version: version, task: backend.work.last?.id))
    }
  }
}

extension SimulatedBackend.Report {
  var shown: String {
    switch self {
    case .scheduled(let report): "\(report.releaseID) scheduled of \(report.attemptID ?? "")"
    case .status(let report):
      "\(report.releaseID) \(report.status) of \(report.attempt ?? 0) \(report.attemptID ?? "")"
    }
  }
}
