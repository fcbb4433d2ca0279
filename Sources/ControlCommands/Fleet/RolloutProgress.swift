import FleetKinds
import WireFormats

/// How far a Rollout is, as far as its status says. It is read leniently: a server of a later version may say more.
struct RolloutProgress: Hashable {
  struct Stage: Hashable {
    var name: String
    var phase: String
    /// Nil before its members are fixed.
    var counts: CustomerCounts?
    /// Whether its gate says how many may fail.
    var hasFailureLimit: Bool
  }

  enum Ending: Hashable {
    case completed
    case halted
    /// Its release is deprecated for good: nothing more is offered of it.
    case deprecated
  }

  var name: String
  var release: String
  var phase: String
  /// Why it stands as it stands, and what would move it.
  var reason: String
  /// Of the condition Ready.
  var word: String
  /// False where the status is of an older declaration.
  var isObserved: Bool
  var stages: [Stage]

  init(_ object: JSONValue) {
    let (spec, status) = (object["spec"], object["status"])
    name = object["metadata"]?["name"]?.string ?? ""
    release = spec?["release"]?.string ?? ""
    phase = status?["phase"]?.string ?? "Pending"
    reason = status?["reason"]?.string ?? ""
    word =
      status?["conditions"]?.array?.first { $0["type"]?.string == "Ready" }?["reason"]?.string ?? ""
    isObserved =
      status?["observedGeneration"]?.integer.map { $0 >= object["metadata"]?["generation"]?.integer ?? 0 } ?? false
    let reported = Dictionary(
      (status?["stages"]?.array ?? []).compactMap { stage in stage["name"]?.string.map { ($0, stage) } },
      uniquingKeysWith: { first, _ in first })
    // What is declared says which stages there are, and in which order.
    stages = (spec?["stages"]?.array ?? []).map { declared in
      let name = declared["name"]?.string ?? ""
      let stage = reported[name]
      let phase = stage?["phase"]?.string ?? "Pending"
      let isFixed = stage?["startedAt"]?.string != nil || phase != "Pending"
      let gate = declared["gate"]
      return Stage(
        name: name, phase: phase, counts: isFixed ? CustomerCounts(json: stage?["counts"]) : nil,
        hasFailureLimit: ["maxFailures", "maxFailuresPercent", "successPercent"].contains {
          gate?[$0]?.integer != nil
        })
    }
  }

  /// Nil while it goes on, or may.
  var ending: Ending? {
    guard isObserved else { return nil }
    return switch phase {
    case "Completed": .completed
    case "Halted": .halted
    case _ where word == RolloutKind.releaseDeprecated: .deprecated
    default: nil
    }
  }

  /// Failures that no gate was asked to put up with.
  var unjudgedFailures: Int64 {
    stages.filter { !$0.hasFailureLimit }.reduce(0) { $0 + ($1.counts?[.failed] ?? 0) }
  }

  var total: CustomerCounts { stages.reduce(CustomerCounts()) { $0 + ($1.counts ?? CustomerCounts()) } }

  /// What stands over and under the stages.
  var title: String { "\(RolloutKind.names.reference(name)): release \(printable(release)), \(phaseText)" }

  var phaseText: String { isObserved ? Self.words(phase) : "waiting for the server to see the change" }

  /// A stage's phase; that of one whose rollout has halted goes on no more.
  func phaseText(_ stage: Stage) -> String {
    let goesOn = ["Running", "Soaking", "AwaitingApproval"].contains(stage.phase)
    return Self.words(ending == .halted && goesOn ? "Halted" : stage.phase)
  }

  /// In the words of the fleet dashboard.
  private static func words(_ phase: String) -> String {
    switch phase {
    case "AwaitingApproval": "Waits for approval"
    case "Pending": "Not begun"
    default: printable(phase)
    }
  }

  var json: JSONValue {
    [
      "name": .string(name), "release": .string(release), "phase": .string(phase), "reason": .string(reason),
      "observed": .bool(isObserved),
      "stages": .array(
        stages.map { stage in
          var counts: JSONValue = .null
          if let known = stage.counts {
            counts = ["members": .integer(known.members)]
            for bucket in TargetBucket.allCases { counts[bucket.rawValue] = .integer(known[bucket]) }
          }
          return ["name": .string(stage.name), "phase": .string(stage.phase), "counts": counts]
        }),
    ]
  }
}
