import Audit
import CoreKinds
import Database
import DeploymentKinds
import FleetProtocol
import OfferPlanning
import ReleaseManifest
import ResourceModel
import ResourceStorage
import WireFormats

/// The steps that nobody asks for.
extension DeploymentTransaction {
  // MARK: Time

  /// What the clock alone decides of the active task (spec §8.5, §10.1).
  /// - Parameter isSettled: whether this server has been up for long enough to take silence for an end.
  mutating func stepByTime(_ lease: AgentLease?, isSettled: Bool) throws {
    guard var task = try AgentTask.active(in: connection) else { return }
    let fact: TaskFact
    switch task.status {
    case .inProgress:
      guard isSettled, now - task.lastActivity > TaskRule.silence else { return }
      fact = .silent
    case .pending:
      guard now > (try latestStart(of: task, lease)) else { return }
      fact = .late
    case .completed, .failed: return
    }
    switch TaskRule.step(task.status, fact, attempts: task.attempts, maximumAttempts: task.maximumAttempts) {
    case .timeOut: try fail(&task, .timedOut)
    case .miss: try fail(&task, .missed)
    case .fail:
      try fail(
        &task,
        TaskFailure(
          reason: task.failureReason ?? "AgentFailed",
          message: "\(task.errorMessage ?? "It failed") (after \(task.attempts) attempts)"))
    default: break
    }
  }

  /// The Agent that watches says itself that it has missed the time; its clock may be another than ours.
  private mutating func latestStart(of task: AgentTask, _ lease: AgentLease?) throws -> Timestamp {
    var (start, span) = (task.executeAfter, TaskRule.startingDeadline)
    if task.generation != nil, let record = try currentRecord(), task.order?.matches(record.object.spec) == true,
      let schedule = record.object.spec.schedule
    {
      // Somebody may have moved it there.
      start = max(start, schedule.notBefore)
      span = max(span, min(schedule.startingDeadline.duration, .seconds(168 * 3600)))
    }
    return start + span + (lease?.isHeld == true && state.executor == .record ? .seconds(120) : .zero)
  }

  /// Reminders and deadlines of forced updates (spec §10.2).
  mutating func stepForcedUpdates() throws {
    let dialect = connection.dialect
    let rows = try connection.query(
      """
      SELECT \(ScheduledDeployment.columns(dialect)) FROM scheduled_deployment AS d
      WHERE d."isForced" AND d."remindersSent" < \(ForcedDeadline.allSent)
        AND d."forceDeadline" <= \(dialect.time("$1")) AND d.status NOT IN ('success', 'inProgress')
      ORDER BY d."forceDeadline" LIMIT 50
      """ + dialect.forUpdate(of: "d", skipsLocked: true), [(now + ForcedDeadline.firstReminder).column])
    for var deployment in rows.map(ScheduledDeployment.init) {
      guard let deadline = deployment.forceDeadline else { continue }
      let step = ForcedDeadline.step(
        deadline: deadline, status: deployment.status, remindersSent: deployment.remindersSent, now: now)
      let kind: AdminNotice.Kind
      switch step {
      case .nothing: continue
      case .remind: kind = .forcedReminder
      case .remindUrgently: kind = .forcedUrgentReminder
      case .exceed: kind = .deadlineExceeded
      }
      deployment.remindersSent = ForcedDeadline.sent(after: step, before: deployment.remindersSent)
      if step == .exceed { exceed(&deployment) }
      try deployment.save(connection, at: now)
      tell(AdminNotice(kind, fact: deployment.id, version: deployment.version, time: deadline))
    }
  }

  private mutating func exceed(_ deployment: inout ScheduledDeployment) {
    guard let word = deployment.take(.deadlinePassed, attemptID: context.makeID()) else { return }
    report(
      word, of: deployment,
      .init(reason: "ForcedDeadlineExceeded", message: "Forced update deadline exceeded"))
  }

