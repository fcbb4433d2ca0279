import DeploymentKinds
import ResourceModel
import WireFormats

/// How an environment is kept on what it was last seen running in full health.
extension DeploymentPlanner {
  /// What looking after the current release came to.
  struct Care {
    var step: Decision.Step
    /// Why the release does not run as it should; nil where it does.
    var problem: (reason: String, message: String)?
  }

  /// The desired release is the current one: nothing is deployed, whatever else of the spec has changed.
  mutating func keepInSync(_ current: DesiredDeploymentStatus.Current) -> Decision.Step {
    guard let observation else {
      if case .unavailable(let failure) = facts.environment {
        set(DeploymentCondition.ready, .unknown, failure.reason, failure.message)
      }
      return unobserved()
    }
    let comparison = EnvironmentComparison(current, observed: observation)
    status.lastHandledRetryRequest = retryRequest ?? status.lastHandledRetryRequest
    status.failure = nil
    unset(DeploymentCondition.stalled)
    if status.conditions?[DeploymentCondition.scheduled]?.reason != "Due" { unset(DeploymentCondition.scheduled) }
    if status.conditions?[DeploymentCondition.licensed]?.status == .isFalse { unset(DeploymentCondition.licensed) }
    let care: Care
    if isEnvironmentUnsettled, !comparison.isMatching {
      care = rollBack(to: current)
    } else {
      unset(DeploymentCondition.remediated)
      set(DeploymentCondition.released, .isTrue, "Deployed", deployedText(current))
      if status.conditions?[DeploymentCondition.artifactVerified]?.status != .isTrue {
        unset(DeploymentCondition.artifactVerified)
      }
      care = lookAfter(current, comparison)
    }
    if let problem = care.problem {
      set(DeploymentCondition.ready, .isFalse, problem.reason, problem.message)
    } else {
      set(DeploymentCondition.ready, .isTrue, "InSync", "\(current.title) runs in full health")
      if let before = original?.conditions?[DeploymentCondition.ready], before.status != .isTrue {
        events.append(DeploymentEvent(.normal, "InSync", "\(current.title) runs in full health"))
      }
    }
    return care.step
  }

  /// The desired release failed: the failure policy decides what runs until somebody acts. Where the failure touched
  /// nothing, as that of a refused artifact, there is nothing to leave as it is, and the current release is looked after.
  mutating func hold(_ failure: DesiredDeploymentStatus.Failure) -> Decision.Step {
    let failed = failedText(failure)
    guard spec.failurePolicy == .rollBack || status.conditions?.isTrue(DeploymentCondition.remediated) == true else {
      return standStill(failure, "\(failed). Everything is left as it is (spec.failurePolicy is Hold). \(againText)")
    }
    guard let current = status.current else {
      set(
        DeploymentCondition.remediated, .isFalse, "NothingToRestore",
        "This record deployed no version before \(failure.version), so there is none to return to")
      return standStill(failure, "\(failed). This record deployed none before it to return to. \(againText)")
    }
    guard let observation else { return unobserved() }
    let comparison = EnvironmentComparison(current, observed: observation)
    let care: Care
    if isEnvironmentUnsettled, !comparison.isMatching {
      care = rollBack(to: current)
      if status.conditions?[DeploymentCondition.remediated]?.status == .isFalse {
        set(DeploymentCondition.stalled, .isTrue, failure.reason, "\(failed). \(care.problem?.message ?? "")")
      } else {
        unset(DeploymentCondition.stalled)
      }
      set(
        DeploymentCondition.ready, .isFalse, care.problem?.reason ?? failure.reason,
        "\(failed). \(care.problem?.message ?? "")")
      return care.step
    }
    if isEnvironmentUnsettled { markRemediated(current) }
    care = lookAfter(current, comparison)
    keepInstead(current, of: failure)
    return care.step
  }

  /// Says that the last good version stays until somebody acts.
  mutating func keepInstead(
    _ current: DesiredDeploymentStatus.Current, of failure: DesiredDeploymentStatus.Failure
  ) {
    let message = "\(failedText(failure)). \(current.title) is kept instead. \(againText)"
    set(DeploymentCondition.stalled, .isTrue, failure.reason, message)
    set(DeploymentCondition.ready, .isFalse, failure.reason, message)
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
    set(DeploymentCondition.stalled, .isTrue, failure.reason, message)
    set(DeploymentCondition.ready, .isFalse, failure.reason, message)
    return .settled(recheckAfter: nil)
  }

