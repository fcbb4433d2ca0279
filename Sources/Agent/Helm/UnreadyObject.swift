import WireFormats

/// An object besides the workloads that Helm waits for, and why that is not ready.
struct UnreadyObject: Sendable, Hashable {
  static let kinds: Set<String> = ["PersistentVolumeClaim", "Service", "Pod"]

  var kind: String
  var namespace: String
  var name: String
  /// `PersistentVolumeClaim data is Pending: no volume is bound to it`
  var message: String

  /// Nil for an object that is ready, or of which the cluster shows nothing yet.
  init?(_ object: ManifestObject, live: JSONValue?) {
    guard let live else { return nil }
    (kind, namespace, name) = (object.kind, object.namespace, object.name)
    let status = live["status"]
    switch object.kind {
    case "PersistentVolumeClaim":
      guard let phase = status?["phase"]?.string, phase != "Bound" else { return nil }
      message = "\(object.title) is \(phase): no volume is bound to it"
    case "Service":
      guard live["spec"]?["type"]?.string == "LoadBalancer",
        status?["loadBalancer"]?["ingress"]?.array?.isEmpty != false, live["spec"]?["externalIPs"]?.array == nil
      else { return nil }
      message = "\(object.title) of type LoadBalancer has no address: nothing in the cluster gave it one"
    case "Pod":
      let report = PodReport(live)
      if report.isReady || status?["phase"]?.string == "Succeeded" { return nil }
      message = "\(object.title) is not ready" + (report.fault.map { ": \($0.message)" } ?? "")
    default: return nil
    }
  }
}
