import Database
import DeploymentKinds
import FleetProtocol
import OfferPlanning
import WireFormats

/// What the steps of a task lead to: the task's row, its deployment's, the history, and who is told.
extension DeploymentTransaction {
  /// An Agent has begun.
  mutating func begin(_ task: inout AgentTask, by executor: TaskExecutor, at time: Timestamp? = nil) throws {
    let isFirst = task.attempts == 0
    task.status = .inProgress
    task.executor = executor
    task.pickedUpAt = min(time ?? now, now)
    task.lastHeartbeat = now
    task.attempts += 1
    (task.completedAt, task.errorMessage, task.failureReason) = (nil, nil, nil)
    try task.save(connection, at: now)
    guard isFirst else { return }
    let changed = try changeDeployment(of: task, .begun) { deployment in
      deployment.startedAt = task.pickedUpAt
    }
    let version = changed?.row.version ?? task.order?.version ?? task.payload["targetVersion"]?.string
    tell(AdminNotice(task.isRollback ? .rollbackStarted : .deploymentStarted, fact: task.id, version: version))
    if let (deployment, word) = changed { report(word, of: deployment) }
  }

  /// The task waits for its next try.
  mutating func handBack(_ task: inout AgentTask, after failure: TaskFailure) throws {
    task.status = .pending
    task.executeAfter = now + TaskRule.pause(afterAttempts: task.attempts)
    task.errorMessage = ReportText.cleaned(failure.message)
    task.failureReason = failure.reason
    task.isEnvironmentSaved = false
    (task.pickedUpAt, task.lastHeartbeat, task.claimedBy, task.claimedAt) = (nil, nil, nil, nil)
    try task.save(connection, at: now)
  }

  mutating func complete(_ task: inout AgentTask, _ success: TaskSuccess, isLate: Bool = false) throws {
    let before = state.currentVersion
    task.status = .completed
    task.completedAt = now
    task.result = success.result
    task.lastHeartbeat = now
    (task.errorMessage, task.failureReason) = (nil, nil)
    try task.save(connection, at: now)
    let named = try ScheduledDeployment.named(task, connection)
    let version = success.version ?? (task.isRollback ? task.order?.version ?? task.targetVersion : named?.version)
    let revision = success.revision.flatMap { (0...Int64(Int32.max)).contains($0) ? $0 : nil }
    state.currentVersion = version
    let changed = try changeDeployment(of: task, .succeeded) { deployment in
      deployment.startedAt = deployment.startedAt ?? task.pickedUpAt
      deployment.completedAt = now
      deployment.helmRevision = revision
      deployment.remindersSent = ForcedDeadline.allSent
      (deployment.errorMessage, deployment.failureReason) = (nil, nil)
    }
    try keepHistory(of: task, named, status: DeploymentHistory.success) { history in
      history.version = version ?? "revision \(success.revision ?? 0)"
      history.deployedAt = success.since
      history.revision = revision
      history.isCurrent = true
    }
    let notice: AdminNotice.Kind = task.isRollback ? .rollbackSucceeded : .deploymentSucceeded
    tell(
      AdminNotice(
        notice, fact: task.id, version: version,
        detail: isLate ? "It was given up, and has succeeded all the same." : nil))
    if let (deployment, word) = changed {
      report(word, of: deployment, .init(deployedAt: success.since, helmRevision: revision))
    }
    if task.isRollback { try noteReturn(from: before, to: version, task, at: success.since, revision) }
    if let version {
      // Of a rollback, or of a task that was given up and another attempt begun since: then its own name is that of an attempt that is over.
      try noteRunning(version, attemptID: task.isRollback ? task.id : context.makeID(), since: success.since, revision)
    }
  }

  /// The release of the version that runs has succeeded, whatever became of the attempts at it: by an attempt of its own, since the
  /// vendor takes what follows the end of one for old.
  mutating func noteRunning(
    _ version: String, attemptID: String, since time: Timestamp, _ revision: Int64?
  ) throws {
    guard var deployment = try ScheduledDeployment.find(version: version, in: connection),
      let word = deployment.take(.runs, attemptID: attemptID)
    else { return }
    deployment.completedAt = time
    deployment.helmRevision = revision
    deployment.remindersSent = ForcedDeadline.allSent
    (deployment.errorMessage, deployment.failureReason) = (nil, nil)
    try deployment.save(connection, at: now)
    report(word, of: deployment, .init(deployedAt: time, helmRevision: revision))
  }

  /// What ran before a rollback has been rolled back.
  private mutating func noteReturn(
    from before: String?, to version: String?, _ task: AgentTask, at time: Timestamp, _ revision: Int64?
  ) throws {
    if let before, before != version, var left = try ScheduledDeployment.find(version: before, in: connection),
      let word = left.take(.left, attemptID: task.id)
    {
      // What the health watch has found wrong is the cause.
      left.failureReason = left.failureReason ?? "RolledBack"
      let cause = left.errorMessage.map { "\($0) " } ?? ""
      left.errorMessage =
        cause + "Rolled back to \(version ?? "an earlier revision") by \(task.requestedBy ?? "an admin")"
      try left.save(connection, at: now)
      report(
        word, of: left,
        .init(deployedAt: time, helmRevision: revision, reason: left.failureReason, message: left.errorMessage))
    }
  }

