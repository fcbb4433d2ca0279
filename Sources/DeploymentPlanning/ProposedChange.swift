public import DeploymentKinds
public import ResourceModel
public import WireFormats

/// What the Agent would do about a proposed object, in plain words, for `wrktalkctl diff`.
public struct ProposedChange: Sendable, Hashable {
  /// One sentence each, in the order in which things would happen.
  public var sentences: [String]

  /// - Parameters:
  ///   - current: the object as it is; nil where it would be created.
  ///   - proposed: the object as a dry run of the server returned it, with the status that it has now.
  public init(current: DesiredDeployment?, proposed: DesiredDeployment, now: Timestamp) {
    self.sentences = Self.describe(current: current, proposed: proposed, now: now)
  }

  private static func describe(current: DesiredDeployment?, proposed: DesiredDeployment, now: Timestamp) -> [String] {
    let deletion = deletionSentence(from: current?.spec, proposed)
    if proposed.metadata.deletionTimestamp != nil { return [deletion].compactMap(\.self) }
    return releaseSentences(current: current, proposed: proposed, now: now) + [deletion].compactMap(\.self)
  }

  private static func releaseSentences(
    current: DesiredDeployment?, proposed: DesiredDeployment, now: Timestamp
  ) -> [String] {
    let status = proposed.status ?? current?.status
    let isSpecChanged = current.map { $0.spec != proposed.spec } ?? true
    if proposed.spec.suspend { return ["do nothing while spec.suspend is true"] }
    let deployment: ReleasePlan
    switch DesiredRelease(spec: proposed.spec, status: status) {
    case .incomplete: return ["stall: spec needs version and artifact, or rollbackTo.revision"]
    case .revisionNotFound(let revision): return ["stall: revision \(revision) is not in status.history"]
    case .release(let plan): deployment = plan
    }
    var sentences: [String] = []
    if let running = status?.current, running.release.satisfies(deployment.release) {
      if let failure = status?.failure, isSpecChanged {
        sentences.append("give up \(failure.version), which failed, and keep \(running.title)")
      } else {
        sentences.append("deploy nothing: \(running.title) is what runs")
      }
    } else if let failure = status?.failure, !isSpecChanged, !isRetry(proposed, status) {
      sentences.append("deploy nothing: \(failure.version) failed in this generation (\(failure.reason))")
    } else {
      sentences += deploySentences(deployment, proposed.spec, status, isNew: isSpecChanged, now: now)
    }
    if let text = driftSentence(from: current?.spec, to: proposed.spec) { sentences.append(text) }
    return sentences
  }

  private static func isRetry(_ proposed: DesiredDeployment, _ status: DesiredDeploymentStatus?) -> Bool {
    let request = proposed.metadata.annotations?[DesiredDeploymentKind.retryAnnotation]
    return request != nil && request != status?.lastHandledRetryRequest
  }

  private static func deploySentences(
    _ plan: ReleasePlan, _ spec: DesiredDeploymentSpec, _ status: DesiredDeploymentStatus?, isNew: Bool, now: Timestamp
  ) -> [String] {
    var sentences: [String] = []
    if let schedule = spec.schedule, isNew {
      let deadline = schedule.notBefore + schedule.startingDeadline.duration
      if now > deadline {
        return [
          "stall with MissedSchedule: the time to start ended at \(deadline); set a new spec.schedule or remove it"
        ]
      }
      if now < schedule.notBefore { sentences.append("wait until \(schedule.notBefore)") }
    }
    if let running = status?.current {
      sentences.append("deploy \(plan.release.version) over \(running.title)")
      switch spec.failurePolicy {
      case .rollBack: sentences.append("return to \(running.version) if it fails")
      case .hold: sentences.append("leave everything as it is if it fails")
      }
    } else {
      sentences.append("deploy \(plan.release.version), the first release of this environment")
    }
    if let settings = spec.newNonEssentialEnvs, !settings.isEmpty {
      sentences.append("add the settings \(settings.map(\.key).joined(separator: ", ")) where they are not set yet")
    }
    return sentences
  }

  private static func deletionSentence(from old: DesiredDeploymentSpec?, _ proposed: DesiredDeployment) -> String? {
    let policy = proposed.spec.deletionPolicy ?? .orphan
    guard let old, (old.deletionPolicy ?? .orphan) != policy else { return nil }
    let target = (proposed.spec.runtime == .compose ? "project " : "release ") + (proposed.spec.targetName ?? "")
    // Of a release its chart says what is kept.
    let kept = proposed.spec.runtime == .compose ? ", all but its volumes" : ""
    return switch (policy, proposed.metadata.deletionTimestamp != nil) {
    case (.uninstall, false): "uninstall the \(target) once this object is deleted\(kept)"
    case (.orphan, false): "leave what runs once this object is deleted"
    case (.uninstall, true): "uninstall the \(target)\(kept)\(kept.isEmpty ? "" : ",") before this object goes"
    case (.orphan, true): "let this object go at once and leave what runs"
    }
  }

  private static func driftSentence(from old: DesiredDeploymentSpec?, to new: DesiredDeploymentSpec) -> String? {
    guard let old, old.drift != new.drift else { return nil }
    return switch new.drift {
    case .correct: "from then on undo what is changed by hand"
    case .warn: "from then on report what is changed by hand, but leave it"
    case .ignore: "from then on ignore what is changed by hand"
    }
  }
}
