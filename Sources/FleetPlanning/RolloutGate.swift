import FleetKinds

/// What a stage's gate says of its counts.
struct RolloutGate {
  let gate: RolloutSpec.Gate

  init(_ gate: RolloutSpec.Gate?) { self.gate = gate ?? RolloutSpec.Gate() }

  var minReports: Int { max(1, gate.minReports ?? 1) }

  /// Why the rollout halts.
  /// - Parameter isPassed: a stage that has passed is held to its failure budget only.
  func failure(_ counts: StageCounts, isPassed: Bool) -> (RolloutStatus.HaltCause, String)? {
    let failed = "\(counts.failed) of \(counts.reported) that reported failed"
    if let most = gate.maxFailures, counts.failed > most {
      return (.tooManyFailures, "\(failed), and its gate allows \(most)")
    }
    // Once nobody is expected to report any more, what has been reported decides.
    let isDecided = counts.reported >= minReports || counts.pending == 0
    if let most = gate.maxFailuresPercent, isDecided, counts.failed * 100 > most * counts.reported {
      return (.tooManyFailures, "\(failed), and its gate allows \(most) %")
    }
    guard let least = gate.successPercent, !isPassed, counts.failed > 0 else { return nil }
    let best = counts.members - counts.blocked - counts.cancelled
    let isOutOfReach = (best - counts.failed) * 100 < least * best
    if isOutOfReach || (counts.pending == 0 && !hasSuccess(counts)) {
      return (
        .tooFewSuccesses, "\(failed), and the \(least) % success that its gate asks for cannot be reached any more"
      )
    }
    return nil
  }

  /// Of those that reported.
  func hasSuccess(_ counts: StageCounts) -> Bool {
    guard let least = gate.successPercent else { return true }
    return counts.succeeded * 100 >= least * counts.reported
  }

  /// How many must have reported; fewer than asked for where fewer can.
  func neededReports(_ counts: StageCounts) -> Int { min(minReports, counts.members - counts.unreachable) }

  /// - Parameter isSettled: it was open before. Customers that begin only now have been waited for long enough: those that are under
  ///   way hold the gate up only once.
  func isOpen(_ counts: StageCounts, isSettled: Bool) -> Bool {
    counts.waiting == 0 && (isSettled || counts.underWay == 0) && counts.reported >= neededReports(counts)
      && hasSuccess(counts)
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
      (counts.consent, "waiting for consent"), (counts.scheduled, "scheduled"), (counts.offline, "offline"),
      (counts.silent, "silent"), (counts.blocked, "blocked"), (counts.cancelled, "cancelled"),
    ]
    let shown = parts.filter { $0.0 > 0 }.map { "\($0.0) \($0.1)" }
    return shown.isEmpty ? "" : ", with \(shown.joined(separator: ", "))"
  }
}