  /// Ends what was offered and what a newer release has left behind: it needs no room any more, nobody is reminded of it, and the vendor
  /// is told not to wait for it. That something newer runs must be known by more than a status: by a task, or by a release of the vendor's.
  mutating func stepOvertaken() throws {
    guard let running = state.currentVersion,
      let since = try connection.query(
        """
        SELECT \(connection.dialect.text(ofTime: "max(h.\"deployedAt\")")) FROM deployment_history AS h
        WHERE h."isCurrent" AND h.version = $1 AND (h."taskId" IS NOT NULL OR EXISTS (
          SELECT 1 FROM scheduled_deployment AS s WHERE s.version = h.version AND s.status = 'success'))
        """, [.text(running)]
      ).first?[0].time
    else { return }
    let dialect = connection.dialect
    let rows = try connection.query(
      """
      SELECT \(ScheduledDeployment.columns(dialect)) FROM scheduled_deployment AS d
      WHERE d."receivedAt" < \(dialect.time("$1")) AND (d.status IN (\(LocalDeploymentStatus.sql(where: \.isWaiting)))
        OR d."isForced" AND d."remindersSent" < \(ForcedDeadline.allSent) AND d.status IN ('failed', 'rolledBack', 'cancelled'))
      ORDER BY d."receivedAt", d.id LIMIT \(OfferIntake.maximumOpen * 2)
      """ + dialect.forUpdate(of: "d", skipsLocked: true), [min(since, now).column]
    ).map(ScheduledDeployment.init)
    for var deployment in rows
    where DeploymentRule.isOvertaken(
      deployment.version, receivedAt: deployment.receivedAt, by: running, since: min(since, now))
    {
      let word = deployment.take(.overtaken, attemptID: context.makeID())
      deployment.remindersSent = ForcedDeadline.allSent
      if let word {
        try end(&deployment, reason: "Overtaken", "v\(running) runs, which is newer", word)
      } else {
        try deployment.save(connection, at: now)
      }
    }
  }

  /// A release that waited is not waited for any more. A forced one that an admin has ended keeps its deadline (spec §10.2): only what
  /// has been overtaken, or was taken back by the vendor, has none.
  mutating func end(
    _ deployment: inout ScheduledDeployment, reason: String, _ message: String, _ word: StatusReport.Status
  ) throws {
    deployment.completedAt = now
    deployment.failureReason = reason
    deployment.errorMessage = ReportText.cleaned(message)
    try deployment.save(connection, at: now)
    for kind in [AdminNotice.Kind.downloadFailed, .checksumMismatch] {
      try context.notices.settle(kind, about: deployment.id, in: connection)
    }
    report(word, of: deployment, .init(reason: reason, message: message))
  }

  // MARK: Who carries tasks out

  /// Gives the tasks back to the Agent that watches once it is there and nothing is being done.
  mutating func settleExecutor(_ lease: AgentLease?) throws {
    guard state.executor == .tasks else { return }
    var active = try AgentTask.active(in: connection)
    let executor = ExecutorRule.executor(
      state.executor, isLeaseHeld: lease?.isHeld == true, isInProgress: active?.status == .inProgress)
    guard executor != state.executor else { return }
    state.executor = executor
    try announce(
      .normal, "ExecutorChanged", "An Agent that watches this record carries out deployments from now on")
    // Without a task the record stays suspended: it may ask for less than what runs, which the other Agent has deployed.
    guard active != nil else { return }
    active?.claimedBy = nil
    active?.claimedAt = nil
    active?.executor = nil
    if var task = active {
      try TaskRecords.write(&task, &self)
      try task.save(connection, at: now)
    }
  }

  // MARK: The DesiredDeployment

