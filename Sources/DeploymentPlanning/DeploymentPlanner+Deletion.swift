import DeploymentKinds
import ResourceModel
import WireFormats

/// What becomes of what runs when its object is deleted (`spec.deletionPolicy`).
extension DeploymentPlanner {
  private var deletionPolicy: DeletionPolicy { spec.deletionPolicy ?? .orphan }

  private var hasFinalizer: Bool { desired.metadata.finalizers?.contains(DesiredDeploymentKind.finalizer) == true }

  /// What of it is not removed.
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
  mutating func letGo() -> Decision.Step {
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
    let hasFailed = status.conditions?[DeploymentCondition.released]?.reason == Self.uninstallFailed
    if hasFailed, let pause = pauseUntilNextAttempt { return .settled(recheckAfter: pause) }
    let text = "Uninstalling \(targetTitle) (spec.deletionPolicy is Uninstall)\(volumesText)"
    if !hasFailed, !isUninstalling { events.append(DeploymentEvent(.normal, "Uninstalling", text)) }
    status.nextAttemptAt = nil
    if status.progress?.step != .uninstalling {
      status.progress = .init(step: .uninstalling, done: 0, total: 1, message: "uninstalling \(targetTitle)")
    }
    unset(DeploymentCondition.stalled, DeploymentCondition.scheduled, DeploymentCondition.drifted)
    set(DeploymentCondition.reconciling, .isTrue, "Uninstalling", text)
    set(DeploymentCondition.healthy, .unknown, "Uninstalling", "What is being uninstalled is not looked at")
    // Why the last try failed is told until one succeeds.
    if !hasFailed {
      set(DeploymentCondition.released, .unknown, "Uninstalling", text)
      set(DeploymentCondition.ready, .isFalse, "Uninstalling", text)
    }
    return .uninstall
  }

  /// True where this record has begun to deploy something, and did not uninstall it since.
  private var isAnythingDeployed: Bool {
    status.current != nil || status.target != nil || status.lastAttemptedGeneration != nil
  }

  private var isUninstalling: Bool { original?.conditions?[DeploymentCondition.reconciling]?.reason == "Uninstalling" }

  private static let uninstallFailed = "UninstallFailed"

  // MARK: Outcomes

  /// The status is that of a record that has deployed nothing yet: where the object stays for others' finalizers, it
  /// tells what is so.
  mutating func recordUninstalled(staying: [String]) {
    let text = (["\(Self.sentence(targetTitle)) was uninstalled\(volumesText)"] + staying).joined(separator: ". ")
    status = DesiredDeploymentStatus(
      lastHandledRetryRequest: status.lastHandledRetryRequest, conditions: [], history: status.history)
    set(DeploymentCondition.released, .isFalse, "Uninstalled", text)
    set(DeploymentCondition.ready, .isFalse, "Uninstalled", text)
    events.append(DeploymentEvent(staying.isEmpty ? .normal : .warning, "Uninstalled", text))
  }

  mutating func recordUninstallFailed(_ failure: DeploymentFailure) {
    let message =
      "Uninstalling \(targetTitle) failed and is repeated until it succeeds: \(failure.message). To let the object go "
      + "and leave what runs, set spec.deletionPolicy to Orphan"
    let before = original?.conditions?[DeploymentCondition.released].flatMap {
      $0.reason == Self.uninstallFailed ? $0 : nil
    }
    status.progress = nil
    status.nextAttemptAt =
      facts.now + facts.retry.delay(failingFor: facts.now - (before?.lastTransitionTime ?? facts.now))
    unset(DeploymentCondition.reconciling)
    if before?.message != message { events.append(DeploymentEvent(.warning, Self.uninstallFailed, message)) }
    set(DeploymentCondition.released, .isFalse, Self.uninstallFailed, message)
    set(DeploymentCondition.ready, .isFalse, Self.uninstallFailed, message)
  }
}
