import FleetKinds
import FleetPlanning
import WireFormats

struct RolloutBench {
  var spec: RolloutSpec
  var annotations: [String: String] = [:]
  var release: ReleaseFacts? = ReleaseFacts(version: "2.3.0")
  var stages: [RolloutFacts.Stage]
  var lateJoiners = 0
  var status: RolloutStatus?
  var now = Timestamp(seconds: 1_800_000_000)
  var last = RolloutDecision(status: RolloutStatus(), actions: [], nextDue: nil)

  init(_ stages: RolloutSpec.Stage...) {
    spec = RolloutSpec(release: "2.3.0", stages: stages)
    self.stages = stages.map { _ in RolloutFacts.Stage() }
  }

  var facts: RolloutFacts {
    RolloutFacts(
      spec: spec, annotations: annotations, generation: 3, release: release, stages: stages, lateJoiners: lateJoiners,
      status: status, now: now)
  }

  /// - Returns: the actions.
  @discardableResult mutating func decide() -> [RolloutAction] {
    last = RolloutPlanner.decide(facts)
    status = last.status
    return last.actions
  }

  mutating func set(_ stage: Int, _ counts: [TargetBucket: Int], oldestUnanswered: Timestamp? = nil) {
    stages[stage] = RolloutFacts.Stage(counts: StageCounts(counts), oldestUnanswered: oldestUnanswered)
  }

  mutating func pass(_ duration: Duration) { now = now + duration }

  var reason: String { status?.reason ?? "" }
  var phase: RolloutStatus.Phase? { status?.phase }
  func phase(_ stage: Int) -> RolloutStatus.StagePhase? { status?.stages[stage].phase }
}

/// A stage of a rollout that a test needs.
func stage(
  _ name: String = "all", count: Int? = nil, maxInFlight: Int? = nil, startsPerMinute: Int? = nil,
  gate: RolloutSpec.Gate? = nil
) -> RolloutSpec.Stage {
  RolloutSpec.Stage(
    name: name, count: count, maxInFlight: maxInFlight, startsPerMinute: startsPerMinute, gate: gate)
}
