import DeploymentKinds
import FleetProtocol
import MaintenanceWindows
import OfferPlanning
import ReleaseManifest
import ResourceModel
import WireFormats

/// When something is deployed, and who says so: people, the policy, or the health watch.
extension SimulatedBackend {
  /// - Returns: the task; nil where it is refused.
  mutating func schedule(
    _ id: String, at wanted: Timestamp?, isAutomatic: Bool = false, calendar: MaintenanceCalendar?, _ turn: Turn
  ) -> String? {
    guard let place = place(ofRelease: id) else { return nil }
    let time = (wanted ?? turn.now).wholeSeconds
    if let active = activeWork, turn.fault != .severalDeploymentsAtOnce {
      guard work[active].deploymentID == id, !work[active].isRollback, isUntouched(work[active], turn),
        work[active].executeAfter != time
      else { return nil }
      return move(active, place, to: time, isAutomatic: isAutomatic, turn)
    }
    switch releases[place].status {
    case .inProgress, .success: return nil
    default: break
    }
    guard releases[place].isDownloaded, let sha256 = releases[place].artifactSha256 else { return nil }
    if let calendar, turn.fault != .windowsAreForgotten, !calendar.contains(time) { return nil }
    var task = Work(
      id: turn.makeID(), deploymentID: id, isAutomatic: isAutomatic, executeAfter: time, createdAt: turn.now,
      order: DeploymentOrder(
        version: releases[place].version,
        artifact: .init(path: "artifacts/\(releases[place].version)", sha256: sha256), notBefore: time))
    write(&task, turn)
    work.append(task)
    if releases[place].attemptID != task.id {
      releases[place].attempt += 1
      if turn.fault != .triesHaveOneName || releases[place].attemptID == nil { releases[place].attemptID = task.id }
    }
    releases[place].status = .scheduled
    releases[place].isAutomatic = isAutomatic
    (releases[place].completedAt, releases[place].failureReason) = (nil, nil)
    releases[place].isDeclined = false
    saySchedule(task, releases[place], turn)
    return task.id
  }

  private mutating func move(
    _ active: Int, _ place: Int, to time: Timestamp, isAutomatic: Bool, _ turn: Turn
  ) -> String {
    var task = work[active]
    (task.executeAfter, task.order.notBefore, task.isAutomatic) = (time, time, isAutomatic)
    write(&task, turn)
    work[active] = task
    releases[place].isAutomatic = isAutomatic
    saySchedule(task, releases[place], turn)
    return task.id
  }

  private mutating func saySchedule(_ task: Work, _ release: Release, _ turn: Turn) {
    tell(
      AdminNotice(
        task.isAutomatic ? .automaticScheduled : .deploymentScheduled, fact: "\(task.id)/\(task.executeAfter)",
        version: release.version, time: task.executeAfter), turn)
    send(
      .scheduled(
        ScheduledReport(
          organizationName: organization, releaseID: release.releaseID, scheduledFor: task.executeAfter,
          attemptID: release.attemptID, attempt: release.attempt)), turn)
  }

  func isUntouched(_ task: Work, _ turn: Turn) -> Bool {
    guard task.status == .pending, task.attempts == 0 else { return false }
    guard task.generation != nil, let record else { return true }
    switch RecordState(of: record, task.order, now: turn.now) {
    case .begun, .succeeded, .failed: return false
    case .waiting, .licenseBlocks, .missed, .otherRelease: return true
    }
  }

  mutating func cancel(_ turn: Turn) -> Bool {
    guard let active = activeWork, isUntouched(work[active], turn) else { return false }
    takeBack(work[active])
    fail(active, reason: "Cancelled", status: .cancelled, notice: .deploymentCancelled, turn)
    return true
  }

