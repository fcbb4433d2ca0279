import DeploymentKinds
import FleetKinds
import ResourceModel
import WireFormats

/// What `wait` waits for, and how far an object is from it. A pure value.
enum WaitGoal: Hashable {
  case condition(type: String, status: String)
  case deletion

  enum Standing: Hashable {
    case reached
    case waiting(String)
    /// It will not be reached unless somebody acts.
    case hopeless(String)
  }

  /// Reads `delete`, `condition=Ready` or `condition=Ready=False`.
  init?(_ text: String) {
    if text == "delete" {
      self = .deletion
      return
    }
    let parts = text.split(separator: "=", omittingEmptySubsequences: false).map(String.init)
    guard parts.count == 2 || parts.count == 3, parts[0] == "condition", !parts[1].isEmpty else { return nil }
    let status = parts.count == 3 ? parts[2].lowercased() : "true"
    guard let known = ["true": "True", "false": "False", "unknown": "Unknown"][status] else { return nil }
    self = .condition(type: parts[1], status: known)
  }

  var text: String {
    switch self {
    case .deletion: "its deletion"
    case .condition(let type, "True"): type
    case .condition(let type, let status): "\(type)=\(status)"
    }
  }

  /// - Parameter object: nil where there is none.
  func standing(of object: JSONValue?) -> Standing {
    switch self {
    case .deletion: object.map { .waiting(printable(DeletionText.waiting($0))) } ?? .reached
    case .condition(let type, let status): standing(object, type, status)
    }
  }

  private func standing(_ object: JSONValue?, _ type: String, _ status: String) -> Standing {
    guard let object else { return .hopeless("there is no such object") }
    let generation = object["metadata"]?["generation"]?.integer ?? 0
    let conditions = object["status"]?["conditions"]?.array ?? []
    func condition(_ type: String) -> JSONValue? {
      // What was observed of an older generation says nothing about this one.
      conditions.first {
        $0["type"]?.string?.lowercased() == type.lowercased()
          && ($0["observedGeneration"]?.integer ?? object["status"]?["observedGeneration"]?.integer ?? generation)
            >= generation
      }
    }
    let found = condition(type)
    let isRetryPending = Self.isRetryPending(object)
    if found?["status"]?.string == status {
      // What is deployed once more was ready before, too.
      let isOutdated = isRetryPending && Self.isOfTheDeployment(type, status)
      return isOutdated ? .waiting(Self.progress(object, isObserved: false)) : .reached
    }
    if Self.isOfTheDeployment(type, status), !isRetryPending, let stalled = condition(DeploymentCondition.stalled),
      stalled["status"]?.string == "True"
    {
      return .hopeless(
        "\(stalled["reason"]?.string ?? "Stalled"): \(stalled["message"]?.string ?? "nothing more happens until somebody acts")"
      )
    }
    return .waiting(Self.progress(object, isObserved: condition(DeploymentCondition.ready) != nil))
  }

  /// True for what a deployment comes to when it goes well: one that stalled will never come to it by itself.
  private static func isOfTheDeployment(_ type: String, _ status: String) -> Bool {
    let goals = [DeploymentCondition.ready, DeploymentCondition.healthy, DeploymentCondition.released]
    return status == "True" && goals.contains { $0.lowercased() == type.lowercased() }
  }

  private static func isRetryPending(_ object: JSONValue) -> Bool {
    let request = object["metadata"]?["annotations"]?[DesiredDeploymentKind.retryAnnotation]
    return request != nil && request != object["status"]?["lastHandledRetryRequest"]
  }

  /// In a few words what is going on.
  static func progress(_ object: JSONValue, isObserved: Bool) -> String {
    if object["spec"]?["suspend"]?.bool == true { return "suspended" }
    if object["kind"]?.string == RolloutKind.names.kind {
      let rollout = RolloutProgress(object)
      return rollout.phaseText + (rollout.reason.isEmpty ? "" : ": \(printable(rollout.reason))")
    }
    if !isObserved { return "waiting for the Agent to see the change" }
    if let progress = object["status"]?["progress"], let step = progress["step"]?.string {
      let count = progress["total"]?.integer.map { $0 > 0 ? " \(progress["done"]?.integer ?? 0)/\($0)" : "" } ?? ""
      let message = progress["message"]?.string ?? ""
      return printable(step + count + (message.isEmpty ? "" : ": \(message)"))
    }
    let ready = object["status"]?["conditions"]?.array?.first { $0["type"]?.string == DeploymentCondition.ready }
    let message = ready?["message"]?.string ?? ""
    return printable((ready?["reason"]?.string ?? "waiting") + (message.isEmpty ? "" : ": \(message)"))
  }
}
