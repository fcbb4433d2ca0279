import Audit
import Database
import FleetProtocol
import OfferPlanning
import ReleaseManifest
import ResourceModel
import WireFormats

/// When a release is to be deployed, and who says so.
struct ScheduleRequest: Sendable {
  var deploymentID: String
  /// Nil for now.
  var scheduledFor: Timestamp?
  var actor: String
  var roles = ""
  /// Where from; empty where it is this program itself.
  var address = ""
  /// Why the maintenance windows do not count; nil where they do.
  var windowOverride: String?
  /// By the deployment policy, not by a person.
  var isAutomatic = false
}

/// What to return to, and who says so.
struct RollbackRequest: Sendable {
  enum Target: Sendable, Hashable {
    /// Of Helm's history, or the count of releases of a Compose project (spec §9.1, option A).
    case revision(Int64)
    /// Of a release that ran here (spec §9.1, option B; §9.2).
    case version(String)
  }

  var target: Target
  var actor: String
  var roles = ""
  var address = ""
  var reason: String?
}

/// Makes tasks of what admins and policies decide: one at a time (spec §5.4, §10.3).
struct DeploymentScheduler: Sendable {
  let context: DeploymentContext
  let license: LicenseGate
  let windows: WindowGate

  static let inProgress = "Deployment already in progress"
  static let cannotRollBack = "Cannot rollback - deployment in progress"
  /// How far ahead a deployment may be scheduled.
  static let longestLead: Duration = .seconds(366 * 86_400)

  /// Makes the task of a release, or moves one that nobody has begun to another time.
  /// - Throws: `StatusError`: 404 for a deployment that is not there; 409 while another is active, or where the version runs or ran
  ///   already; 403 without a valid licence; 422 for a time that has passed or lies outside the windows, and before the artifact is
  ///   downloaded. `DatabaseError`.
  @discardableResult
  func schedule(_ request: ScheduleRequest, in connection: any SQLConnection) throws -> AgentTask {
    var transaction = try DeploymentTransaction(context, connection)
    let task = try schedule(request, &transaction)
    try transaction.finish()
    return task
  }

  private func schedule(
    _ request: ScheduleRequest, _ transaction: inout DeploymentTransaction
  ) throws -> AgentTask {
    let connection = transaction.connection
    guard var deployment = try ScheduledDeployment.find(id: request.deploymentID, in: connection) else {
      throw StatusError(.notFound, "there is no deployment \"\(request.deploymentID.prefix(100))\"")
    }
    let active = try AgentTask.active(in: connection)
    if let active, active.deploymentID != deployment.id || active.isRollback {
      throw StatusError(.conflict, Self.inProgress)
    }
    let time = try checkedTime(request, now: transaction.now)
    if var active {
      // "Now" once more is no other time for one that is due.
      let isMoved =
        active.executeAfter != time && (request.scheduledFor != nil || active.executeAfter > transaction.now)
      guard isMoved, try isUntouched(active, &transaction) else {
        throw StatusError(.conflict, Self.inProgress)
      }
      try check(deployment, request, at: time, transaction)
      return try move(&active, of: &deployment, to: time, request, &transaction)
    }
    try check(deployment, request, at: time, transaction)
    var task = try newTask(deployment, at: time, request, transaction)
    try begin(&task, &transaction)
    take(request, into: &deployment, task, at: transaction.now)
    try deployment.save(connection, at: transaction.now)
    say(task, deployment, request, &transaction)
    return task
  }

  /// Whether nobody has begun a task, nor was it just handed out.
  func isUntouched(_ task: AgentTask, _ transaction: inout DeploymentTransaction) throws -> Bool {
    guard task.status == .pending, task.attempts == 0 else { return false }
    guard task.generation != nil, let order = task.order, let record = try transaction.currentRecord() else {
      return true
    }
    switch RecordState(of: record.object, order, now: transaction.now) {
    case .begun, .succeeded, .failed: return false
    case .waiting, .licenseBlocks, .missed, .otherRelease: return true
    }
  }

  // MARK: What is refused

  private func checkedTime(_ request: ScheduleRequest, now: Timestamp) throws(StatusError) -> Timestamp {
    // To the second, as Agents read it.
    let time = (request.scheduledFor ?? now).wholeSeconds
    guard now - time <= TaskRule.startingDeadline else {
      throw StatusError(.invalid, "scheduledFor: \(time) has passed, and it is \(now.wholeSeconds)")
    }
    guard time - now <= Self.longestLead else {
      throw StatusError(.invalid, "scheduledFor: \(time) is more than a year ahead")
    }
    return max(time, now.wholeSeconds)
  }

  private func check(
    _ deployment: ScheduledDeployment, _ request: ScheduleRequest, at time: Timestamp,
    _ transaction: DeploymentTransaction
  ) throws {
    try license.require()
    if deployment.withdrawnAt != nil {
      throw StatusError(.conflict, "the vendor has taken \(deployment.releaseName) back: it is not offered any more")
    }
    switch deployment.status {
    case .inProgress: throw StatusError(.conflict, Self.inProgress)
    case .success:
      throw StatusError(
        .conflict,
        deployment.version == transaction.state.currentVersion
          ? "\(deployment.releaseName) is running already"
          : "\(deployment.releaseName) ran here before: return to it with POST /api/admin/deployment/rollback")
    case .pending, .downloadFailed, .scheduled, .missedSchedule, .failed, .rolledBack, .deadlineExceeded, .cancelled:
      break
    }
    guard deployment.isDownloaded, deployment.chartBucketPath != nil,
      deployment.artifactSha256(context.settings.kind) != nil
    else {
      throw StatusError(
        .invalid,
        "\(deployment.releaseName) is not downloaded yet: "
          + (deployment.downloadError ?? "it can be scheduled once its artifact lies in the bucket, whole and verified")
      )
    }
    try checkUpgrade(to: deployment, from: transaction.state.currentVersion)
    if request.windowOverride == nil, let refusal = try windows.refusal(time, transaction.connection) {
      throw refusal.error
    }
  }