  mutating func rollBack(to version: String, _ turn: Turn) -> String? {
    guard activeWork == nil, version != currentVersion else { return nil }
    let deployed = (record?.status?.history ?? []).first { $0.outcome == .deployed && $0.release.version == version }
    guard let revision = deployed?.revision else { return nil }
    var task = Work(
      id: turn.makeID(), deploymentID: releases.first { $0.version == version }?.id, isRollback: true,
      executeAfter: turn.now.wholeSeconds, createdAt: turn.now,
      order: DeploymentOrder(version: version, revision: revision, notBefore: turn.now.wholeSeconds))
    write(&task, turn)
    work.append(task)
    return task.id
  }

  // MARK: The policy

  /// - Returns: what it scheduled: the release and the time.
  mutating func automaticPass(calendar: MaintenanceCalendar, _ turn: Turn) -> (version: String, at: Timestamp)? {
    guard policy == .automatic else { return nil }
    let since = automaticSince ?? turn.now
    let hasFailed =
      releases.contains {
        [.failed, .rolledBack].contains($0.status) && ($0.completedAt.map { $0 >= since } ?? false)
      } || work.contains { $0.isRollback && $0.createdAt >= since }
      || history.contains { [.failed, .rolledBack].contains($0.status) && $0.deployedAt >= since }
    if hasFailed {
      policy = .manual
      tell(AdminNotice(.automaticOff, fact: since.description, time: turn.now), turn)
      return nil
    }
    let facts = AutomaticDecision.Facts(
      currentVersion: currentVersion,
      isBusy: activeWork != nil || releases.contains { $0.status.isActive },
      candidates: releases.map {
        AutomaticDecision.Candidate(
          id: $0.id, version: $0.version, status: $0.status, isDownloaded: $0.isDownloaded, isDeclined: $0.isDeclined,
          attempts: $0.attempt)
      },
      failedVersions: Set(history.filter { [.failed, .rolledBack].contains($0.status) }.map(\.version)))
    guard let next = AutomaticDecision.next(facts) else { return nil }
    let start: Timestamp
    if turn.fault == .windowsAreForgotten {
      start = turn.now + .seconds(60)
    } else {
      guard let found = calendar.start(from: turn.now + .seconds(60), room: .seconds(600)) else { return nil }
      start = found
    }
    guard schedule(next.id, at: start, isAutomatic: true, calendar: calendar, turn) != nil else { return nil }
    return (next.version, start)
  }

  // MARK: The health watch

  mutating func beginWatching(_ turn: Turn) {
    guard let last = history.last(where: { $0.status == .success }), !last.isRollback,
      turn.now - last.deployedAt < Self.healthWatchLength, !watched.contains(where: { $0.taskID == last.taskID })
    else { return }
    for index in watched.indices { watched[index].isOver = true }
    watched.append(
      Watched(taskID: last.taskID, version: last.version, watch: HealthWatch(startedAt: last.deployedAt)))
  }

  /// - Returns: the version that it returns to.
  mutating func look(at status: DesiredDeploymentStatus?, _ turn: Turn) -> String? {
    guard let place = watched.lastIndex(where: { !$0.isOver }) else { return nil }
    let isThere = seenRenewal.map { turn.now - $0 <= .seconds(600) } ?? false
    let look = HealthWatch.Look(status, version: watched[place].version, isAgentThere: isThere)
    let verdict = watched[place].watch.note(look, at: turn.now, length: Self.healthWatchLength)
    guard verdict != .watching else { return nil }
    watched[place].isOver = true
    guard case .unhealthy = verdict else { return nil }
    let version = watched[place].version
    guard let before = history.last(where: { $0.status == .success && $0.version != version }),
      rollBack(to: before.version, turn) != nil
    else { return nil }
    if let release = releases.firstIndex(where: { $0.version == version && $0.status == .success }) {
      releases[release].failureReason = "UnhealthyAfterDeployment"
    }
    tell(AdminNotice(.unhealthyAfterDeployment, fact: watched[place].taskID, version: version), turn)
    return before.version
  }
}
