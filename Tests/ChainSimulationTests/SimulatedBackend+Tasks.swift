import DeploymentKinds
import FleetProtocol
import OfferPlanning
import ResourceModel
import WireFormats

/// How tasks go forward: by what the DesiredDeployment says, and by time.
extension SimulatedBackend {
  // MARK: The DesiredDeployment

  mutating func write(_ task: inout Work, _ turn: Turn) {
    if task.generation == nil, let record, let generation = record.metadata.generation,
      let ready = record.status?.conditions?[DeploymentCondition.ready], ready.status == .isTrue,
      ready.observedGeneration == generation
    {
      task.previousSpec = record.spec
    }
    var spec =
      record?.spec ?? DesiredDeploymentSpec(version: nil, runtime: .helm, helm: .init(releaseName: "wrktalk"))
    spec.version = task.order.revision == nil ? task.order.version : nil
    spec.artifact = task.order.artifact
    spec.rollbackTo = task.order.revision.map { .init(revision: $0) }
    spec.schedule = .init(
      notBefore: task.order.notBefore, startingDeadline: DurationText(TaskRule.startingDeadline))
    spec.suspend = false
    setSpec(spec)
    task.generation = record?.metadata.generation
  }

  mutating func takeBack(_ task: Work) {
    guard task.generation != nil, let record, task.order.matches(record.spec) else { return }
    var spec = record.spec
    if let previous = task.previousSpec,
      previous.rollbackTo != nil || previous.version == record.status?.current?.version
    {
      spec = previous
    } else if let current = record.status?.current {
      (spec.version, spec.artifact, spec.schedule) = (nil, nil, nil)
      spec.rollbackTo = .init(revision: current.revision)
    } else {
      spec.suspend = true
    }
    setSpec(spec)
  }

  private mutating func setSpec(_ spec: DesiredDeploymentSpec) {
    guard var known = record else {
      var metadata = ObjectMeta(name: "wrktalk", namespace: "wrktalk")
      metadata.generation = 1
      record = DesiredDeployment(metadata: metadata, spec: spec)
      recordRevision += 1
      return
    }
    guard known.spec != spec else { return }
    known.spec = spec
    known.metadata.generation = (known.metadata.generation ?? 1) + 1
    record = known
    recordRevision += 1
  }

  // MARK: One pass

  mutating func tasksPass(isSettled: Bool, _ turn: Turn) {
    let isAlive = leaseRenewedAt != nil && leaseRenewedAt != seenRenewal
    if isAlive { seenRenewal = leaseRenewedAt }
    followRecord(isAgentAlive: isAlive, turn)
    stepByTime(isSettled: isSettled, turn)
    stepForcedUpdates(turn)
  }

  private mutating func followRecord(isAgentAlive: Bool, _ turn: Turn) {
    guard let record else { return }
    guard let active = activeWork else {
      if let last = work.last, last.status == .failed, last.generation == record.metadata.generation,
        case .succeeded(let version, let revision, let since) = RecordState(of: record, last.order, now: turn.now),
        turn.fault != .lateSuccessIsNotSeen
      {
        complete(work.count - 1, version: version, revision: revision, since: since, turn)
      }
      if turn.fault != .lateSuccessIsNotSeen { noteOutsideDeployment(turn) }
      return
    }
    let state = RecordState(of: record, work[active].order, now: turn.now)
    if record.metadata.generation != work[active].generation, state != .otherRelease {
      work[active].generation = record.metadata.generation
    }
    switch state {
    case .otherRelease:
      let step = TaskRule.step(
        work[active].status, .superseded, attempts: work[active].attempts, maximumAttempts: 3)
      let isBegun = step == .fail
      guard step == .cancel || isBegun else { return }
      fail(
        active, reason: "RecordChanged", status: isBegun ? nil : .cancelled,
        notice: isBegun ? .deploymentFailed : .deploymentCancelled, turn)
    case .waiting, .licenseBlocks: break
    case .missed: if work[active].status == .pending { miss(active, turn) }
    case .begun(let time):
      if work[active].status == .pending {
        work[active].recordRevision = recordRevision
        begin(active, at: time, turn)
      } else if isAgentAlive || recordRevision != work[active].recordRevision {
        work[active].recordRevision = recordRevision
        work[active].lastHeartbeat = turn.now
      }
    case .succeeded(let version, let revision, let since):
      if work[active].status == .pending { begin(active, at: record.status?.attemptStartedAt, turn) }
      complete(active, version: version, revision: revision, since: since, turn)
    case .failed(let reason, _, let remedy):
      if work[active].status == .pending, record.status?.lastAttemptedGeneration == record.metadata.generation {
        begin(active, at: record.status?.attemptStartedAt, turn)
      }
      fail(active, reason: reason, remedy: remedy, notice: .deploymentFailed, turn)
    }
  }