  mutating func fail(_ task: inout AgentTask, _ failure: TaskFailure) throws {
    let message = ReportText.cleaned(failure.message)
    let wasBegun = task.attempts > 0
    task.status = .failed
    task.completedAt = now
    task.result = failure.result ?? task.result
    task.errorMessage = message
    task.failureReason = failure.reason
    try task.save(connection, at: now)
    let named = try ScheduledDeployment.named(task, connection)
    let changed = try changeDeployment(of: task, failure.fact) { deployment in
      deployment.completedAt = now
      deployment.errorMessage = message
      deployment.failureReason = failure.reason
    }
    if wasBegun || failure.ending == nil {
      let word = failure.remedy == .rolledBack ? LocalDeploymentStatus.rolledBack : .failed
      try keepHistory(of: task, named, status: failure.ending?.rawValue ?? word.rawValue) { history in
        history.errorMessage = message
        history.failureReason = failure.reason
      }
    }
    let version = named?.version ?? task.order?.version ?? task.targetVersion
    var kind = failure.notice
    if task.isRollback, kind == .deploymentFailed { kind = .rollbackFailed }
    let time: Timestamp? = kind == .missedSchedule ? task.executeAfter : nil
    tell(
      AdminNotice(
        kind, fact: kind == .missedSchedule ? "\(task.id)/\(task.executeAfter)" : task.id, version: version, time: time,
        detail: kind == .missedSchedule ? nil : message, reason: kind == .missedSchedule ? nil : failure.reason))
    guard let (deployment, word) = changed else { return }
    report(word, of: deployment, .init(deployedAt: now, reason: failure.reason, message: message))
  }

  // MARK: Rows

  /// Changes the deployment that a task is the present attempt of; what a later attempt or a rollback is about stays as it is.
  /// - Returns: the row, and what the vendor is to be told of it; nil where the fact changes nothing.
  private func changeDeployment(
    of task: AgentTask, _ fact: DeploymentFact, _ change: (inout ScheduledDeployment) -> Void
  ) throws -> (row: ScheduledDeployment, word: StatusReport.Status)? {
    guard !task.isRollback, var deployment = try ScheduledDeployment.named(task, connection),
      deployment.attemptID == nil || deployment.attemptID == task.id,
      let word = deployment.take(fact, attemptID: context.makeID())
    else { return nil }
    change(&deployment)
    try deployment.save(connection, at: now)
    return (deployment, word)
  }

  private func keepHistory(
    of task: AgentTask, _ deployment: ScheduledDeployment?, status: String,
    _ fill: (inout DeploymentHistory) -> Void
  ) throws {
    let version = deployment?.version ?? task.order?.version ?? task.targetVersion ?? ""
    // The release's row may be gone, but not what was kept when it ran.
    let earlier =
      deployment == nil && !version.isEmpty ? try DeploymentHistory.lastSuccess(version: version, in: connection) : nil
    var history = DeploymentHistory(
      id: task.id, releaseID: deployment?.releaseID ?? earlier?.releaseID ?? "",
      releaseName: deployment?.releaseName ?? earlier?.releaseName ?? (version.isEmpty ? "" : "v\(version)"),
      version: version, deployedAt: now, status: status)
    history.releaseData = deployment?.releaseData ?? earlier?.releaseData
    history.chartBucketPath = task.payload["chart"]?["bucketPath"]?.string ?? deployment?.chartBucketPath
    history.artifactSha256 =
      task.order?.artifact?.sha256 ?? deployment?.artifactSha256(context.settings.kind) ?? earlier?.artifactSha256
    history.taskID = task.id
    history.startedAt = task.pickedUpAt
    history.requestedBy = task.requestedBy
    history.isRollback = task.isRollback
    fill(&history)
    if context.settings.kind == .docker, history.isCurrent {
      history.envBucketPath = try keepEnvironment(of: history.version, task)
    }
    try history.save(connection)
    try DeploymentHistory.removeOld(connection)
  }

  /// The `.env` that a rollback to what runs now needs: the copy under the version's name.
  private func keepEnvironment(of version: String, _ task: AgentTask) throws -> String {
    let standard = ComposeEnvironments.path(of: version, context.settings)
    let kept = ComposeEnvironments.checked(task.keptConfiguration, of: version, context.settings) ?? standard
    try ComposeEnvironments.note(version: version, path: kept, connection, id: context.makeID(), at: now)
    return kept
  }
}

extension AgentTask {
  /// Of a rollback by version.
  var targetVersion: String? { payload["targetVersion"]?.string ?? payload["chart"]?["version"]?.string }

  /// Where the Agent that watches kept the settings of what it deployed.
  var keptConfiguration: String? { result?["configPath"]?.string }
}

extension ScheduledDeployment {
  static func named(_ task: AgentTask, _ connection: any SQLConnection) throws -> ScheduledDeployment? {
    try task.deploymentID.flatMap { try find(id: $0, in: connection) }
  }
}
