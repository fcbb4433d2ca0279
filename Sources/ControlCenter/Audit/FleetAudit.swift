import FleetKinds
import ResourceModel
import ResourceStorage
import ServerPrograms
import WireFormats

/// What the audit says of objects that people and programs write: who made, started, halted, approved, changed and removed what.
enum FleetAudit {
  static let kinds: Set<ResourceNames> = [
    OrganizationKind.names, ReleaseKind.names, RolloutKind.names, EscalationKind.names,
  ]

  /// Each thing that a write does, so that none hides another; none where what is done with any kind says it well enough.
  static func acts(_ write: AuditedWrite) -> [AuditedAct] {
    guard let spec = write.object?["spec"] else { return [] }
    var acts: [AuditedAct]
    /// Fields whose change the acts name.
    let covered: Set<String>
    switch write.kind {
    case ReleaseKind.names:
      acts = releaseActs(write.origin, spec)
      covered = ["spec.state", "spec.withdrawn"]
    case RolloutKind.names:
      acts = rolloutActs(write.origin, spec, write.object?["metadata"]?["annotations"]?[RolloutKind.retryAnnotation])
      covered = ["spec.state", "spec.approvedStages", "spec.stages"]
    default: return []
    }
    let others = write.origin.changedFields.filter { $0.hasPrefix("spec.") && !covered.contains($0) }
    if !acts.isEmpty, !others.isEmpty {
      acts.append(AuditedAct("\(write.kind.kind)Changed"))
    }
    return acts
  }

  private static let retryField = "metadata.annotations.\(RolloutKind.retryAnnotation)"

  private static func releaseActs(_ origin: WriteOrigin, _ spec: JSONValue) -> [AuditedAct] {
    var acts: [AuditedAct] = []
    if origin.verb == "create" { acts.append(AuditedAct("ReleaseCreated")) }
    if origin.verb == "create" || origin.changedFields.contains("spec.state") {
      switch spec["state"]?.string.flatMap(ReleaseState.init) {
      case .published: acts.append(AuditedAct("ReleasePublished", ["state": spec["state"] ?? .null]))
      case .deprecated: acts.append(AuditedAct("ReleaseDeprecated", ["state": spec["state"] ?? .null]))
      case .draft, nil: break
      }
    }
    if origin.changedFields.contains("spec.withdrawn"), spec["withdrawn"] == true {
      acts.append(AuditedAct("ReleaseWithdrawn", ["withdrawn": true]))
    }
    return acts
  }

  private static func rolloutActs(_ origin: WriteOrigin, _ spec: JSONValue, _ retry: JSONValue?) -> [AuditedAct] {
    let changed = origin.changedFields
    var acts: [AuditedAct] = []
    if changed.contains("spec.state"), let state = spec["state"]?.string.flatMap(RolloutSpec.State.init) {
      let action =
        switch state {
        case .halted: "RolloutHalted"
        case .paused: "RolloutPaused"
        case .running: "RolloutResumed"
        }
      acts.append(AuditedAct(action, ["state": .string(state.rawValue)]))
    }
    if changed.contains(retryField) { acts.append(AuditedAct("RolloutRetried", ["retry": retry ?? .null])) }
    if changed.contains("spec.approvedStages") {
      acts.append(AuditedAct("RolloutApproved", ["approvedStages": spec["approvedStages"] ?? []]))
    }
    if changed.contains("spec.stages") {
      let names = (spec["stages"]?.array ?? []).compactMap { $0["name"] }
      acts.append(AuditedAct("RolloutStagesChanged", ["stages": .array(names)]))
    }
    return acts
  }
}