  private mutating func stepByTime(isSettled: Bool, _ turn: Turn) {
    guard let active = activeWork else { return }
    let task = work[active]
    let fact: TaskFact
    switch task.status {
    case .inProgress:
      let last = max(task.pickedUpAt ?? task.executeAfter, task.lastHeartbeat ?? task.executeAfter)
      guard isSettled, turn.now - last > TaskRule.silence else { return }
      fact = .silent
    case .pending:
      guard turn.now > task.executeAfter + TaskRule.startingDeadline + .seconds(120) else { return }
      fact = .late
    default: return
    }
    switch TaskRule.step(task.status, fact, attempts: task.attempts, maximumAttempts: 3) {
    case .timeOut: fail(active, reason: "TaskTimeout", notice: .deploymentTimedOut, turn)
    case .miss: miss(active, turn)
    case .fail: fail(active, reason: "AgentFailed", notice: .deploymentFailed, turn)
    default: break
    }
  }

  private mutating func stepForcedUpdates(_ turn: Turn) {
    for index in releases.indices {
      guard releases[index].offer.isForced, let deadline = releases[index].forceDeadline else { continue }
      let step = ForcedDeadline.step(
        deadline: deadline, status: releases[index].status, remindersSent: releases[index].remindersSent,
        now: turn.now)
      let kind: AdminNotice.Kind
      switch step {
      case .nothing: continue
      case .remind: kind = .forcedReminder
      case .remindUrgently: kind = .forcedUrgentReminder
      case .exceed: kind = .deadlineExceeded
      }
      releases[index].remindersSent = ForcedDeadline.sent(after: step, before: releases[index].remindersSent)
      if step == .exceed {
        if turn.fault == .deadlinesDeploy, releases[index].isDownloaded {
          _ = schedule(releases[index].id, at: nil, calendar: nil, turn)
        } else if releases[index].status != .scheduled {
          releases[index].status = .deadlineExceeded
          if releases[index].attempt > 0 { releases[index].attempt += 1 }
        }
        report(.deadlineExceeded, of: releases[index], reason: "ForcedDeadlineExceeded", turn)
      }
      tell(AdminNotice(kind, fact: releases[index].id, version: releases[index].version, time: deadline), turn)
    }
  }

  // MARK: What the steps of a task lead to

  private mutating func begin(_ place: Int, at time: Timestamp?, _ turn: Turn) {
    let isFirst = work[place].attempts == 0
    work[place].status = .inProgress
    work[place].pickedUpAt = min(time ?? turn.now, turn.now)
    work[place].lastHeartbeat = turn.now
    work[place].attempts += 1
    guard isFirst else { return }
    let task = work[place]
    tell(
      AdminNotice(task.isRollback ? .rollbackStarted : .deploymentStarted, fact: task.id, version: task.order.version),
      turn)
    guard let release = deployment(of: task) else { return }
    releases[release].status = .inProgress
    report(.inProgress, of: releases[release], turn)
  }

