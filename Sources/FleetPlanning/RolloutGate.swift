import FleetKinds

/// What a stage's gate says of its counts: one arithmetic for the decision and for what people are shown of it.
struct RolloutGate {
  let gate: RolloutSpec.Gate

  init(_ gate: RolloutSpec.Gate?) { self.gate = gate ?? RolloutSpec.Gate() }

  private var minReports: Int { max(1, gate.minReports ?? 1) }

  /// The conditions of the counts, each with what there is and what is asked for. Whether the gate is open, and whether the rollout
  /// halts, follow from them, and people see them: there is no other arithmetic.
  /// - Parameters:
  ///   - isSettled: it was open before. Customers that begin only now have been waited for long enough: those that are under
  ///     way hold the gate up only once.
  ///   - isPassed: a stage that has passed is held to its failure budget only.
  func thresholds(_ counts: StageCounts, isSettled: Bool, isPassed: Bool) -> [GateThreshold] {
    let needed = neededReports(counts)
    let hasReports = counts.reported >= needed && (isSettled || counts.underWay == 0)
    var all = [
      GateThreshold(
        kind: .offered, state: isPassed || counts.waiting == 0 ? .met : .pending,
        numerator: counts.members - counts.waiting, denominator: counts.members),
      GateThreshold(
        kind: .reports, state: isPassed || hasReports ? .met : .pending, numerator: counts.reported,
        denominator: counts.members - counts.unreachable, limit: needed),
    ]
    if let least = gate.successPercent {
      // Nothing of nothing is a success only where nobody can report.
      let isMet = hasSuccess(counts) && (counts.reported > 0 || needed == 0)
      let state: GateThreshold.State =
        isPassed || isMet ? .met : cannotSucceed(counts, least: least) ? .broken : .pending
      all.append(
        GateThreshold(
          kind: .successes, state: state, numerator: counts.succeeded, denominator: counts.reported, limit: least))
    }
    if let most = gate.maxFailures {
      all.append(
        GateThreshold(
          kind: .failures, state: counts.failed > most ? .broken : .met, numerator: counts.failed,
          denominator: counts.members, limit: most))
    }
    if let most = gate.maxFailuresPercent {
      // Once nobody is expected to report any more, what has been reported decides.
      let isDecided = counts.reported >= minReports || counts.pending == 0
      let isOver = counts.failed * 100 > most * counts.reported
      all.append(
        GateThreshold(
          kind: .failurePercent, state: !isOver ? .met : isDecided ? .broken : .pending, numerator: counts.failed,
          denominator: counts.reported, limit: most))
    }
    return all
  }

  /// Why the rollout halts: of several reasons the number of failures first, then their rate, then the successes.
  /// - Parameter isPassed: as for `thresholds`.
  func failure(_ counts: StageCounts, isPassed: Bool) -> (RolloutStatus.HaltCause, String)? {
    let broken = thresholds(counts, isSettled: false, isPassed: isPassed).filter { $0.state == .broken }
    let failed = "\(counts.failed) of \(counts.reported) that reported failed"
    for kind in [GateThreshold.Kind.failures, .failurePercent, .successes] {
      guard let limit = broken.first(where: { $0.kind == kind })?.limit else { continue }
      switch kind {
      case .failures: return (.tooManyFailures, "\(failed), and its gate allows \(limit)")
      case .failurePercent: return (.tooManyFailures, "\(failed), and its gate allows \(limit) %")
      default:
        return (
          .tooFewSuccesses,
          "\(failed), and the \(limit) % success that its gate asks for cannot be reached any more"
        )
      }
    }
    return nil
  }

  private func cannotSucceed(_ counts: StageCounts, least: Int) -> Bool {
    guard counts.failed > 0 else { return false }
    let best = counts.members - counts.blocked - counts.cancelled
    let isOutOfReach = (best - counts.failed) * 100 < least * best
    return isOutOfReach || (counts.pending == 0 && !hasSuccess(counts))
  }

  /// Of those that reported.
  private func hasSuccess(_ counts: StageCounts) -> Bool {
    guard let least = gate.successPercent else { return true }
    return counts.succeeded * 100 >= least * counts.reported
  }

  /// How many must have reported; fewer than asked for where fewer can.
  private func neededReports(_ counts: StageCounts) -> Int { min(minReports, counts.members - counts.unreachable) }

  /// - Parameter isSettled: as for `thresholds`.
  func isOpen(_ counts: StageCounts, isSettled: Bool) -> Bool {
    let asked: Set<GateThreshold.Kind> = [.offered, .reports, .successes]
    return thresholds(counts, isSettled: isSettled, isPassed: false)
      .allSatisfy { !asked.contains($0.kind) || $0.state == .met }
  }

  /// Why it is closed and what would open it, as what follows the stage's name in a sentence.
  func closedReason(_ counts: StageCounts) -> String {
    if counts.underWay > 0 { return "waits for \(counts.underWay) under way to report\(Self.apart(counts))" }
    let needed = neededReports(counts)
    if counts.reported < needed {
      let missing = needed - counts.reported
      return """
        has \(counts.reported) of the \(needed) reports that its gate asks for\(Self.apart(counts)): \(missing) more \
        report\(missing == 1 ? "" : "s"), or a smaller gate.minReports, would move it
        """
    }
    return """
      has \(counts.succeeded) successes of \(counts.reported) reports, and its gate asks for \(gate.successPercent ?? 0) \
      %\(Self.apart(counts)): further successes would move it
      """
  }

  /// Who is counted apart: `, 3 wait for their customers' consent, 1 offline`.
  static func apart(_ counts: StageCounts) -> String {
    let parts = [
      (counts.consent, "waiting for consent"), (counts.scheduled, "waiting for their window"),
      (counts.offline, "offline"), (counts.silent, "silent"), (counts.blocked, "passed over"),
      (counts.cancelled, "taken back"),
    ]
    let shown = parts.filter { $0.0 > 0 }.map { "\($0.0) \($0.1)" }
    return shown.isEmpty ? "" : ", with \(shown.joined(separator: ", "))"
  }
}