  /// Takes over what the DesiredDeployment says: of the active task, of one that was given up, and of what others deployed by it.
  mutating func followRecord(isAgentAlive: Bool) throws {
    guard state.executor == .record else { return }
    if var task = try AgentTask.active(in: connection) {
      guard task.order != nil else { return }
      if task.generation == nil {
        // It was made while the other Agent carried tasks out.
        try TaskRecords.write(&task, &self)
        try task.save(connection, at: now)
        return
      }
      return try follow(&task, isAgentAlive: isAgentAlive)
    }
    guard let record = try currentRecord() else { return }
    if var task = try AgentTask.last(in: connection), task.status == .failed, let order = task.order,
      task.generation == record.generation,
      case .succeeded(let version, let revision, let since) = RecordState(of: record.object, order, now: now)
    {
      try complete(&task, success(record, version, revision, since), isLate: true)
      return
    }
    try noteOutsideDeployment(record)
  }

  private mutating func follow(_ task: inout AgentTask, isAgentAlive: Bool) throws {
    guard let order = task.order else { return }
    guard let record = try currentRecord(), !record.isGoing else {
      return try supersede(&task, "The DesiredDeployment \(context.recordKey) was deleted")
    }
    let recordState = RecordState(of: record.object, order, now: now)
    if record.generation != task.generation, recordState != .otherRelease {
      // Somebody changed something else of it.
      task.generation = record.generation
      try task.save(connection, at: now)
    }
    switch recordState {
    case .otherRelease:
      let wanted =
        record.object.spec.version ?? record.object.spec.rollbackTo.map { "revision \($0.revision)" }
        ?? "something else"
      try supersede(
        &task,
        "\(record.lastManager ?? "Somebody") changed the DesiredDeployment \(context.recordKey) to ask for \(wanted)")
    case .waiting: break
    case .licenseBlocks(let message):
      guard task.status == .pending else { return }
      try takeBack(task)
      try fail(&task, .license(message))
    case .missed:
      guard task.status == .pending else { return }
      try fail(&task, .missed)
    case .begun(let time):
      if task.status == .pending {
        task.recordRevision = record.stored.revision
        try begin(&task, by: .record, at: time)
      } else if isAgentAlive || record.stored.revision != task.recordRevision {
        task.recordRevision = record.stored.revision
        try noteLife(&task)
      }
    case .succeeded(let version, let revision, let since):
      if task.status == .pending { try begin(&task, by: .record, at: record.object.status?.attemptStartedAt) }
      try complete(&task, success(record, version, revision, since))
    case .failed(let reason, let message, let remedy):
      let wasBegun = record.object.status?.lastAttemptedGeneration == record.generation
      if task.status == .pending, wasBegun {
        try begin(&task, by: .record, at: record.object.status?.attemptStartedAt)
      }
      var failure = TaskFailure(reason: reason, message: message, remedy: remedy)
      if remedy == .none, context.settings.kind == .docker, !task.isRollback { failure.notice = .composeFailed }
      if ["LicenseExpired", "LicenseInvalid"].contains(reason) { failure.notice = .licenseBlocked }
      try fail(&task, failure)
    }
  }

  /// Renewals and changes come every few seconds; the row need not be written as often.
  mutating func noteLife(_ task: inout AgentTask) throws {
    guard now - (task.lastHeartbeat ?? Timestamp(seconds: 0)) >= .seconds(10) else { return }
    task.lastHeartbeat = now
    try task.save(connection, at: now)
  }

  private func success(
    _ record: Record, _ version: String, _ revision: Int64, _ since: Timestamp
  ) -> TaskSuccess {
    var result: JSONValue = ["status": "success", "version": .string(version), "helmRevision": .integer(revision)]
    result["configPath"] = record.object.status?.current?.release.configPath.map { .string($0) }
    return TaskSuccess(version: version, revision: revision, since: since, result: result)
  }

  /// Somebody else decided what is to run: there is no fight, and everybody can see it.
  private mutating func supersede(_ task: inout AgentTask, _ message: String) throws {
    let step = TaskRule.step(
      task.status, .superseded, attempts: task.attempts, maximumAttempts: task.maximumAttempts)
    guard step == .cancel || step == .fail else { return }
    let what = task.order?.version ?? "the scheduled task"
    try announce(.warning, "ScheduleSuperseded", "\(message): \(what) is not deployed by its schedule")
    note(
      AuditEntry(
        actor: Self.manager, action: "DeploymentSuperseded", object: task.deploymentID ?? task.id,
        detail: ["taskId": .string(task.id), "message": .string(message)]))
    try fail(&task, .superseded(message, isBegun: step == .fail))
  }

