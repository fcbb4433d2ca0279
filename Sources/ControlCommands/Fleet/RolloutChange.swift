import FleetKinds
import ResourceClient
import ResourceModel
import Timing
import WireFormats

/// What commands change of a rollout that is there.
struct RolloutChange {
  enum State: String {
    case running = "Running"
    case paused = "Paused"
    case halted = "Halted"
  }

  let name: String
  let session: Session

  private static let names = RolloutKind.names

  static func read(_ name: String, _ session: Session) async throws(CommandFailure) -> JSONValue {
    let client = session.client
    return try await session.request { () async throws(ResourceClientError) in
      try await client.get(names, ObjectKey(namespace: "", name: name))
    }
  }

  /// - Returns: what happened, as a line.
  func set(_ state: State, offersPrevious: Bool = false) async throws(CommandFailure) -> String {
    try await change { object throws(CommandFailure) in
      try Self.patch(state, offersPrevious: offersPrevious, of: object)
    }
  }

  func approve(_ stage: String) async throws(CommandFailure) -> String {
    try await change { object throws(CommandFailure) in try Self.approval(of: stage, in: object) }
  }

  func retry() async throws(CommandFailure) -> String {
    let now = SystemTime.now()
    return try await change { object throws(CommandFailure) in try Self.retry(object, now: now) }
  }

  /// What to write, and what to say; nothing is written where the patch is nil.
  struct Decision: Hashable {
    var patch: JSONValue?
    var outcome: String
    /// Whether it may be written over just the version that it was decided on.
    var replacesWhatWasRead = false
  }

  // MARK: Decisions, pure

  static func patch(
    _ state: State, offersPrevious: Bool, of object: JSONValue
  ) throws(CommandFailure) -> Decision {
    let declared = object["spec"]?["state"]?.string ?? State.running.rawValue
    let progress = RolloutProgress(object)
    let reason = progress.reason.isEmpty ? "" : ": \(printable(progress.reason))"
    // What is still open of one that has completed can be taken back.
    if progress.ending == .completed, state != .halted {
      throw CommandFailure("the rollout has completed: there is nothing to \(state.verb)\(reason)")
    }
    if state != .halted, progress.ending == .halted {
      throw CommandFailure(
        "the rollout has halted, and does not go on by itself\(reason)",
        hint:
          "wrktalkctl rollout retry \(printable(progress.name)) takes it up again, and offers what failed once more.")
    }
    var spec: JSONValue = ["state": .string(state.rawValue)]
    var outcome = state.past
    let wantsPrevious = offersPrevious && object["spec"]?["onHalt"]?.string != "OfferPrevious"
    if wantsPrevious {
      spec["onHalt"] = "OfferPrevious"
      outcome += "; the version before is offered to those that have deployed it"
    }
    if declared == state.rawValue, !wantsPrevious { return Decision(patch: nil, outcome: state.already) }
    return Decision(patch: ["spec": spec], outcome: outcome)
  }

  static func approval(of stage: String, in object: JSONValue) throws(CommandFailure) -> Decision {
    let stages = object["spec"]?["stages"]?.array ?? []
    let known = stages.compactMap { $0["name"]?.string }
    guard let declared = stages.first(where: { $0["name"]?.string == stage }) else {
      let nearest = Suggestion.nearest(to: stage, among: known).map { "Did you mean \(printable($0))?" }
      throw CommandFailure(
        "the rollout has no stage \"\(printable(stage))\"",
        hint: nearest ?? "There are: \(known.map { printable($0) }.joined(separator: ", ")).",
        exitCode: CommandFailure.usageExitCode)
    }
    guard declared["gate"]?["approval"]?.bool == true else {
      throw CommandFailure(
        "the stage \(printable(stage)) asks for no approval",
        hint: "A stage does where its gate has approval: true.")
    }
    let approved = object["spec"]?["approvedStages"]?.array ?? []
    if approved.contains(.string(stage)) {
      return Decision(patch: nil, outcome: "stage \(printable(stage)) was already approved")
    }
    let progress = RolloutProgress(object)
    let isEarly = progress.stages.contains { $0.name == stage && !["AwaitingApproval", "Passed"].contains($0.phase) }
    let early = isEarly ? " in advance: it has not come so far, and will not wait for it" : ""
    return Decision(
      patch: ["spec": ["approvedStages": .array(approved + [.string(stage)])]],
      outcome: "stage \(printable(stage)) approved\(early)", replacesWhatWasRead: true)
  }

  static func retry(_ object: JSONValue, now: Timestamp) throws(CommandFailure) -> Decision {
    let progress = RolloutProgress(object)
    let failed = progress.total[.failed]
    let isHalted = progress.phase == "Halted" || object["spec"]?["state"]?.string == State.halted.rawValue
    guard failed > 0 || isHalted else {
      throw CommandFailure(
        "no customer has reported a failure that could be tried again",
        hint: "wrktalkctl rollout status \(printable(progress.name)) says where the customers stand.")
    }
    var patch: JSONValue = ["metadata": ["annotations": [RolloutKind.retryAnnotation: .string(now.description)]]]
    if isHalted { patch["spec"] = ["state": .string(State.running.rawValue)] }
    var outcomes = isHalted ? ["taken up again"] : []
    if failed > 0 {
      let customers = failed == 1 ? "customer that failed is" : "customers that failed are"
      outcomes.append("\(failed) \(customers) offered \(printable(progress.release)) once more")
    }
    return Decision(patch: patch, outcome: outcomes.joined(separator: "; "))
  }

  // MARK: Writing

  /// Decides on the object as it is; where somebody else was faster, and that matters, again.
  private func change(
    _ decide: (JSONValue) throws(CommandFailure) -> Decision
  ) async throws(CommandFailure) -> String {
    let client = session.client
    let key = ObjectKey(namespace: "", name: name)
    let reference = Self.names.reference(name)
    var attempts = 0
    while true {
      let object = try await Self.read(name, session)
      let decision = try decide(object)
      guard var patch = decision.patch else { return "\(reference): \(decision.outcome)" }
      if decision.replacesWhatWasRead {
        patch["metadata"] = ["resourceVersion": object["metadata"]?["resourceVersion"] ?? .null]
      }
      attempts += 1
      do throws(ResourceClientError) {
        _ = try await client.mergePatch(Self.names, key, patch, options: WriteOptions(fieldManager: "wrktalkctl"))
        return "\(reference): \(decision.outcome)"
      } catch {
        // The status of a rollout that runs changes all the time.
        guard error.isConflict, attempts < 10 else {
          throw ClientFailureText.failure(error, server: session.server)
        }
      }
    }
  }
}

extension RolloutChange.State {
  fileprivate var verb: String {
    switch self {
    case .running: "resume"
    case .paused: "pause"
    case .halted: "halt"
    }
  }

  fileprivate var past: String {
    switch self {
    case .running: "resumed"
    case .paused: "paused"
    case .halted: "halted"
    }
  }

  fileprivate var already: String {
    switch self {
    case .running: "was not paused"
    case .paused: "was already paused"
    case .halted: "was already halted"
    }
  }
}