  private func checkUpgrade(to deployment: ScheduledDeployment, from running: String?) throws(StatusError) {
    guard let minimum = deployment.offer?.minCurrentVersion, let oldest = SemanticVersion(minimum),
      let present = running.flatMap({ SemanticVersion($0) }), present < oldest
    else { return }
    throw StatusError(
      .invalid,
      "\(deployment.releaseName) may be deployed from \(minimum) on, and \(running ?? "") runs: deploy \(minimum) or a "
        + "later release before it")
  }

  // MARK: What is made

  private func newTask(
    _ deployment: ScheduledDeployment, at time: Timestamp, _ request: ScheduleRequest,
    _ transaction: DeploymentTransaction
  ) throws(StatusError) -> AgentTask {
    guard let release = TaskRelease(deployment, context.settings) else {
      throw StatusError(.invalid, "the offer of \(deployment.releaseName) cannot be read")
    }
    var task = AgentTask(
      id: context.makeID(), type: .deploy, payload: release.payload(context.settings), executeAfter: time,
      createdAt: transaction.now)
    task.deploymentID = deployment.id
    task.requestedBy = request.actor
    task.order = release.order(context.configPath, notBefore: time)
    return task
  }

  /// Keeps a new task and has the DesiredDeployment ask for it.
  func begin(_ task: inout AgentTask, _ transaction: inout DeploymentTransaction) throws {
    do {
      try task.insert(transaction.connection)
    } catch let error as DatabaseError where error.code == .uniqueViolation {
      throw StatusError(.conflict, task.isRollback ? Self.cannotRollBack : Self.inProgress)
    }
    try TaskRecords.write(&task, &transaction)
    try task.save(transaction.connection, at: transaction.now)
  }

  private func move(
    _ task: inout AgentTask, of deployment: inout ScheduledDeployment, to time: Timestamp, _ request: ScheduleRequest,
    _ transaction: inout DeploymentTransaction
  ) throws -> AgentTask {
    task.executeAfter = time
    task.order?.notBefore = time
    task.requestedBy = request.actor
    // Whoever it was handed out to and has not begun it finds that it is not due any more.
    (task.claimedBy, task.claimedAt) = (nil, nil)
    try TaskRecords.write(&task, &transaction)
    try task.save(transaction.connection, at: transaction.now)
    let before = deployment.scheduledFor
    take(request, into: &deployment, task, at: transaction.now)
    try deployment.save(transaction.connection, at: transaction.now)
    say(task, deployment, request, &transaction, movedFrom: before)
    return task
  }

  private func take(
    _ request: ScheduleRequest, into deployment: inout ScheduledDeployment, _ task: AgentTask, at now: Timestamp
  ) {
    _ = deployment.take(.scheduled, attemptID: task.id)
    deployment.scheduledFor = task.executeAfter
    deployment.scheduledBy = request.actor
    deployment.windowOverride = request.windowOverride
    deployment.isAutomatic = request.isAutomatic
    (deployment.startedAt, deployment.completedAt, deployment.helmRevision) = (nil, nil, nil)
    (deployment.errorMessage, deployment.failureReason) = (nil, nil)
    (deployment.declinedAt, deployment.declinedBy, deployment.declinedReason) = (nil, nil, nil)
  }

  private func say(
    _ task: AgentTask, _ deployment: ScheduledDeployment, _ request: ScheduleRequest,
    _ transaction: inout DeploymentTransaction, movedFrom before: Timestamp? = nil
  ) {
    var detail: JSONValue = [
      "version": .string(deployment.version), "scheduledFor": .string(task.executeAfter.description),
      "taskId": .string(task.id), "attempt": .integer(deployment.attempt),
    ]
    detail["windowOverride"] = request.windowOverride.map { .string($0) }
    detail["before"] = before.map { .string($0.description) }
    transaction.note(
      AuditEntry(
        actor: request.actor, roles: request.roles, address: request.address,
        action: before == nil ? "DeploymentScheduled" : "DeploymentRescheduled", object: deployment.id, detail: detail))
    transaction.tell(
      AdminNotice(
        request.isAutomatic ? .automaticScheduled : .deploymentScheduled, fact: "\(task.id)/\(task.executeAfter)",
        version: deployment.version, time: task.executeAfter))
    transaction.reportSchedule(of: deployment, at: task.executeAfter)
  }
}

extension AgentTask {
  init(
    id: String, type: AgentTaskType, payload: JSONValue, executeAfter: Timestamp, createdAt: Timestamp,
    isRollback: Bool = false
  ) {
    self.id = id
    self.type = type
    status = .pending
    self.payload = payload
    self.executeAfter = executeAfter
    attempts = 0
    maximumAttempts = 3
    self.isRollback = isRollback
    isEnvironmentSaved = false
    self.createdAt = createdAt
  }
}
