import DeploymentKinds
import ResourceModel
import WireFormats

/// How an environment is kept on what it was last seen running in full health.
extension DeploymentPlanner {
  /// What the current release needs: a step, and what to say of it.
  struct MaintenanceDecision {
    var step: Decision.Step
    /// Why the release does not run as it should; nil where it does.
    var problem: (reason: ConditionReason, message: String)?
  }

  /// The desired release is the current one: nothing is deployed, whatever else of the spec has changed.
  mutating func maintainDesired(_ current: DesiredDeploymentStatus.Current) -> Decision.Step {
    guard let observation else {
      if case .unavailable(let failure) = facts.environment {
        set(DeploymentCondition.ready, .unknown, reason: failure.reason, failure.message)
      }
      return unobserved()
    }
    let comparison = EnvironmentComparison(current, observed: observation)
    status.lastHandledRetryRequest = retryRequest ?? status.lastHandledRetryRequest
    status.failure = nil
    unset(DeploymentCondition.stalled)
    if status.conditions?[DeploymentCondition.scheduled]?.knownReason != .scheduleDue {
      unset(DeploymentCondition.scheduled)
    }
    if status.conditions?[DeploymentCondition.licensed]?.status == .isFalse { unset(DeploymentCondition.licensed) }
    let maintenance: MaintenanceDecision
    if isEnvironmentUnsettled, !comparison.isMatching {
      maintenance = rollBack(to: current)
    } else {
      unset(DeploymentCondition.remediated)
      set(DeploymentCondition.released, .isTrue, .deployed, deployedText(current))
      if status.conditions?[DeploymentCondition.artifactVerified]?.status != .isTrue {
        unset(DeploymentCondition.artifactVerified)
      }
      maintenance = maintain(current, comparison)
    }
    if let problem = maintenance.problem {
      set(DeploymentCondition.ready, .isFalse, problem.reason, problem.message)
    } else {
      set(DeploymentCondition.ready, .isTrue, .inSync, "\(current.title) runs in full health")
      if let before = original?.conditions?[DeploymentCondition.ready], before.status != .isTrue {
        events.append(DeploymentEvent(.normal, "InSync", "\(current.title) runs in full health"))
      }
    }
    return maintenance.step
  }

  /// The desired release failed: the failure policy decides what runs until somebody acts. Where the failure touched
  /// nothing, as that of a refused artifact, there is nothing to leave as it is, and the current release is maintained.
  mutating func hold(_ failure: DesiredDeploymentStatus.Failure) -> Decision.Step {
    let failed = failedText(failure)
    guard spec.failurePolicy == .rollBack || status.conditions?.isTrue(DeploymentCondition.remediated) == true else {
      return standStill(failure, "\(failed). Everything is left as it is (spec.failurePolicy is Hold). \(againText)")
    }
    guard let current = status.current else {
      set(
        DeploymentCondition.remediated, .isFalse, .nothingToRestore,
        "This record deployed no version before \(failure.version), so there is none to return to")
      return standStill(
        failure,
        "\(failed). This record deployed none before it to return to, so what was started of it stays as it is. \(againText)"
      )
    }
    guard let observation else { return unobserved() }
    let comparison = EnvironmentComparison(current, observed: observation)
    let maintenance: MaintenanceDecision
    if isEnvironmentUnsettled, !comparison.isMatching {
      maintenance = rollBack(to: current)
      if status.conditions?[DeploymentCondition.remediated]?.status == .isFalse {
        set(
          DeploymentCondition.stalled, .isTrue, reason: failure.reason,
          "\(failed). \(maintenance.problem?.message ?? "")")
      } else {
        unset(DeploymentCondition.stalled)
      }
      set(
        DeploymentCondition.ready, .isFalse, reason: maintenance.problem?.reason.rawValue ?? failure.reason,
        "\(failed). \(maintenance.problem?.message ?? "")")
      return maintenance.step
    }
    if isEnvironmentUnsettled { markRemediated(current) }
    maintenance = maintain(current, comparison)
    recordKept(current, insteadOf: failure)
    return maintenance.step
  }

