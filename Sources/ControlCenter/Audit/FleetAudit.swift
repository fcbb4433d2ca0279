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

  /// Nil where it is said well enough by what is done with any kind.
  static func action(_ write: AuditedWrite) -> String? {
    guard let spec = write.object?["spec"] else { return nil }
    switch write.kind {
    case ReleaseKind.names:
      return releaseAction(write.origin, spec["state"]?.string, isWithdrawn: spec["withdrawn"] == true)
    case RolloutKind.names:
      return rolloutAction(write.origin.changedFields, spec["state"]?.string.flatMap(RolloutSpec.State.init))
    default: return nil
    }
  }

  private static func releaseAction(_ origin: WriteOrigin, _ state: String?, isWithdrawn: Bool) -> String? {
    if origin.changedFields.contains("spec.withdrawn"), isWithdrawn { return "ReleaseWithdrawn" }
    guard origin.verb == "create" || origin.changedFields.contains("spec.state") else { return nil }
    switch state.flatMap(ReleaseState.init) {
    case .published: return "ReleasePublished"
    case .deprecated: return "ReleaseDeprecated"
    default: return nil
    }
  }

  private static func rolloutAction(_ changed: [String], _ state: RolloutSpec.State?) -> String? {
    if changed.contains("spec.state") {
      switch state {
      case .halted: return "RolloutHalted"
      case .paused: return "RolloutPaused"
      case .running: return "RolloutResumed"
      case nil: break
      }
    }
    if changed.contains("metadata.annotations.\(RolloutKind.retryAnnotation)") { return "RolloutRetried" }
    if changed.contains("spec.approvedStages") { return "RolloutApproved" }
    return nil
  }
}
