import Audit
import Database
import DeploymentKinds
import OfferPlanning
import ResourceModel
import WireFormats

/// Return to what ran here before (spec §9). It is a local act: for an Agent with a trust root only a revision of its own history is
/// one, so that is what a record asks for wherever its history has the version.
extension DeploymentScheduler {
  static let notAvailable = "Version not available"

  /// Makes the task of a rollback, to begin at once.
  /// - Throws: `StatusError`: 409 while another task is active, or where that version runs; 404 for what never ran here; 403 without a
  ///   valid licence; 422 where there are no revisions. `DatabaseError`.
  @discardableResult
  func rollBack(_ request: RollbackRequest, in connection: any SQLConnection) throws -> AgentTask {
    var transaction = try DeploymentTransaction(context, connection)
    let task = try rollBack(request, &transaction)
    try transaction.finish()
    return task
  }

  private func rollBack(
    _ request: RollbackRequest, _ transaction: inout DeploymentTransaction
  ) throws -> AgentTask {
    let connection = transaction.connection
    guard try AgentTask.active(in: connection) == nil else { throw StatusError(.conflict, Self.cannotRollBack) }
    try license.require()
    let target = try RollbackTarget.find(request.target, transaction: &transaction)
    if case .version(let version) = request.target, version == transaction.state.currentVersion {
      throw StatusError(.conflict, "v\(version) is running already")
    }
    var task = AgentTask(
      id: context.makeID(), type: target.type(context.settings), payload: target.payload(context.settings),
      executeAfter: transaction.now.wholeSeconds, createdAt: transaction.now, isRollback: true)
    task.requestedBy = request.actor
    task.order = target.order(notBefore: task.executeAfter)
    if task.order == nil, transaction.state.executor == .record,
      try AgentLease.read(context, connection, now: transaction.now)?.isHeld == true
    {
      throw StatusError(
        .notFound,
        "revision \(target.revision ?? 0) is not in the history of the DesiredDeployment, by which the Agent here returns: ask for "
          + "a version that ran here")
    }
    if let version = target.version {
      task.deploymentID = try ScheduledDeployment.find(version: version, in: connection)?.id
    }
    try begin(&task, &transaction)
    var detail: JSONValue = ["taskId": .string(task.id), "from": .string(transaction.state.currentVersion ?? "")]
    detail["version"] = target.version.map { .string($0) }
    detail["revision"] = target.revision.map { .integer($0) }
    detail["reason"] = request.reason.map { .string($0) }
    transaction.note(
      AuditEntry(
        actor: request.actor, roles: request.roles, address: request.address, action: "RollbackRequested",
        object: target.version ?? "revision \(target.revision ?? 0)", detail: detail))
    return task
  }
}

/// What a rollback returns to, by all that is known of it.
struct RollbackTarget: Sendable {
  /// Nil for a revision of Helm's that this server never heard of.
  var version: String?
  /// That an Agent that polls rolls back to: Helm's.
  var revision: Int64?
  /// Of the record's own history.
  var recordRevision: Int64?
  /// What deploying it again takes; nil where nothing of it was kept.
  var release: TaskRelease?
  /// Of the `.env` that it ran with.
  var envPath: String?
  /// Whether a version was asked for, and not a revision.
  var isVersion = false

  /// - Throws: `StatusError` 404.
  static func find(
    _ target: RollbackRequest.Target, transaction: inout DeploymentTransaction
  ) throws -> RollbackTarget {
    let settings = transaction.context.settings
    let status = try transaction.currentRecord()?.object.status
    let deployed = (status?.history ?? []).filter { $0.outcome == .deployed && $0.revision != nil }
    var found = RollbackTarget()
    switch target {
    case .revision(let revision):
      found.recordRevision =
        status?.current?.revision == revision || deployed.contains { $0.revision == revision } ? revision : nil
      if transaction.state.executor == .record, found.recordRevision == nil, status?.history?.isEmpty == false {
        throw StatusError(
          .notFound,
          "revision \(revision) is not in the history: choose one of "
            + deployed.compactMap { $0.revision.map(String.init) }.joined(separator: ", "))
      }
      found.version =
        deployed.first { $0.revision == revision }?.release.version
        ?? (status?.current?.revision == revision ? status?.current?.version : nil)
      if settings.kind == .kubernetes { found.revision = revision }
      let history = try DeploymentHistory.lastSuccess(revision: revision, in: transaction.connection)
      found.version = found.version ?? history?.version
      if settings.kind == .docker {
        guard found.version != nil else {
          throw StatusError(.invalid, "targetRevision: Compose keeps no revisions: name targetVersion instead")
        }
        _ = try found.takeRelease(transaction)
      }
    case .version(let version):
      found.version = version
      found.isVersion = true
      let history = try found.takeRelease(transaction)
      // The Agent's status says only whether it still has the revision that a task of this server led to.
      found.recordRevision =
        deployed.first {
          $0.release.version == version && (history?.taskID == nil || $0.revision == history?.revision)
        }?.revision
      guard found.release != nil || found.recordRevision != nil || found.revision != nil else {
        throw StatusError(.notFound, DeploymentScheduler.notAvailable)
      }
    }
    return found
  }

  /// What was kept of the last time that the version ran.
  private mutating func takeRelease(_ transaction: DeploymentTransaction) throws -> DeploymentHistory? {
    guard let version, let history = try DeploymentHistory.lastSuccess(version: version, in: transaction.connection)
    else { return nil }
    let settings = transaction.context.settings
    // Of what no task led to, the status alone says where it lies.
    if history.taskID != nil {
      if settings.kind == .kubernetes { revision = history.revision }
      release = TaskRelease(history, settings)
      envPath = history.envBucketPath
    }
    return history
  }

  /// Whether nothing has to be fetched for it: Helm keeps its revisions in the cluster.
  func needsNoArtifact(_ settings: DeploymentSettings) -> Bool {
    settings.kind == .kubernetes && (revision != nil || recordRevision != nil)
  }

  /// Compose has no rollback: the old version is deployed (spec §9.2); so is one of which Helm's revision is not known.
  func type(_ settings: DeploymentSettings) -> AgentTaskType {
    settings.kind == .kubernetes && (revision != nil || release == nil) ? .rollback : .deploy
  }

  /// Where the `.env` that it ran with is kept; nil where there is none to be kept.
  func environmentPath(_ settings: DeploymentSettings) -> String? {
    guard settings.kind == .docker, let release else { return nil }
    return envPath ?? ComposeEnvironments.path(of: release.version, settings)
  }

  func payload(_ settings: DeploymentSettings) -> JSONValue {
    var payload: JSONValue = [:]
    if let release {
      payload = release.payload(settings, envPath: environmentPath(settings), withSettings: false)
    }
    if settings.kind == .kubernetes || release == nil {
      payload["targetRevision"] = (revision ?? recordRevision).map { .integer($0) }
      if isVersion { payload["targetVersion"] = version.map { .string($0) } }
    }
    return payload
  }

  func order(notBefore: Timestamp) -> DeploymentOrder? {
    if let recordRevision {
      return DeploymentOrder(version: version, revision: recordRevision, notBefore: notBefore)
    }
    return release?.order(envPath, notBefore: notBefore, withSettings: false)
  }
}
