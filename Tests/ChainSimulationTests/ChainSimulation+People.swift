import DeploymentKinds
import MaintenanceWindows
import OfferPlanning
import ResourceModel
import TestSupport
import WireFormats

/// A customer's admins, and its Agent.
extension ChainSimulation {
  func admin(_ index: Int) throws {
    queue.add(.admin(index), at: isCalm ? later(600...1_200) : later(900...5_400))
    guard customers[index].isUp else { return }
    if isCalm { return try deployNewest(index) }
    if customers[index].isIdle { return }
    switch number(0...9) {
    case 0..<5: try scheduleAny(index)
    case 5:
      let task = customers[index].backend.activeWork.map { customers[index].backend.work[$0].id }
      try transact(index) { backend, turn in _ = backend.cancel(turn) }
      guard let task, customers[index].backend.work.first(where: { $0.id == task })?.status == .failed else { return }
      tally["cancelled", default: 0] += 1
      note("org-\(index) cancels \(task)")
      for place in customers[index].consents.indices where customers[index].consents[place].task == task {
        customers[index].consents[place].isTakenBack = true
      }
    case 6:
      try transact(index) { backend, _ in
        for place in backend.releases.indices where backend.releases[place].status == .pending {
          backend.releases[place].isDeclined = true
        }
      }
    case 7:
      guard let version = customers[index].backend.history.last(where: { $0.status == .success })?.version,
        let before = customers[index].backend.history.last(where: { $0.status == .success && $0.version != version })
      else { return }
      try transact(index) { backend, turn in
        guard let task = backend.rollBack(to: before.version, turn) else { return }
        tally["rolled back", default: 0] += 1
        note("org-\(index) rolls back to \(before.version)")
        customers[index].consents.append(Consent(version: before.version, task: task))
      }
    default:
      try transact(index) { backend, turn in
        backend.policy = backend.policy == .manual ? .automatic : .manual
        backend.automaticSince = turn.now
      }
    }
  }

  private func scheduleAny(_ index: Int) throws {
    guard let release = customers[index].backend.releases.randomElement(using: &random) else { return }
    try schedule(
      index, release, at: chance(50) ? nil : backendTime(index) + .seconds(number(0...7_200)),
      calendar: chance(70) ? nil : calendar)
  }

  private func deployNewest(_ index: Int) throws {
    let backend = customers[index].backend
    guard backend.activeWork == nil,
      let newest = backend.releases.filter({ isDeployable($0, index) && $0.isDownloaded }).max(by: {
        $0.version < $1.version
      })
    else { return }
    try schedule(index, newest, at: nil, calendar: nil)
  }

  /// Whether somebody who wants what is new would have it.
  func isDeployable(_ release: SimulatedBackend.Release, _ index: Int) -> Bool {
    release.version > customers[index].backend.currentVersion ?? "" && !release.status.isActive
      && ![.success, .failed, .rolledBack].contains(release.status)
  }

  private func schedule(
    _ index: Int, _ release: SimulatedBackend.Release, at time: Timestamp?, calendar: MaintenanceCalendar?
  ) throws {
    try transact(index) { backend, turn in
      guard let task = backend.schedule(release.id, at: time, calendar: calendar, turn) else { return }
      tally["scheduled", default: 0] += 1
      lastChange = now
      note("org-\(index) schedules \(release.version) for \(time ?? turn.now) as \(task)")
      customers[index].consents.append(Consent(version: release.version, task: task))
    }
  }

  // MARK: - The Agent

