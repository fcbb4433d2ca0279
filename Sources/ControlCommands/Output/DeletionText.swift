import DeploymentKinds
import ResourceModel
import WireFormats

/// What an object that is being deleted waits for. A pure rendering.
enum DeletionText {
  /// Of an object of any kind.
  static func waiting(_ object: JSONValue) -> String {
    if object["kind"]?.string == DesiredDeploymentKind.names.kind,
      let deployment = try? object.decoded(as: DesiredDeployment.self)
    {
      return waiting(deployment)
    }
    return waiting(
      isMarked: object["metadata"]?["deletionTimestamp"] != nil,
      finalizers: object["metadata"]?["finalizers"]?.array?.compactMap(\.string) ?? [])
  }

  static func waiting(_ object: DesiredDeployment) -> String {
    let metadata = object.metadata
    guard metadata.deletionTimestamp != nil, isHeldByAgent(metadata.finalizers ?? []) else {
      return waiting(isMarked: metadata.deletionTimestamp != nil, finalizers: metadata.finalizers ?? [])
    }
    let checkAgent = "it has not seen the deletion yet, so check that it runs"
    guard object.spec.deletionPolicy == .uninstall else { return "waiting for the Agent to let it go; \(checkAgent)" }
    let ready = object.status?.conditions?[DeploymentCondition.ready]
    guard (object.status?.observedGeneration ?? 0) >= (metadata.generation ?? 0), let ready else {
      let target =
        switch object.spec.runtime {
        case .compose: "Compose project"
        case .helm: "Helm release"
        }
      let name = object.spec.compose?.projectName ?? object.spec.helm?.releaseName ?? ""
      return "waiting for the Agent to uninstall the \(target) \(name); \(checkAgent)"
    }
    return "\(ready.reason): \(ready.message)"
  }

  /// Nil where the object is not being deleted, or nothing holds it.
  static func heldBy(_ metadata: JSONValue?) -> String? {
    let finalizers = metadata?["finalizers"]?.array?.compactMap(\.string) ?? []
    guard metadata?["deletionTimestamp"]?.string != nil, !finalizers.isEmpty else { return nil }
    let agent = isHeldByAgent(finalizers) ? "; \(DesiredDeploymentKind.finalizer) is the Agent's to remove" : ""
    return "is being deleted; waiting for \(list(finalizers))\(agent)"
  }

  private static func waiting(isMarked: Bool, finalizers: [String]) -> String {
    isMarked && !finalizers.isEmpty ? "waiting for \(list(finalizers))" : "it is still there"
  }

  private static func list(_ finalizers: [String]) -> String {
    (finalizers.count == 1 ? "the finalizer " : "the finalizers ") + finalizers.joined(separator: ", ")
  }

  private static func isHeldByAgent(_ finalizers: [String]) -> Bool {
    finalizers.contains(DesiredDeploymentKind.finalizer)
  }
}