  /// What runs and no task has led to: somebody applied a record, and it has converged. The status alone says so, and whoever has an
  /// Agent's token can write that: it is shown and reported, and names nothing that is compared with, returned to or removed.
  private mutating func noteOutsideDeployment(_ record: Record) throws {
    guard let current = record.object.status?.current, SemanticVersion(current.version) != nil,
      current.version.utf8.count <= ArtifactDemand.maximumVersionBytes,
      try !DeploymentHistory.isKnown(version: current.version, since: current.since, in: connection)
    else { return }
    let since = min(current.since, now)
    let revision = (0...Int64(Int32.max)).contains(current.revision) ? current.revision : nil
    state.currentVersion = current.version
    let deployment = try ScheduledDeployment.find(version: current.version, in: connection)
    if let deployment,
      deployment.artifactSha256(context.settings.kind)?.lowercased() == current.artifactSha256.lowercased()
    {
      try noteRunning(current.version, attemptID: context.makeID(), since: since, revision)
    }
    var history = DeploymentHistory(
      id: "record-\(current.version)", releaseID: deployment?.releaseID ?? "",
      releaseName: deployment?.releaseName ?? "v\(current.version)", version: current.version,
      deployedAt: current.since, status: DeploymentHistory.success)
    history.revision = revision
    history.isCurrent = true
    history.isRollback = record.object.spec.rollbackTo != nil
    history.releaseData = deployment?.releaseData
    history.requestedBy = record.lastManager
    history.artifactSha256 = current.artifactSha256
    if context.settings.kind == .docker,
      let path = ComposeEnvironments.checked(
        current.release.configPath, of: current.version, context.settings)
    {
      history.envBucketPath = path
      try ComposeEnvironments.note(
        version: current.version, path: path, connection, id: context.makeID(), at: now)
    }
    try history.save(connection)
    try DeploymentHistory.removeOld(connection)
    // What ran long before this server first looked is no news, and more of it in a day than people make is none either.
    guard now - current.since < .seconds(86_400), try outsideNotices() < Self.maximumOutsideNotices else { return }
    tell(
      AdminNotice(
        .deploymentSucceeded, fact: "\(Self.outsideFact)\(current.version)/\(current.since)", version: current.version,
        detail: "The DesiredDeployment was changed by \(record.lastManager ?? "somebody")."))
  }

  private static let outsideFact = "record/"
  /// In a day.
  private static let maximumOutsideNotices = 20

  private func outsideNotices() throws -> Int64 {
    let prefix = AdminNotice(.deploymentSucceeded, fact: Self.outsideFact).id
    return try connection.query(
      """
      SELECT count(*) FROM admin_notice
      WHERE substr(fact, 1, \(prefix.unicodeScalars.count)) = $1 AND "createdAt" > \(connection.dialect.time("$2"))
      """, [.text(prefix), (now + .seconds(-86_400)).column]
    ).first?[0].integer ?? 0
  }
}

extension DeploymentTransaction.Record {
  /// Who wrote it last besides this program and the Agents' reports, as its managed fields say.
  var lastManager: String? {
    (json["metadata"]?["managedFields"]?.array ?? [])
      .filter { ($0["subresource"]?.string ?? "").isEmpty && $0["manager"]?.string != DeploymentTransaction.manager }
      .max { ($0["time"]?.string ?? "") < ($1["time"]?.string ?? "") }?["manager"]?.string
  }
}

extension AgentTask {
  /// When it was last heard of (spec §8.5).
  var lastActivity: Timestamp {
    max(pickedUpAt ?? executeAfter, lastHeartbeat ?? pickedUpAt ?? executeAfter)
  }
}
