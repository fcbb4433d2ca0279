import DeploymentKinds
import ResourceModel
import WireFormats

/// How the current release is brought back after an attempt that failed.
extension DeploymentPlanner {
  /// Converging to the current release once more also finishes a rollback that was interrupted.
  mutating func rollBack(to current: DesiredDeploymentStatus.Current) -> MaintenanceDecision {
    if let revocation = facts.revocation { return refuseRollback(to: current, since: revocation) }
    if case .rollbackFailed(let failedBefore) = environment, let pause = pauseUntilNextAttempt {
      unset(DeploymentCondition.reconciling)
      return MaintenanceDecision(
        step: .settled(recheckAfter: min(spec.recheckInterval, pause)),
        problem: (.rollbackFailed, failedBefore.message))
    }
    let message = "Returning to \(current.title)"
    if !environment.isRollbackBegun { events.append(DeploymentEvent(.normal, "RollingBack", message)) }
    status.progress = status.progress ?? Self.preparing(current.release)
    set(DeploymentCondition.reconciling, .isTrue, .rollingBack, message)
    return MaintenanceDecision(step: .restore(current.plan, .rollback), problem: (.rollingBack, message))
  }

  /// What the vendor has revoked is not started again, also where nothing else is left that could run.
  private mutating func refuseRollback(
    to current: DesiredDeploymentStatus.Current, since revocation: String
  ) -> MaintenanceDecision {
    let message =
      "\(current.title) is not returned to: \(revocation). What the failure left is left as it is: deploy a newer release"
    settle()
    announce(.warning, DeploymentCondition.remediated, .releaseRevoked, message)
    set(DeploymentCondition.remediated, .isFalse, .releaseRevoked, message)
    return MaintenanceDecision(step: .settled(recheckAfter: spec.recheckInterval), problem: (.releaseRevoked, message))
  }

  /// After a failure the current release runs in full: brought back, or never touched.
  mutating func markRemediated(_ current: DesiredDeploymentStatus.Current, beside running: RunningRelease? = nil) {
    settle()
    guard environment.isRollbackBegun else {
      let message = "The failure changed nothing: \(current.title) goes on running"
      set(DeploymentCondition.remediated, .isTrue, .nothingChanged, message)
      events.append(DeploymentEvent(.normal, "NothingChanged", message))
      return
    }
    let message = "\(current.title) runs again\(running?.remnantsText ?? "")"
    set(DeploymentCondition.remediated, .isTrue, .rolledBack, message)
    events.append(DeploymentEvent(.normal, "RolledBack", message))
    guard let attempted = status.lastAttemptedGeneration,
      let index = status.history?.firstIndex(where: { $0.generation == attempted && $0.outcome == .failed })
    else { return }
    status.history?[index].outcome = .rolledBack
  }
}