  private mutating func complete(
    _ place: Int, version: String, revision: Int64, since: Timestamp, _ turn: Turn
  ) {
    let before = currentVersion
    work[place].status = .completed
    let task = work[place]
    currentVersion = version
    let release = deployment(of: task)
    if let release {
      releases[release].status = .success
      releases[release].completedAt = turn.now
      releases[release].remindersSent = ForcedDeadline.allSent
      releases[release].failureReason = nil
    }
    history.append(
      History(taskID: task.id, version: version, status: .success, deployedAt: since, isRollback: task.isRollback))
    tell(
      AdminNotice(
        task.isRollback ? .rollbackSucceeded : .deploymentSucceeded, fact: task.id, version: version), turn)
    if let release { report(.success, of: releases[release], deployedAt: since, revision: revision, turn) }
    guard task.isRollback else { return }
    if let before, before != version, let left = self.place(ofVersion: before), releases[left].status == .success {
      releases[left].status = .rolledBack
      releases[left].completedAt = turn.now
      report(
        .rolledBack, of: releases[left], deployedAt: since, revision: revision,
        reason: releases[left].failureReason ?? "RolledBack", turn)
    }
    if let target = self.place(ofVersion: version), !releases[target].status.isActive,
      releases[target].status != .success
    {
      releases[target].status = .success
      releases[target].remindersSent = ForcedDeadline.allSent
      guard turn.fault != .returnsAreNotReported else { return }
      releases[target].attempt += 1
      releases[target].attemptID = task.id
      report(.success, of: releases[target], deployedAt: since, revision: revision, turn)
    }
  }

  private mutating func miss(_ place: Int, _ turn: Turn) {
    fail(place, reason: "MissedSchedule", status: .missedSchedule, notice: .missedSchedule, turn)
  }

  mutating func fail(
    _ place: Int, reason: String, remedy: RecordState.Remedy = .none, status: LocalDeploymentStatus? = nil,
    notice: AdminNotice.Kind, _ turn: Turn
  ) {
    let wasBegun = work[place].attempts > 0
    work[place].status = .failed
    let task = work[place]
    let end = status ?? (remedy == .rolledBack ? .rolledBack : .failed)
    let release = deployment(of: task)
    if let release {
      releases[release].status = end
      releases[release].completedAt = turn.now
      releases[release].failureReason = reason
    }
    if wasBegun || status == nil {
      history.append(
        History(
          taskID: task.id, version: task.order.version ?? "", status: end, deployedAt: turn.now,
          isRollback: task.isRollback))
    }
    tell(
      AdminNotice(
        task.isRollback && notice == .deploymentFailed ? .rollbackFailed : notice,
        fact: notice == .missedSchedule ? "\(task.id)/\(task.executeAfter)" : task.id, version: task.order.version),
      turn)
    guard let release else { return }
    let word: StatusReport.Status =
      switch end {
      case .rolledBack: .rolledBack
      case .cancelled, .missedSchedule: .cancelled
      default: .failed
      }
    report(word, of: releases[release], deployedAt: turn.now, reason: reason, turn)
  }

  /// The release that a task is the present attempt of.
  private func deployment(of task: Work) -> Int? {
    guard !task.isRollback, let place = place(ofRelease: task.deploymentID),
      releases[place].attemptID == nil || releases[place].attemptID == task.id
    else { return nil }
    return place
  }

  /// What runs and no task has led to: after the database was restored, say.
  private mutating func noteOutsideDeployment(_ turn: Turn) {
    guard let current = record?.status?.current,
      !history.contains(where: { $0.version == current.version && $0.deployedAt == current.since })
    else { return }
    currentVersion = current.version
    if let place = place(ofVersion: current.version), !releases[place].status.isActive,
      releases[place].status != .success
    {
      releases[place].status = .success
      releases[place].completedAt = current.since
      releases[place].remindersSent = ForcedDeadline.allSent
      report(.success, of: releases[place], deployedAt: current.since, revision: current.revision, turn)
    }
    history.append(
      History(
        taskID: turn.makeID(), version: current.version, status: .success, deployedAt: current.since,
        isRollback: record?.spec.rollbackTo != nil))
  }
}