  /// Something keeps the desired release from being deployed: the current one goes on being looked after.
  mutating func keepCurrent(recheckAfter: Duration?) -> Decision.Step {
    guard let current = status.current else {
      status.progress = nil
      return .settled(recheckAfter: recheckAfter)
    }
    guard let observation else { return unobserved() }
    let comparison = EnvironmentComparison(current, observed: observation)
    let care: Care
    if isEnvironmentUnsettled, spec.failurePolicy == .hold {
      status.progress = nil
      return .settled(recheckAfter: recheckAfter)
    } else if isEnvironmentUnsettled, !comparison.isMatching {
      care = rollBack(to: current)
    } else {
      if isEnvironmentUnsettled { markRemediated(current) }
      care = lookAfter(current, comparison)
    }
    guard case .settled(let after) = care.step else { return care.step }
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
    set(DeploymentCondition.healthy, .unknown, failure.reason, failure.message)
    if original?.conditions?[DeploymentCondition.healthy]?.reason != failure.reason {
      events.append(DeploymentEvent(.warning, failure.reason, failure.message))
    }
    return .retry(failure)
  }

  private mutating func lookAfter(
    _ current: DesiredDeploymentStatus.Current, _ comparison: EnvironmentComparison
  ) -> Care {
    setHealthy(comparison.health)
    let interval = spec.recheckInterval
    let unhealthy: (reason: String, message: String)? =
      switch comparison.health {
      case .healthy: nil
      case .starting(let message): ("WorkloadStarting", message)
      case .unhealthy(let message): ("WorkloadUnhealthy", message)
      }
    let before = original?.conditions?[DeploymentCondition.drifted]
    noteCompletion()
    if comparison.drifts.isEmpty {
      settle()
      if let before, before.status == .isTrue, before.reason != Self.notApplied {
        markCorrected(current)
      } else if before == nil || before?.reason == Self.notApplied && current.unapplied == nil {
        markInSync(current)
      } else if let before, facts.now - before.lastTransitionTime > correctionPause * 2 {
        status.corrections = nil
      }
      return Care(step: .settled(recheckAfter: interval), problem: unhealthy)
    }
    let text = comparison.driftText
    switch spec.drift {
    case .ignore:
      settle()
      unset(DeploymentCondition.drifted)
      return Care(step: .settled(recheckAfter: interval), problem: unhealthy)
    case .warn:
      settle()
      let message = "\(text). It is left as it is (spec.drift is Warn)"
      set(DeploymentCondition.drifted, .isTrue, "DriftDetected", message)
      if before?.status != .isTrue || before?.message != message {
        events.append(DeploymentEvent(.warning, "DriftDetected", message))
      }
      return Care(step: .settled(recheckAfter: interval), problem: ("DriftDetected", message))
    case .correct where facts.revocation != nil:
      // Nothing of it is started any more, whoever took away what.
      settle()
      let message = "\(text). It is left as it is: \(facts.revocation ?? "")"
      if before?.message != message { events.append(DeploymentEvent(.warning, "DriftDetected", message)) }
      set(DeploymentCondition.drifted, .isTrue, "DriftDetected", message)
      return Care(step: .settled(recheckAfter: interval), problem: ("DriftDetected", message))
    case .correct:
      if comparison.drifts.allSatisfy(\.isContested) {
        settle()
        return Care(step: .settled(recheckAfter: interval), problem: markContested(text, before))
      }
      if let before, before.reason == "CorrectionFailed", !comparison.isPartlyHeldUp,
        let pause = pauseUntilNextAttempt
      {
        unset(DeploymentCondition.reconciling)
        return Care(step: .settled(recheckAfter: min(interval, pause)), problem: (before.reason, before.message))
      }
      if let before, before.reason == "Corrected" || before.reason == Self.notApplied {
        let pause = before.lastTransitionTime + correctionPause - facts.now
        // A moment that has not come yet was not written by this Agent, or by another clock.
        if pause > .zero, pause <= correctionPause + .seconds(1) {
          settle()
          return Care(step: .settled(recheckAfter: min(interval, pause)), problem: ("DriftDetected", text))
        }
      }
      let message = "\(text). Returning to \(current.title)"
      if before?.status != .isTrue || before?.reason == Self.notApplied {
        events.append(DeploymentEvent(.warning, "DriftDetected", message))
      }
      status.progress = status.progress ?? Self.preparing(current.release)
      set(DeploymentCondition.drifted, .isTrue, "DriftDetected", message)
      set(DeploymentCondition.reconciling, .isTrue, "CorrectingDrift", message)
      return Care(step: .restore(current.plan, .driftCorrection), problem: ("CorrectingDrift", message))
    }
  }

