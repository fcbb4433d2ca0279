public import FleetKinds
public import WireFormats

/// One condition of a stage's gate, in numbers: what there is, of how many, and what is asked for. For people who want to see why a
/// rollout stands still; the decision is `RolloutGate`'s.
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
    case open
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

  /// What holds before the next stage starts, in the order in which it is looked at.
  public static func all(
    of gate: RolloutSpec.Gate?, stage: RolloutStatus.Stage, isApproved: Bool, now: Timestamp
  ) -> [GateThreshold] {
    let rule = RolloutGate(gate)
    let counts = stage.counts
    let hasBegun = stage.startedAt != nil
    let needed = rule.neededReports(counts)
    let offered = counts.members - counts.waiting
    var all = [
      GateThreshold(
        kind: .offered, state: hasBegun && counts.waiting == 0 ? .met : .open, numerator: offered,
        denominator: counts.members),
      GateThreshold(
        kind: .reports, state: hasBegun && counts.reported >= needed && counts.underWay == 0 ? .met : .open,
        numerator: counts.reported, denominator: counts.members - counts.unreachable, limit: needed),
    ]
    let failure = rule.failure(counts, isPassed: stage.passedAt != nil)?.0
    if let least = gate?.successPercent {
      let isMet = counts.reported > 0 && rule.hasSuccess(counts)
      all.append(
        GateThreshold(
          kind: .successes, state: failure == .tooFewSuccesses ? .broken : isMet ? .met : .open,
          numerator: counts.succeeded, denominator: counts.reported, limit: least))
    }
    if let most = gate?.maxFailures {
      all.append(
        GateThreshold(
          kind: .failures, state: counts.failed > most ? .broken : .met, numerator: counts.failed,
          denominator: counts.members, limit: most))
    }
    if let most = gate?.maxFailuresPercent {
      let isOver = counts.failed * 100 > most * counts.reported
      all.append(
        GateThreshold(
          kind: .failurePercent, state: !isOver ? .met : failure == .tooManyFailures ? .broken : .open,
          numerator: counts.failed, denominator: counts.reported, limit: most))
    }
    if let soak = gate?.soak {
      let until = stage.settledAt.map { $0 + soak.duration }
      all.append(
        GateThreshold(
          kind: .soak, state: stage.passedAt != nil || until.map { $0 <= now } == true ? .met : .open, numerator: 0,
          denominator: 0, until: until))
    }
    if gate?.approval == true {
      all.append(GateThreshold(kind: .approval, state: isApproved ? .met : .open, numerator: 0, denominator: 0))
    }
    return all
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
