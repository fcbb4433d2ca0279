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
      return standStill(failure, "\(failed). This record deployed none before it to return to. \(againText)")
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

  private var observation: EnvironmentObservation? {
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

  private mutating func maintain(
    _ current: DesiredDeploymentStatus.Current, _ comparison: EnvironmentComparison
  ) -> MaintenanceDecision {
    setHealthy(comparison.health)
    let interval = spec.recheckInterval
    let unhealthy: (reason: ConditionReason, message: String)? =
      switch comparison.health {
      case .healthy: nil
      case .starting(let message): (.workloadStarting, message)
      case .unhealthy(let message): (.workloadUnhealthy, message)
      }
    let before = original?.conditions?[DeploymentCondition.drifted]
    let phase = DriftPhase(before)
    noteCompletion()
    if comparison.drifts.isEmpty {
      settle()
      switch phase {
      case .detected, .correctionFailed: markCorrected(current)
      case .unknown: markInSync(current)
      case .notApplied where current.unapplied == nil: markInSync(current)
      case .inSync, .corrected, .notApplied:
        if let before, facts.now - before.lastTransitionTime > correctionPause * 2 { status.corrections = nil }
      }
      return MaintenanceDecision(step: .settled(recheckAfter: interval), problem: unhealthy)
    }
    let text = comparison.driftText
    switch spec.drift {
    case .ignore:
      settle()
      unset(DeploymentCondition.drifted)
      return MaintenanceDecision(step: .settled(recheckAfter: interval), problem: unhealthy)
    case .warn:
      settle()
      let message = "\(text). It is left as it is (spec.drift is Warn)"
      set(DeploymentCondition.drifted, .isTrue, .driftDetected, message)
      if before?.status != .isTrue || before?.message != message {
        events.append(DeploymentEvent(.warning, "DriftDetected", message))
      }
      return MaintenanceDecision(step: .settled(recheckAfter: interval), problem: (.driftDetected, message))
    case .correct where facts.revocation != nil:
      // Nothing of it is started any more, whoever took away what.
      settle()
      let message = "\(text). It is left as it is: \(facts.revocation ?? "")"
      if before?.message != message { events.append(DeploymentEvent(.warning, "DriftDetected", message)) }
      set(DeploymentCondition.drifted, .isTrue, .driftDetected, message)
      return MaintenanceDecision(step: .settled(recheckAfter: interval), problem: (.driftDetected, message))
    case .correct:
      if comparison.drifts.allSatisfy(\.isContested) {
        settle()
        return MaintenanceDecision(step: .settled(recheckAfter: interval), problem: markContested(text))
      }
      if phase == .correctionFailed, let before, !comparison.isPartlyHeldUp, let pause = pauseUntilNextAttempt {
        unset(DeploymentCondition.reconciling)
        return MaintenanceDecision(
          step: .settled(recheckAfter: min(interval, pause)), problem: (.correctionFailed, before.message))
      }
      if let before, phase == .corrected || phase == .notApplied {
        let pause = before.lastTransitionTime + correctionPause - facts.now
        // A time that lies further ahead was not written by this Agent, or by another clock.
        if pause > .zero, pause <= correctionPause + .seconds(1) {
          settle()
          return MaintenanceDecision(
            step: .settled(recheckAfter: min(interval, pause)), problem: (.driftDetected, text))
        }
      }
      let message = "\(text). Returning to \(current.title)"
      switch phase {
      case .unknown, .inSync, .corrected, .notApplied:
        events.append(DeploymentEvent(.warning, "DriftDetected", message))
      case .detected, .correctionFailed: break
      }
      status.progress = status.progress ?? Self.preparing(current.release)
      set(DeploymentCondition.drifted, .isTrue, .driftDetected, message)
      set(DeploymentCondition.reconciling, .isTrue, .correctingDrift, message)
      return MaintenanceDecision(step: .restore(current.plan, .driftCorrection), problem: (.correctingDrift, message))
    }
  }

  /// Converging to the current release once more also finishes a rollback that was interrupted.
  private mutating func rollBack(to current: DesiredDeploymentStatus.Current) -> MaintenanceDecision {
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

  /// Something that changes the environment again and again is not fought every few seconds.
  private var correctionPause: Duration { facts.retry.pause(afterCorrections: status.corrections ?? 0) }

  /// Something sets again and again what the release sets otherwise.
  private mutating func markContested(_ text: String) -> (reason: ConditionReason, message: String) {
    let message =
      "\(text). It is corrected more and more seldom: end what changes it, or name the field in spec.driftIgnore"
    announce(.warning, DeploymentCondition.drifted, .driftContested, message)
    set(DeploymentCondition.drifted, .isTrue, .driftContested, message)
    return (.driftContested, message)
  }

  mutating func markCorrected(_ current: DesiredDeploymentStatus.Current, beside running: RunningRelease? = nil) {
    status.corrections = min(max(status.corrections ?? 0, 0), 15) + 1
    let message = "\(current.title) runs again as it was deployed\(running?.remnantsText ?? "")"
    set(DeploymentCondition.drifted, .isFalse, .corrected, message)
    events.append(DeploymentEvent(.normal, "DriftCorrected", message))
    guard current.unapplied != nil else { return }
    markInSync(current)
    // The pause before the next correction begins here.
    guard let index = status.conditions?.firstIndex(where: { $0.type == DeploymentCondition.drifted }) else { return }
    status.conditions?[index].lastTransitionTime = facts.now.wholeSeconds
  }

  /// What runs is what was deployed, as far as deploying can make it so.
  mutating func markInSync(_ current: DesiredDeploymentStatus.Current) {
    guard let unapplied = current.unapplied else {
      return set(DeploymentCondition.drifted, .isFalse, .inSync, "What runs is what was deployed")
    }
    let message = unapplied.joined(separator: ". ")
    let before = original?.conditions?[DeploymentCondition.drifted]
    if before?.knownReason != .notApplied || before?.message != message {
      events.append(DeploymentEvent(.warning, "NotApplied", message))
    }
    set(DeploymentCondition.drifted, .isTrue, .notApplied, message)
  }

  /// A job that was still at it when its release was declared deployed, and has ended well since, is done: it is neither
  /// missed nor started again, also where somebody removes its container.
  private mutating func noteCompletion() {
    guard case .compose(let containers, _)? = observation, let services = status.current?.services else { return }
    for (index, service) in services.enumerated() where service.mayComplete == true && !service.runsToCompletion {
      let own = containers.filter { $0.service == service.name && !$0.isOneOff }
      let isDone = own.count >= service.replicas && own.allSatisfy { EnvironmentComparison.isDone($0, in: service) }
      if isDone, !own.isEmpty { status.current?.services?[index].runsToCompletion = true }
    }
  }

  private mutating func settle() {
    status.progress = nil
    status.nextAttemptAt = nil
    unset(DeploymentCondition.reconciling)
  }
}
