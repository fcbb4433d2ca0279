import Database
import ResourceModel
import WireFormats

/// What policy and health watch have done for them; both throw `StatusError` where it is refused, and leave nothing of it then.
struct DeploymentActions: Sendable {
  /// Schedules a release for a time inside the windows, in the name of the policy.
  var schedule: @Sendable (_ deploymentID: String, _ time: Timestamp, _ connection: any SQLConnection) throws -> Void
  /// Takes a scheduled deployment back; one that was begun goes on.
  var cancel: @Sendable (_ deploymentID: String, _ reason: String, _ connection: any SQLConnection) throws -> Void
  /// Begins the return to a version, and says by which task.
  var rollBack: @Sendable (_ version: String, _ reason: String, _ connection: any SQLConnection) throws -> String
}

extension DeploymentActions {
  /// Takes back what the policy has scheduled and nobody has begun.
  func cancelAutomatic(because reason: String, _ connection: any SQLConnection) throws {
    guard let scheduled = try AutomaticDeployment.find(connection) else { return }
    try cancel(scheduled.deploymentID, reason, connection)
  }

  /// Takes back what was scheduled, by the policy or by a person, and what the vendor has taken back since.
  func cancelWithdrawn(_ connection: any SQLConnection) throws {
    let row = try connection.query(
      "SELECT d.id FROM scheduled_deployment AS d WHERE d.status = 'scheduled' AND d.\"withdrawnAt\" IS NOT NULL LIMIT 1"
    ).first
    guard let id = row?[0].text else { return }
    try cancel(id, "the vendor has taken the release back", connection)
  }

  init(_ scheduler: DeploymentScheduler) {
    self.init(
      schedule: { deploymentID, time, connection in
        try scheduler.schedule(
          ScheduleRequest(
            deploymentID: deploymentID, scheduledFor: time, actor: PolicyState.actor, isAutomatic: true),
          in: connection)
      },
      cancel: { deploymentID, reason, connection in
        do {
          try scheduler.cancel(
            deploymentID: deploymentID, WithdrawalRequest(actor: PolicyState.actor, reason: reason), in: connection)
        } catch let error as StatusError where error.reason == .conflict {}
      },
      rollBack: { version, reason, connection in
        try scheduler.rollBack(
          RollbackRequest(target: .version(version), actor: HealthWatchService.actor, reason: reason), in: connection
        ).id
      })
  }
}