  /// Says that the last good version stays until somebody acts.
  mutating func recordKept(
    _ current: DesiredDeploymentStatus.Current, insteadOf failure: DesiredDeploymentStatus.Failure
  ) {
    let message = "\(failedText(failure)). \(current.title) is kept instead. \(againText)"
    set(DeploymentCondition.stalled, .isTrue, reason: failure.reason, message)
    set(DeploymentCondition.ready, .isFalse, reason: failure.reason, message)
  }

  private func failedText(_ failure: DesiredDeploymentStatus.Failure) -> String {
    "\(failure.version) failed: \(failure.message)"
  }

  private var againText: String {
    "A new spec, or \"wrktalkctl retry \(desired.metadata.name)\", tries again"
  }

  private mutating func standStill(
    _ failure: DesiredDeploymentStatus.Failure, _ message: String
  ) -> Decision.Step {
    status.progress = nil
    status.nextAttemptAt = nil
    unset(DeploymentCondition.reconciling)
    set(DeploymentCondition.stalled, .isTrue, reason: failure.reason, message)
    set(DeploymentCondition.ready, .isFalse, reason: failure.reason, message)
    return .settled(recheckAfter: nil)
  }

  /// Something keeps the desired release from being deployed: the current one is maintained meanwhile.
  mutating func maintainCurrent(recheckAfter: Duration?) -> Decision.Step {
    guard let current = status.current else {
      status.progress = nil
      return .settled(recheckAfter: recheckAfter)
    }
    guard let observation else { return unobserved() }
    let comparison = EnvironmentComparison(current, observed: observation)
    let maintenance: MaintenanceDecision
    if isEnvironmentUnsettled, spec.failurePolicy == .hold {
      status.progress = nil
      return .settled(recheckAfter: recheckAfter)
    } else if isEnvironmentUnsettled, !comparison.isMatching {
      maintenance = rollBack(to: current)
    } else {
      if isEnvironmentUnsettled { markRemediated(current) }
      maintenance = maintain(current, comparison)
    }
    guard case .settled(let after) = maintenance.step else { return maintenance.step }
    return .settled(recheckAfter: [after, recheckAfter].compactMap { $0 }.min())
  }

  // MARK: Steps

  /// With what people should know of the release.
  func deployedText(_ current: DesiredDeploymentStatus.Current) -> String {
    (["\(current.title) was deployed"] + [current.warnings.map(Self.sentences)].compactMap { $0 }).joined(
      separator: ". ")
  }

  /// At most five of them.
  static func sentences(_ parts: [String]) -> String {
    let rest = parts.count > 5 ? ["And \(parts.count - 5) more"] : []
    return (parts.prefix(5) + rest).joined(separator: ". ")
  }

  var observation: EnvironmentObservation? {
    if case .observed(let observation) = facts.environment { observation } else { nil }
  }

  private mutating func unobserved() -> Decision.Step {
    guard case .unavailable(let failure) = facts.environment else { return .observe }
    set(DeploymentCondition.healthy, .unknown, reason: failure.reason, failure.message)
    if original?.conditions?[DeploymentCondition.healthy]?.reason != failure.reason {
      events.append(DeploymentEvent(.warning, failure.reason, failure.message))
    }
    return .retry(failure)
  }

  /// A job that was still at it when its release was declared deployed, and has ended well since, is done: it is neither
  /// missed nor started again, also where somebody removes its container.
  mutating func noteCompletion() {
    guard case .compose(let containers, _)? = observation, let services = status.current?.services else { return }
    for (index, service) in services.enumerated() where service.mayComplete == true && !service.runsToCompletion {
      let own = containers.filter { $0.service == service.name && !$0.isOneOff }
      let isDone = own.count >= service.replicas && own.allSatisfy { EnvironmentComparison.isDone($0, in: service) }
      if isDone, !own.isEmpty { status.current?.services?[index].runsToCompletion = true }
    }
  }

  mutating func settle() {
    status.progress = nil
    status.nextAttemptAt = nil
    unset(DeploymentCondition.reconciling)
  }
}
