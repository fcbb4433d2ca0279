import DeploymentKinds
import ResourceModel
import WireFormats

/// What becomes of what runs when its object is deleted (`spec.deletionPolicy`).
extension DeploymentPlanner {
  private var deletionPolicy: DeletionPolicy { spec.deletionPolicy ?? .orphan }

  private var hasFinalizer: Bool { desired.metadata.finalizers?.contains(DesiredDeploymentKind.finalizer) == true }

  /// What an uninstallation leaves, to end a sentence with.
  private var volumesText: String {
    switch spec.runtime {
    case .compose: "; its volumes stay"
    case .helm: "; what its chart or Kubernetes keeps stays"
    }
  }

  /// The Compose project or Helm release, in words.
  var targetTitle: String { desired.target.map { "\($0)" } ?? "nothing" }

  /// With a capital letter, to begin a sentence with.
  static func sentence(_ text: String) -> String { text.prefix(1).uppercased() + text.dropFirst() }

  /// What makes a live object wait for its uninstallation, or no longer wait; nil where its finalizer is as it should be.
  /// It is there before anything is deployed, so that whatever was deployed can be uninstalled.
  func finalizerStep() -> Decision.Step? {
    guard spec.runtime == facts.runtime else { return nil }
    return switch (deletionPolicy, hasFinalizer) {
    case (.uninstall, false): facts.owner == nil ? .addFinalizer : nil
    case (.orphan, true): .removeFinalizer
    case (.uninstall, true), (.orphan, false): nil
    }
  }

  /// The object is being deleted. Neither `spec.suspend` nor anything else that keeps a release waiting holds that up.
  mutating func finalizeDeletion() -> Decision.Step {
    guard hasFinalizer, (desired.target?.runtime ?? spec.runtime) == facts.runtime else { return .forget }
    guard deletionPolicy == .uninstall, desired.target != nil, isAnythingDeployed else { return .removeFinalizer }
    if let owner = facts.owner {
      events.append(
        DeploymentEvent(
          .warning, "NotUninstalled",
          "Nothing was uninstalled: \(targetTitle) belongs to the DesiredDeployment \(owner)"
        ))
      return .removeFinalizer
    }
    let phase = UninstallPhase(original)
    let hasFailed = if case .failed = phase { true } else { false }
    if hasFailed, let pause = pauseUntilNextAttempt { return .settled(recheckAfter: pause) }
    let text = "Uninstalling \(targetTitle) (spec.deletionPolicy is Uninstall)\(volumesText)"
    if phase == .notBegun { events.append(DeploymentEvent(.normal, "Uninstalling", text)) }
    status.nextAttemptAt = nil
    if status.progress?.step != .uninstalling {
      status.progress = .init(step: .uninstalling, done: 0, total: 1, message: "uninstalling \(targetTitle)")
    }
    unset(DeploymentCondition.stalled, DeploymentCondition.scheduled, DeploymentCondition.drifted)
    set(DeploymentCondition.reconciling, .isTrue, .uninstalling, text)
    set(DeploymentCondition.healthy, .unknown, .uninstalling, "What is being uninstalled is not checked")
    // Why the last try failed is reported until one succeeds.
    if !hasFailed {
      set(DeploymentCondition.released, .unknown, .uninstalling, text)
      set(DeploymentCondition.ready, .isFalse, .uninstalling, text)
    }
    return .uninstall
  }

  /// True where this record has begun to deploy something, and did not uninstall it since.
  private var isAnythingDeployed: Bool {
    status.current != nil || status.target != nil || status.lastAttemptedGeneration != nil
  }

  // MARK: Outcomes

  /// The status is that of a record that has deployed nothing yet: where the object stays for the finalizers of others, it
  /// says what is true.
  mutating func recordUninstalled(staying: [String]) {
    let text = (["\(Self.sentence(targetTitle)) was uninstalled\(volumesText)"] + staying).joined(separator: ". ")
    status = DesiredDeploymentStatus(
      lastHandledRetryRequest: status.lastHandledRetryRequest, conditions: [], history: status.history)
    set(DeploymentCondition.released, .isFalse, .uninstalled, text)
    set(DeploymentCondition.ready, .isFalse, .uninstalled, text)
    events.append(DeploymentEvent(staying.isEmpty ? .normal : .warning, "Uninstalled", text))
  }

  mutating func recordUninstallFailed(_ failure: DeploymentFailure) {
    let message =
      "Uninstalling \(targetTitle) failed and is repeated until it succeeds: \(failure.message). To delete the object "
      + "and leave what runs, set spec.deletionPolicy to Orphan"
    let before: Condition? = if case .failed(let condition) = UninstallPhase(original) { condition } else { nil }
    status.progress = nil
    status.nextAttemptAt =
      facts.now + facts.retry.delay(failingFor: facts.now - (before?.lastTransitionTime ?? facts.now))
    unset(DeploymentCondition.reconciling)
    if before?.message != message { events.append(DeploymentEvent(.warning, "UninstallFailed", message)) }
    set(DeploymentCondition.released, .isFalse, .uninstallFailed, message)
    set(DeploymentCondition.ready, .isFalse, .uninstallFailed, message)
  }
}
