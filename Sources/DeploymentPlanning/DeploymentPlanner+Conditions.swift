import DeploymentKinds
import ResourceModel
import WireFormats

extension DeploymentPlanner {
  /// The status as it was before this decision.
  var original: DesiredDeploymentStatus? { desired.status }

  mutating func set(_ type: String, _ value: Condition.Status, _ reason: ConditionReason, _ message: String) {
    set(type, value, reason: reason.rawValue, message)
  }

  /// Sets a condition; the time of its last transition stays where its status does.
  /// - Parameter reason: a failure's, which is the runtime's to name.
  mutating func set(_ type: String, _ value: Condition.Status, reason: String, _ message: String) {
    let message = type == DeploymentCondition.ready ? message + trustTag : message
    let before = original?.conditions?[type]
    let since = before?.status == value ? before?.lastTransitionTime : nil
    let condition = Condition(
      type: type, status: value, observedGeneration: generation, lastTransitionTime: since ?? facts.now.wholeSeconds,
      reason: reason, message: message)
    status.conditions = (status.conditions ?? []).filter { $0.type != type } + [condition]
  }

  mutating func unset(_ types: String...) {
    status.conditions?.removeAll { types.contains($0.type) }
  }

  /// The status to record: every condition that stands is affirmed for this generation, in a fixed order, so that a
  /// pass that changes nothing gives an equal status.
  func affirmedStatus() -> DesiredDeploymentStatus {
    var affirmed = status
    affirmed.observedGeneration = generation
    // A record of before this was written down.
    if affirmed.current != nil, affirmed.target == nil { affirmed.target = spec.target }
    affirmed.conditions = (status.conditions ?? [])
      .map { condition in
        var condition = condition
        condition.observedGeneration = generation
        return condition
      }
      .sorted { Self.rank($0.type) < Self.rank($1.type) }
    return affirmed
  }

  private static let order = [
    DeploymentCondition.ready, DeploymentCondition.reconciling, DeploymentCondition.stalled,
    DeploymentCondition.trusted, DeploymentCondition.stale, DeploymentCondition.scheduled, DeploymentCondition.licensed,
    DeploymentCondition.artifactVerified,
    DeploymentCondition.released, DeploymentCondition.healthy, DeploymentCondition.drifted,
    DeploymentCondition.remediated,
  ]

  private static func rank(_ type: String) -> Int { order.firstIndex(of: type) ?? order.count }

  /// Whether what runs may be neither the one release nor the other, by what was decided so far.
  var isEnvironmentUnsettled: Bool { EnvironmentPhase(status) != .settled }

  /// Tells of a condition in an event where it did not have that reason before.
  mutating func announce(_ kind: DeploymentEvent.Kind, _ type: String, _ reason: ConditionReason, _ message: String) {
    if original?.conditions?[type]?.knownReason != reason {
      events.append(DeploymentEvent(kind, reason.rawValue, message))
    }
  }

  mutating func setHealthy(_ health: EnvironmentComparison.Health) {
    switch health {
    case .healthy:
      set(DeploymentCondition.healthy, .isTrue, .healthy, "Every service runs and passes its health checks")
    case .starting(let message): set(DeploymentCondition.healthy, .isFalse, .workloadStarting, message)
    case .unhealthy(let message):
      set(DeploymentCondition.healthy, .isFalse, .workloadUnhealthy, message)
      if original?.conditions?[DeploymentCondition.healthy]?.status == .isTrue {
        events.append(DeploymentEvent(.warning, "WorkloadUnhealthy", message))
      }
    }
  }
}

extension DesiredDeploymentStatus.Current {
  /// `2.2.0 (revision 4)`
  var title: String { "\(version) (revision \(revision))" }
}
