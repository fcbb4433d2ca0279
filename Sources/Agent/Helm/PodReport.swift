import WireFormats

/// Why a pod does not run as it should, by its status.
struct PodFault: Sendable, Hashable {
  enum Kind: Sendable, Hashable {
    /// The image cannot be pulled; `isFinal` where trying again is of no use.
    case imagePull(isFinal: Bool)
    /// A container ends again and again, or ended for good.
    case crash(restarts: Int64)
    /// A container cannot be made: a Secret or ConfigMap is missing, a command does not exist.
    case cannotStart
    case unschedulable
    /// It runs, but its probes fail.
    case notReady
    /// Its volumes or its sandbox are not there yet.
    case preparing

    /// The gravest first: what no waiting betters, then what ended or cannot start, then what merely waits.
    var rank: Int {
      switch self {
      case .imagePull(isFinal: true): 0
      case .crash: 1
      case .cannotStart: 2
      case .imagePull(isFinal: false): 3
      case .unschedulable: 4
      case .notReady: 5
      case .preparing: 6
      }
    }
  }

  var kind: Kind
  var pod: String
  var container: String?
  /// `container backend of pod backend-5d-x2 crashes again and again (exit code 1, 4 restarts)`
  var message: String
  /// The container has ended before: what it said is in the log of the instance before this one.
  var hasEndedBefore = false
}

/// One pod of a workload.
struct PodReport: Sendable, Hashable {
  var name: String
  var isReady: Bool
  var fault: PodFault?

  /// - Parameter pod: as the API server shows it.
  init(_ pod: JSONValue) {
    name = pod["metadata"]?["name"]?.string ?? ""
    let status = pod["status"]
    let conditions = status?["conditions"]?.array ?? []
    func condition(_ type: String) -> JSONValue? { conditions.first { $0["type"]?.string == type } }
    isReady = condition("Ready")?["status"]?.string == "True"
    if isReady || status?["phase"]?.string == "Succeeded" { return }
    if let scheduled = condition("PodScheduled"), scheduled["status"]?.string == "False" {
      fault = PodFault(
        kind: .unschedulable, pod: name,
        message: "pod \(name) cannot be scheduled: \(scheduled["message"]?.string ?? "no node takes it")")
      return
    }
    let containers = (status?["initContainerStatuses"]?.array ?? []) + (status?["containerStatuses"]?.array ?? [])
    let faults = containers.compactMap { Self.fault(of: $0, pod: name) }
    fault = faults.min { $0.kind.rank < $1.kind.rank }
    if fault == nil, containers.isEmpty {
      fault = PodFault(kind: .preparing, pod: name, message: "pod \(name) is being prepared")
    }
  }

  private static func fault(of container: JSONValue, pod: String) -> PodFault? {
    let name = container["name"]?.string ?? ""
    let title = "container \(name) of pod \(pod)"
    let restarts = container["restartCount"]?.integer ?? 0
    let ended = container["lastState"]?["terminated"]
    func fault(_ kind: PodFault.Kind, _ message: String, hasEndedBefore: Bool = false) -> PodFault {
      PodFault(kind: kind, pod: pod, container: name, message: message, hasEndedBefore: hasEndedBefore)
    }
    if let waiting = container["state"]?["waiting"] {
      let reason = waiting["reason"]?.string ?? ""
      let detail = waiting["message"]?.string ?? reason
      switch reason {
      case "ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "RegistryUnavailable",
        "ImageInspectError":
        let image = container["image"]?.string ?? ""
        let isFinal = reason == "InvalidImageName" || (reason == "ErrImagePull" && Self.isFinal(detail))
        return fault(
          .imagePull(isFinal: isFinal), "\(title) waits for its image \(image) (\(reason)): \(Self.shortened(detail))")
      case "CrashLoopBackOff":
        return fault(
          .crash(restarts: restarts),
          "\(title) crashes again and again (\(Self.ending(ended)), \(restarts) restarts)", hasEndedBefore: true)
      case "PodInitializing", "ContainerCreating", "": return fault(.preparing, "\(title) is being created")
      default: return fault(.cannotStart, "\(title) cannot start (\(reason)): \(Self.shortened(detail))")
      }
    }
    if let terminated = container["state"]?["terminated"] {
      if terminated["exitCode"]?.integer == 0 { return nil }
      return fault(.crash(restarts: restarts), "\(title) ended (\(Self.ending(terminated)))")
    }
    if container["state"]?["running"] != nil, container["ready"]?.bool == false {
      if restarts > 0, let ended {
        return fault(
          .crash(restarts: restarts), "\(title) was restarted \(restarts) times (\(Self.ending(ended)))",
          hasEndedBefore: true)
      }
      return fault(.notReady, "\(title) runs, but is not ready")
    }
    return nil
  }

  /// What a registry says of an image that is not there or may not be pulled, which waiting does not change.
  private static func isFinal(_ message: String) -> Bool {
    let message = message.lowercased()
    return [
      "not found", "manifest unknown", "unauthorized", "denied", "does not exist", "no basic auth", "invalid reference",
    ].contains { message.contains($0) }
  }

  private static func ending(_ terminated: JSONValue?) -> String {
    let code = terminated?["exitCode"]?.integer ?? 0
    if terminated?["reason"]?.string == "OOMKilled" { return "it used more memory than it may, exit code \(code)" }
    return "exit code \(code)"
  }

  private static func shortened(_ text: String) -> String { text.count > 400 ? text.prefix(399) + "…" : text }
}
