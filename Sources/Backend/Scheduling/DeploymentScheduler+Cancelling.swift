import Audit
import Database
import OfferPlanning
import ResourceModel
import WireFormats

/// Who takes something back, or says "not now".
struct WithdrawalRequest: Sendable {
  var actor: String
  var roles = ""
  var address = ""
  var reason: String?
}

extension DeploymentScheduler {
  /// Takes back the task that nobody has begun, or ends a release that waits: it is offered and asked for no more.
  /// - Parameter deploymentID: whose it has to be; nil for any, such as a rollback.
  /// - Returns: the task; nil where the release waited without one.
  /// - Throws: `StatusError`: 404 for a deployment that is not there, 409 where nothing is scheduled or it was begun. `DatabaseError`.
  @discardableResult
  func cancel(
    deploymentID: String?, _ request: WithdrawalRequest, in connection: any SQLConnection
  ) throws -> AgentTask? {
    var transaction = try DeploymentTransaction(context, connection)
    if let deploymentID {
      var deployment = try Self.deployment(deploymentID, connection)
      if deployment.status.isWaiting {
        try end(&deployment, request, &transaction)
        try transaction.finish()
        return nil
      }
    }
    guard var task = try AgentTask.active(in: connection), deploymentID == nil || task.deploymentID == deploymentID
    else {
      throw StatusError(.conflict, "nothing is scheduled that could be cancelled")
    }
    guard try isUntouched(task, &transaction) else { throw StatusError(.conflict, Self.inProgress) }
    try transaction.takeBack(task)
    try transaction.fail(&task, .cancelled(by: request.actor, request.reason))
    var detail: JSONValue = [
      "taskId": .string(task.id), "scheduledFor": .string(task.executeAfter.description),
    ]
    detail["reason"] = request.reason.map { .string($0) }
    transaction.note(
      AuditEntry(
        actor: request.actor, roles: request.roles, address: request.address, action: "DeploymentCancelled",
        object: task.deploymentID ?? task.id, detail: detail))
    try transaction.finish()
    return task
  }

  private func end(
    _ deployment: inout ScheduledDeployment, _ request: WithdrawalRequest, _ transaction: inout DeploymentTransaction
  ) throws {
    let failure = TaskFailure.cancelled(by: request.actor, request.reason)
    guard let word = deployment.take(.cancelled, attemptID: context.makeID()) else { return }
    try transaction.end(&deployment, reason: failure.reason, failure.message, word)
    var detail: JSONValue = ["version": .string(deployment.version)]
    detail["reason"] = request.reason.map { .string($0) }
    transaction.note(
      AuditEntry(
        actor: request.actor, roles: request.roles, address: request.address, action: "DeploymentCancelled",
        object: deployment.id, detail: detail))
  }

  /// Notes that an admin does not want a release now, or does again. Policies leave it alone meanwhile; people may schedule it.
  /// - Throws: `StatusError`: 404 for a deployment that is not there, 409 for one that is scheduled, being deployed or deployed.
  ///   `DatabaseError`.
  func decline(
    _ deploymentID: String, _ request: WithdrawalRequest, isTakenBack: Bool, in connection: any SQLConnection
  ) throws {
    var transaction = try DeploymentTransaction(context, connection)
    var deployment = try Self.deployment(deploymentID, connection)
    guard !deployment.status.isActive, deployment.status != .success else {
      throw StatusError(
        .conflict,
        deployment.status == .success
          ? "\(deployment.releaseName) was deployed already" : "\(deployment.releaseName) is scheduled: cancel it first"
      )
    }
    if isTakenBack {
      (deployment.declinedAt, deployment.declinedBy, deployment.declinedReason) = (nil, nil, nil)
    } else {
      deployment.declinedAt = transaction.now
      deployment.declinedBy = request.actor
      deployment.declinedReason = request.reason
    }
    try deployment.save(connection, at: transaction.now)
    var detail: JSONValue = ["version": .string(deployment.version)]
    detail["reason"] = request.reason.map { .string($0) }
    transaction.note(
      AuditEntry(
        actor: request.actor, roles: request.roles, address: request.address,
        action: isTakenBack ? "DeploymentDeclineUndone" : "DeploymentDeclined", object: deployment.id, detail: detail))
    try transaction.finish()
  }

  private static func deployment(_ id: String, _ connection: any SQLConnection) throws -> ScheduledDeployment {
    guard let deployment = try ScheduledDeployment.find(id: id, in: connection) else {
      throw StatusError(.notFound, "there is no deployment \"\(id.prefix(100))\"")
    }
    return deployment
  }
}
