import Database
import WireFormats

/// What policy and health watch have done for them; both throw `StatusError` where it is refused, and leave nothing of it then.
struct DeploymentActions: Sendable {
  /// Schedules a release for a time inside the windows, in the name of the policy.
  var schedule: @Sendable (_ deploymentID: String, _ time: Timestamp, _ connection: any SQLConnection) throws -> Void
  /// Begins the return to a version.
  var rollBack: @Sendable (_ version: String, _ reason: String, _ connection: any SQLConnection) throws -> Void
}

extension DeploymentActions {
  init(_ scheduler: DeploymentScheduler) {
    self.init(
      schedule: { deploymentID, time, connection in
        try scheduler.schedule(
          ScheduleRequest(
            deploymentID: deploymentID, scheduledFor: time, actor: PolicyState.actor, isAutomatic: true),
          in: connection)
      },
      rollBack: { version, reason, connection in
        try scheduler.rollBack(
          RollbackRequest(target: .version(version), actor: HealthWatchService.actor, reason: reason), in: connection)
      })
  }
}