  func agentTick(_ index: Int, isRegular: Bool) throws {
    if isRegular { queue.add(.agent(index, isRegular: true), at: later(60...200)) }
    guard customers[index].isAgentUp, customers[index].isUp else { return }
    customers[index].backend.leaseRenewedAt = now
    let time = now + customers[index].agentClock
    if let attempt = customers[index].agent.attempt {
      guard time >= attempt.endsAt else { return }
      customers[index].agent.attempt = nil
      finish(index, attempt, time)
    }
    guard let record = customers[index].backend.record, let generation = record.metadata.generation,
      !record.spec.suspend, let wanted = customers[index].agent.wanted(record.spec)
    else { return }
    let agent = customers[index].agent
    if wanted == agent.version {
      return put(index, agent.status(generation, before: record.status, ready: (.isTrue, .inSync), now: time))
    }
    if record.status?.failure?.generation == generation {
      return put(
        index, agent.status(generation, before: record.status, ready: (.isFalse, .deploymentFailed), now: time))
    }
    if record.status?.lastAttemptedGeneration != generation, let schedule = record.spec.schedule {
      if time < schedule.notBefore {
        queue.add(.agent(index, isRegular: false), at: now + (schedule.notBefore - time))
        return put(index, agent.status(generation, before: record.status, ready: (.isFalse, .scheduled), now: time))
      }
      if time - schedule.notBefore > schedule.startingDeadline.duration {
        return put(
          index,
          agent.status(
            generation, before: record.status, ready: (.isFalse, .missedSchedule), stalled: .missedSchedule, now: time))
      }
    }
    try checkBegin(index, wanted, record.spec)
    tally["begun", default: 0] += 1
    lastChange = now
    note("org-\(index) begins \(wanted), generation \(generation)")
    let length = chance(5) ? number(1_800...4_000) : number(20...900)
    customers[index].agent.attempt = SimulatedAgent.Attempt(
      generation: generation, version: wanted, sha256: record.spec.artifact?.sha256, endsAt: time + .seconds(length))
    queue.add(.agent(index, isRegular: false), at: now + .seconds(length))
    var status = agent.status(generation, before: record.status, ready: (.unknown, .deploying), now: time)
    status.lastAttemptedGeneration = generation
    status.attemptStartedAt = time
    put(index, status)
  }

  private func finish(_ index: Int, _ attempt: SimulatedAgent.Attempt, _ time: Timestamp) {
    let isReturn = customers[index].agent.versions.values.contains(attempt.version)
    let isFailed = !isCalm && chance(isReturn ? 4 : 20)
    note("org-\(index) ends \(attempt.version): \(isFailed ? "failed" : "success")")
    tally[isFailed ? "failed" : "succeeded", default: 0] += 1
    lastChange = now
    if !isFailed {
      customers[index].agent.version = attempt.version
      customers[index].agent.revision += 1
      customers[index].agent.versions[customers[index].agent.revision] = attempt.version
      customers[index].agent.since = time
      customers[index].agent.isBad = !isReturn && !isCalm && chance(12)
    }
    guard let record = customers[index].backend.record, record.metadata.generation == attempt.generation, isFailed
    else { return }
    var status = record.status ?? DesiredDeploymentStatus()
    status.failure = DesiredDeploymentStatus.Failure(
      generation: attempt.generation, version: attempt.version, reason: "DeploymentFailed", message: "it failed",
      at: time)
    put(
      index,
      customers[index].agent.status(
        attempt.generation, before: status, ready: (.isFalse, .deploymentFailed), now: time))
  }

  private func put(_ index: Int, _ status: DesiredDeploymentStatus) {
    guard var record = customers[index].backend.record else { return }
    // Another moment of the same is no change.
    guard record.status?.timeless != status.timeless else { return }
    record.status = status
    customers[index].backend.record = record
    customers[index].backend.recordRevision += 1
    queue.add(.pass(index, incarnation: customers[index].incarnation, isRegular: false), at: later(0...3))
  }
}

extension DesiredDeploymentStatus {
  fileprivate var timeless: DesiredDeploymentStatus {
    var status = self
    status.conditions = conditions?.map { condition in
      var condition = condition
      condition.lastTransitionTime = Timestamp(seconds: 0)
      return condition
    }
    return status
  }
}