  /// Converging to the current release once more also finishes a rollback that was interrupted.
  private mutating func rollBack(to current: DesiredDeploymentStatus.Current) -> Care {
    if let revocation = facts.revocation { return refuseRollback(to: current, since: revocation) }
    let failedBefore = original?.conditions?[DeploymentCondition.remediated]
    if let failedBefore, let pause = pauseUntilNextAttempt {
      unset(DeploymentCondition.reconciling)
      return Care(
        step: .settled(recheckAfter: min(spec.recheckInterval, pause)),
        problem: ("RollbackFailed", failedBefore.message))
    }
    let message = "Returning to \(current.title)"
    if failedBefore == nil, original?.conditions?[DeploymentCondition.reconciling]?.reason != "RollingBack" {
      events.append(DeploymentEvent(.normal, "RollingBack", message))
    }
    status.progress = status.progress ?? Self.preparing(current.release)
    set(DeploymentCondition.reconciling, .isTrue, "RollingBack", message)
    return Care(step: .restore(current.plan, .rollback), problem: ("RollingBack", message))
  }

  /// What the vendor has revoked is not started again, also where nothing else is left that could run.
  private mutating func refuseRollback(
    to current: DesiredDeploymentStatus.Current, since revocation: String
  ) -> Care {
    let message =
      "\(current.title) is not returned to: \(revocation). What the failure left is left as it is: deploy a newer release"
    settle()
    if original?.conditions?[DeploymentCondition.remediated]?.reason != Self.revoked {
      events.append(DeploymentEvent(.warning, Self.revoked, message))
    }
    set(DeploymentCondition.remediated, .isFalse, Self.revoked, message)
    return Care(step: .settled(recheckAfter: spec.recheckInterval), problem: (Self.revoked, message))
  }

  /// After a failure the current release runs in full: brought back, or never touched.
  mutating func markRemediated(_ current: DesiredDeploymentStatus.Current, beside running: RunningRelease? = nil) {
    settle()
    guard isRollbackBegun else {
      let message = "The failure changed nothing: \(current.title) goes on running"
      set(DeploymentCondition.remediated, .isTrue, "NothingChanged", message)
      events.append(DeploymentEvent(.normal, "NothingChanged", message))
      return
    }
    let message = "\(current.title) runs again\(running?.remnantsText ?? "")"
    set(DeploymentCondition.remediated, .isTrue, "RolledBack", message)
    events.append(DeploymentEvent(.normal, "RolledBack", message))
    guard let attempted = status.lastAttemptedGeneration,
      let index = status.history?.firstIndex(where: { $0.generation == attempted && $0.outcome == .failed })
    else { return }
    status.history?[index].outcome = .rolledBack
  }

  /// A rollback is recorded before it begins, so that it counts also where the Agent that began it is gone.
  private var isRollbackBegun: Bool {
    original?.conditions?[DeploymentCondition.reconciling]?.reason == "RollingBack"
      || original?.conditions?[DeploymentCondition.remediated] != nil
  }

  /// Something that changes the environment again and again is not fought every few seconds.
  private var correctionPause: Duration { facts.retry.pause(afterCorrections: status.corrections ?? 0) }

  /// Something sets again and again what the release sets otherwise.
  private mutating func markContested(_ text: String, _ before: Condition?) -> (reason: String, message: String) {
    let message =
      "\(text). It is corrected more and more seldom: end what changes it, or name the field in spec.driftIgnore"
    if before?.reason != "DriftContested" { events.append(DeploymentEvent(.warning, "DriftContested", message)) }
    set(DeploymentCondition.drifted, .isTrue, "DriftContested", message)
    return ("DriftContested", message)
  }

  mutating func markCorrected(_ current: DesiredDeploymentStatus.Current, beside running: RunningRelease? = nil) {
    status.corrections = min(max(status.corrections ?? 0, 0), 15) + 1
    let message = "\(current.title) runs again as it was deployed\(running?.remnantsText ?? "")"
    set(DeploymentCondition.drifted, .isFalse, "Corrected", message)
    events.append(DeploymentEvent(.normal, "DriftCorrected", message))
    guard current.unapplied != nil else { return }
    markInSync(current)
    // The pause before the next correction begins here.
    guard let index = status.conditions?.firstIndex(where: { $0.type == DeploymentCondition.drifted }) else { return }
    status.conditions?[index].lastTransitionTime = facts.now.wholeSeconds
  }

  /// The reason of `Drifted` where nothing is left to correct, but the engine keeps something otherwise.
  static let notApplied = "NotApplied"

  /// What runs is what was deployed, as far as deploying can make it so.
  mutating func markInSync(_ current: DesiredDeploymentStatus.Current) {
    guard let unapplied = current.unapplied else {
      return set(DeploymentCondition.drifted, .isFalse, "InSync", "What runs is what was deployed")
    }
    let message = unapplied.joined(separator: ". ")
    let before = original?.conditions?[DeploymentCondition.drifted]
    if before?.reason != Self.notApplied || before?.message != message {
      events.append(DeploymentEvent(.warning, Self.notApplied, message))
    }
    set(DeploymentCondition.drifted, .isTrue, Self.notApplied, message)
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
