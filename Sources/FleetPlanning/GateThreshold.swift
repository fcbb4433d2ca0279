public import FleetKinds
public import WireFormats

/// One condition of a stage's gate, in numbers: what there is, of how many, and what is asked for. For people who want to see why a
/// rollout stands still; the decision is `RolloutGate`'s, by these same conditions.
public struct GateThreshold: Sendable, Hashable {
  public enum Kind: String, Sendable, Hashable, CaseIterable {
    /// Members to which the release was offered, of all.
    case offered
    /// Reports, of those that the gate asks for.
    case reports
    /// Successes, in percent of the reports.
    case successes
    /// Failures; more than the limit halt the rollout.
    case failures
    /// Failures in percent of the reports; more than the limit halt the rollout.
    case failurePercent
    case soak
    case approval
  }

  public enum State: String, Sendable, Hashable {
    case met
    /// Not yet.
    case pending
    /// It halts the rollout.
    case broken
  }

  public var kind: Kind
  public var state: State
  public var numerator: Int
  public var denominator: Int
  /// A number or percent, as the kind has it; nil for soak and approval.
  public var limit: Int?
  /// When the soak time ends; nil where it has not begun.
  public var until: Timestamp?

  /// What holds before the next stage starts, in the order in which it is looked at. Nothing is met before the stage has begun.
  public static func all(
    of gate: RolloutSpec.Gate?, stage: RolloutStatus.Stage, isApproved: Bool, now: Timestamp
  ) -> [GateThreshold] {
    let isPassed = stage.passedAt != nil
    var all = RolloutGate(gate).thresholds(stage.counts, isSettled: stage.settledAt != nil, isPassed: isPassed)
    if let soak = gate?.soak {
      let until = stage.settledAt.map { $0 + soak.duration }
      let isOver = isPassed || until.map { $0 <= now } == true
      all.append(
        GateThreshold(kind: .soak, state: isOver ? .met : .pending, numerator: 0, denominator: 0, until: until))
    }
    if gate?.approval == true {
      all.append(
        GateThreshold(
          kind: .approval, state: isPassed || isApproved ? .met : .pending, numerator: 0, denominator: 0))
    }
    guard stage.startedAt == nil else { return all }
    return all.map { threshold in
      var threshold = threshold
      // An approval may be given beforehand.
      if threshold.kind != .approval { threshold.state = .pending }
      return threshold
    }
  }

  public var json: JSONValue {
    var json: JSONValue = [
      "kind": .string(kind.rawValue), "state": .string(state.rawValue), "numerator": .integer(Int64(numerator)),
      "denominator": .integer(Int64(denominator)),
    ]
    json["limit"] = limit.map { .integer(Int64($0)) }
    json["until"] = until.map { .string($0.wholeSeconds.description) }
    return json
  }
}
