import DeploymentKinds
import ResourceModel
import WireFormats

/// What runs at a customer, and the Agent that sees to it: it has no memory but what runs and the record's status.
struct SimulatedAgent {
  struct Attempt {
    var generation: Int64
    var version: String
    var sha256: String?
    var endsAt: Timestamp
  }

  var version: String
  var revision: Int64 = 1
  var since: Timestamp
  /// By revision.
  var versions: [Int64: String] = [:]
  /// What runs has gone bad.
  var isBad = false
  /// Ends with the process.
  var attempt: Attempt?

  var history: [DesiredDeploymentStatus.HistoryEntry] {
    versions.sorted { $0.key > $1.key }.prefix(20).map { revision, version in
      DesiredDeploymentStatus.HistoryEntry(
        revision: revision, generation: 1, release: Self.release(version), outcome: .deployed, message: "",
        startedAt: since, completedAt: since)
    }
  }

  static func release(_ version: String) -> DesiredDeploymentStatus.Release {
    DesiredDeploymentStatus.Release(version: version, artifact: .init(path: "artifacts/\(version)", sha256: ""))
  }

  /// What a record asks for, by what was deployed here.
  func wanted(_ spec: DesiredDeploymentSpec) -> String? {
    spec.rollbackTo.map { versions[$0.revision] } ?? spec.version
  }

  /// The status of a generation.
  func status(
    _ generation: Int64, before: DesiredDeploymentStatus?, ready: (Condition.Status, ConditionReason),
    stalled: ConditionReason? = nil, now: Timestamp
  ) -> DesiredDeploymentStatus {
    var status = before ?? DesiredDeploymentStatus()
    status.observedGeneration = generation
    status.current = DesiredDeploymentStatus.Current(
      version: version, revision: revision, artifactSha256: "", release: Self.release(version), imageDigests: [:],
      since: since)
    status.history = history
    func condition(_ type: String, _ value: Condition.Status, _ reason: String) -> Condition {
      Condition(
        type: type, status: value, observedGeneration: generation, lastTransitionTime: now, reason: reason, message: "")
    }
    var conditions = [
      condition(DeploymentCondition.ready, ready.0, ready.1.rawValue),
      condition(
        DeploymentCondition.healthy, isBad ? .isFalse : .isTrue,
        (isBad ? ConditionReason.workloadUnhealthy : .healthy).rawValue),
    ]
    if let stalled { conditions.append(condition(DeploymentCondition.stalled, .isTrue, stalled.rawValue)) }
    if status.failure?.generation == generation {
      conditions.append(condition(DeploymentCondition.stalled, .isTrue, ConditionReason.deploymentFailed.rawValue))
      conditions.append(condition(DeploymentCondition.remediated, .isTrue, ConditionReason.rolledBack.rawValue))
    }
    status.conditions = conditions
    return status
  }
}
