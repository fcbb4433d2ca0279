import DeploymentKinds
import ResourceModel
import WireFormats

/// What somebody changed by hand, and how it is corrected (`spec.drift`).
extension DeploymentPlanner {
  mutating func maintain(
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
}
