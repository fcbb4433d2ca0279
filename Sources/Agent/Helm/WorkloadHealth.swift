import DeploymentPlanning
import WireFormats

/// Tells the health of a live Deployment, StatefulSet, DaemonSet or Job by what its controller says in its status.
enum WorkloadHealth {
  typealias Health = HelmObservation.Workload.Health

  /// - Parameter live: nil where the object is not there.
  static func health(of object: ManifestObject, live: JSONValue?) -> Health {
    guard let kind = WorkloadKind(object) else { return .healthy }
    if live == nil, object.vanishesWhenDone { return .healthy }
    guard let live else { return .unhealthy("\(object.title) is missing") }
    let status = live["status"]
    if let generation = live["metadata"]?["generation"]?.integer, let seen = status?["observedGeneration"]?.integer,
      seen < generation
    {
      return .starting("\(object.title) has changed, and its controller has not seen that yet")
    }
    // Of a DaemonSet that no controller has seen, nothing says yet how many pods it wants.
    if kind == .daemonSet, status?["observedGeneration"] == nil {
      return .starting("\(object.title) has been made, and its controller has not seen that yet")
    }
    let count = counts(of: object, live: live)
    switch kind {
    case .job:
      if let failed = condition("Failed", of: live), failed["status"]?.string == "True" {
        return .unhealthy("\(object.title) failed: \(failed["message"]?.string ?? "")")
      }
      let isComplete = condition("Complete", of: live)?["status"]?.string == "True"
      return isComplete ? .healthy : .starting("\(object.title) has not ended yet")
    case .deployment:
      if let failure = condition("ReplicaFailure", of: live), failure["status"]?.string == "True" {
        return .unhealthy("\(object.title) cannot make its pods: \(failure["message"]?.string ?? "")")
      }
      if live["spec"]?["paused"]?.bool == true, count.updated < count.desired {
        return .unhealthy("\(object.title) is paused (spec.paused), so it makes no pods of its newest template")
      }
      if let progress = condition("Progressing", of: live), progress["reason"]?.string == "ProgressDeadlineExceeded" {
        return .unhealthy("\(object.title) \(count.text)")
      }
      if let replicas = status?["replicas"]?.integer, replicas > count.updated, count.updated >= count.desired {
        return .starting("\(object.title) still ends its former pods")
      }
    case .statefulSet, .daemonSet: break
    }
    if count.updated < count.desired { return .starting("\(object.title) \(count.text)") }
    return count.ready >= count.desired ? .healthy : .unhealthy("\(object.title) \(count.text)")
  }

  struct Counts: Hashable {
    var ready: Int64
    /// Pods of the newest template.
    var updated: Int64
    var desired: Int64

    /// `1/2 ready`
    var text: String { "\(min(ready, updated))/\(desired) ready" }
  }

  static func counts(of object: ManifestObject, live: JSONValue?) -> Counts {
    let status = live?["status"]
    func number(_ field: String) -> Int64 { status?[field]?.integer ?? 0 }
    let replicas = live?["spec"]?["replicas"]?.integer ?? object.json["spec"]?["replicas"]?.integer ?? 1
    let strategy = live?["spec"]?["updateStrategy"]
    // Pods that somebody replaces by hand are not waited for.
    let isByHand = strategy?["type"]?.string == "OnDelete"
    switch WorkloadKind(object) {
    case .deployment:
      return Counts(ready: number("availableReplicas"), updated: number("updatedReplicas"), desired: replicas)
    case .statefulSet:
      let isWhole = status?["currentRevision"] == status?["updateRevision"]
      let partition = strategy?["rollingUpdate"]?["partition"]?.integer ?? 0
      let isUpdated =
        isWhole || isByHand || (partition > 0 && number("updatedReplicas") >= max(0, replicas - partition))
      return Counts(
        ready: number("readyReplicas"), updated: isUpdated ? replicas : number("updatedReplicas"), desired: replicas)
    case .daemonSet:
      let desired = number("desiredNumberScheduled")
      return Counts(
        ready: number("numberAvailable"), updated: isByHand ? desired : number("updatedNumberScheduled"),
        desired: desired)
    case .job:
      return Counts(
        ready: number("succeeded"), updated: number("succeeded"), desired: live?["spec"]?["completions"]?.integer ?? 1)
    case nil: return Counts(ready: 0, updated: 0, desired: 0)
    }
  }

  private static func condition(_ type: String, of live: JSONValue) -> JSONValue? {
    live["status"]?["conditions"]?.array?.first { $0["type"]?.string == type }
  }
}
