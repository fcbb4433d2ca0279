import DeploymentKinds
import ResourceModel
import WireFormats

/// A deployment's state in one plain sentence.
enum DeploymentSummary {
  static func sentence(_ object: DesiredDeployment) -> String {
    let status = object.status
    let conditions = status?.conditions ?? []
    let runs = status?.current.map { "\($0.version) (revision \($0.revision)) runs" } ?? "nothing runs yet"
    let isSeen = (status?.observedGeneration ?? 0) >= (object.metadata.generation ?? 0)
    if object.metadata.deletionTimestamp != nil { return deletion(object) }
    if object.spec.suspend { return "Suspended: the Agent does nothing; \(runs)." }
    if !isSeen { return "The Agent has not seen this change yet; \(runs)." }
    if let stalled = conditions["Stalled"], stalled.status == .isTrue {
      return "Stalled (\(stalled.reason)); \(runs). \(stalled.message)"
    }
    if let reconciling = conditions["Reconciling"], reconciling.status == .isTrue {
      return "\(reconciling.reason); \(runs). \(reconciling.message)"
    }
    guard let ready = conditions["Ready"] else { return "The Agent has not reported yet; \(runs)." }
    if ready.status == .isTrue { return ready.message.isEmpty ? "All is well: \(runs)." : ready.message }
    return "Not ready (\(ready.reason)); \(runs). \(ready.message)"
  }

  private static func deletion(_ object: DesiredDeployment) -> String {
    guard object.metadata.finalizers?.contains(DesiredDeploymentKind.finalizer) != true else {
      return "It is being deleted; \(DeletionText.waiting(object))."
    }
    // The Agent is done with it; it stays for others, if at all.
    let others = object.metadata.finalizers?.isEmpty == false ? " It is \(DeletionText.waiting(object))." : ""
    let ready = object.status?.conditions?[DeploymentCondition.ready]
    let end = ready?.reason == "Uninstalled" ? ready?.message ?? "" : "what runs goes on running"
    return "It is being deleted; \(end).\(others)"
  }
}
