import FleetKinds
import ResourceModel
import WireFormats

/// The types of a Rollout's conditions, as kstatus has them.
public enum RolloutCondition {
  /// Sums up: all stages have passed.
  public static let ready = "Ready"
  /// Exists only while True: it goes on by itself, or waits for customers or an approval.
  public static let reconciling = "Reconciling"
  /// Exists only while True: nothing more happens until somebody acts.
  public static let stalled = "Stalled"
}

extension RolloutPlanner {
  /// Events of what was not so before.
  mutating func announce() {
    let before = facts.status?.phase ?? .pending
    guard before != status.phase else { return }
    switch status.phase {
    case .halted: events.append(RolloutEvent(isWarning: true, "RolloutHalted", status.reason))
    case .completed: events.append(RolloutEvent("RolloutCompleted", status.reason))
    case .paused: events.append(RolloutEvent("RolloutPaused", status.reason))
    case .progressing where before == .paused: events.append(RolloutEvent("RolloutResumed", status.reason))
    case .pending, .progressing: break
    }
  }

  mutating func setConditions() {
    var conditions: [Condition] = []
    func add(_ type: String, _ value: Condition.Status) {
      let previous = status.conditions?[type]
      let since = previous?.status == value ? previous?.lastTransitionTime : nil
      conditions.append(
        Condition(
          type: type, status: value, observedGeneration: facts.generation,
          lastTransitionTime: since ?? now.wholeSeconds,
          reason: word, message: status.reason))
    }
    add(RolloutCondition.ready, status.phase == .completed ? .isTrue : .isFalse)
    switch status.phase {
    case .pending, .progressing: add(RolloutCondition.reconciling, .isTrue)
    case .halted: add(RolloutCondition.stalled, .isTrue)
    case .paused, .completed: break
    }
    status.conditions = conditions
  }
}
