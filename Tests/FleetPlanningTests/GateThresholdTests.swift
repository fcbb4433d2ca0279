import FleetKinds
import TestSupport
import Testing
import WireFormats

@testable import FleetPlanning

/// What a gate asks for, in the numbers that people see.
struct GateThresholdTests {
  private static let now = Timestamp(seconds: 1_800_000_000)

  private static func thresholds(
    _ gate: RolloutSpec.Gate?, _ counts: [TargetBucket: Int], settledAt: Timestamp? = nil, passedAt: Timestamp? = nil,
    isApproved: Bool = false, hasBegun: Bool = true
  ) -> [GateThreshold.Kind: GateThreshold] {
    let stage = RolloutStatus.Stage(
      name: "canary", phase: .running, startedAt: hasBegun ? now : nil, settledAt: settledAt,
      passedAt: passedAt, counts: StageCounts(counts))
    return Dictionary(
      uniqueKeysWithValues: GateThreshold.all(of: gate, stage: stage, isApproved: isApproved, now: now).map {
        ($0.kind, $0)
      })
  }

  @Test func offlineAndWaitingAreInNoDenominator() {
    let all = Self.thresholds(
      .init(successPercent: 90), [.succeeded: 8, .failed: 2, .offline: 50, .consent: 20, .silent: 3, .blocked: 4])
    #expect(all[.successes]?.numerator == 8 && all[.successes]?.denominator == 10 && all[.successes]?.limit == 90)
    #expect(all[.successes]?.state == .pending)
    #expect(all[.reports]?.denominator == 30, "offline, silent and blocked are not waited for")
    #expect(all[.offered]?.numerator == 87 && all[.offered]?.state == .met)
  }

  @Test(
    arguments: [
      ([.succeeded: 5, .failed: 3], GateThreshold.State.met), ([.succeeded: 5, .failed: 4], .broken),
      ([.succeeded: 5], .met),
    ] as [([TargetBucket: Int], GateThreshold.State)])
  func moreFailuresThanAllowedBreakIt(_ counts: [TargetBucket: Int], _ state: GateThreshold.State) {
    #expect(Self.thresholds(.init(maxFailures: 3), counts)[.failures]?.state == state)
  }

  @Test func aFailureRateBreaksOnceEnoughHaveReported() {
    let gate = RolloutSpec.Gate(maxFailuresPercent: 10, minReports: 10)
    #expect(Self.thresholds(gate, [.succeeded: 1, .failed: 1, .waiting: 8])[.failurePercent]?.state == .pending)
    #expect(Self.thresholds(gate, [.succeeded: 8, .failed: 2])[.failurePercent]?.state == .broken)
  }

  @Test func soakAndApprovalSayWhatIsMissing() {
    let gate = RolloutSpec.Gate(soak: DurationText("30m"), approval: true)
    let early = Self.thresholds(gate, [.succeeded: 1])
    #expect(early[.soak]?.until == nil && early[.soak]?.state == .pending && early[.approval]?.state == .pending)
    let soaking = Self.thresholds(gate, [.succeeded: 1], settledAt: Self.now)
    #expect(soaking[.soak]?.until == Self.now + .seconds(1800) && soaking[.soak]?.state == .pending)
    let done = Self.thresholds(gate, [.succeeded: 1], settledAt: Self.now + .seconds(-1800), isApproved: true)
    #expect(done[.soak]?.state == .met && done[.approval]?.state == .met)
  }

  /// The customers that begin only now hold up a stage that was open before no more than it has been held up.
  @Test func aStageThatSoaksStaysMetThoughSomebodyBegins() {
    let gate = RolloutSpec.Gate(successPercent: 90, soak: DurationText("30m"))
    let counts: [TargetBucket: Int] = [.succeeded: 5, .inProgress: 1]
    #expect(Self.thresholds(gate, counts)[.reports]?.state == .pending)
    let soaking = Self.thresholds(gate, counts, settledAt: Self.now)
    #expect(soaking[.reports]?.state == .met && soaking[.successes]?.state == .met)
    let passed = Self.thresholds(gate, [.succeeded: 5, .failed: 3, .waiting: 1], passedAt: Self.now)
    #expect(passed.values.allSatisfy { $0.state == .met })
  }

  /// Each condition is broken by itself, whichever of them is named as the cause.
  @Test func everyBrokenConditionIsShownAsBroken() {
    let gate = RolloutSpec.Gate(successPercent: 90, maxFailures: 1, maxFailuresPercent: 50, minReports: 20)
    let all = Self.thresholds(gate, [.succeeded: 5, .failed: 2, .waiting: 3])
    #expect(all[.failures]?.state == .broken && all[.successes]?.state == .broken)
    #expect(all[.failurePercent]?.state == .met)
    let undecided = Self.thresholds(
      .init(maxFailures: 1, maxFailuresPercent: 10, minReports: 20), [.succeeded: 5, .failed: 2, .waiting: 30])
    #expect(undecided[.failures]?.state == .broken && undecided[.failurePercent]?.state == .pending)
  }

  /// What people are shown and what is decided are the same, whatever the counts are.
  @Test func theConditionsAreMetExactlyWhereTheGateIsOpenAndBrokenWhereItHalts() {
    var random = SeededGenerator(seed: 20_260_101)
    func number(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &random) }
    func maybe(_ range: ClosedRange<Int>) -> Int? { Bool.random(using: &random) ? number(range) : nil }
    for _ in 0..<20_000 {
      let gate = RolloutGate(
        .init(
          successPercent: maybe(0...100), maxFailures: maybe(0...6), maxFailuresPercent: maybe(0...100),
          minReports: maybe(1...12)))
      var counts = StageCounts()
      for bucket in TargetBucket.allCases where number(0...2) > 0 { counts[bucket] = number(0...6) }
      for isSettled in [false, true] {
        let thresholds = gate.thresholds(counts, isSettled: isSettled, isPassed: false)
        let asked = thresholds.filter { [.offered, .reports, .successes].contains($0.kind) }
        #expect(asked.allSatisfy { $0.state == .met } == Self.isOpen(gate.gate, counts, isSettled), "\(gate) \(counts)")
        #expect(gate.isOpen(counts, isSettled: isSettled) == Self.isOpen(gate.gate, counts, isSettled))
      }
      for isPassed in [false, true] {
        let isBroken = gate.thresholds(counts, isSettled: false, isPassed: isPassed).contains { $0.state == .broken }
        #expect(isBroken == Self.halts(gate.gate, counts, isPassed: isPassed), "\(gate) \(counts)")
        #expect(isBroken == (gate.failure(counts, isPassed: isPassed) != nil))
      }
    }
  }

  /// In the words of the documentation: nobody waits or is under way, enough have reported, enough of them succeeded.
  private static func isOpen(_ gate: RolloutSpec.Gate, _ counts: StageCounts, _ isSettled: Bool) -> Bool {
    let canReport = counts.members - counts.offline - counts.silent - counts.blocked - counts.cancelled
    let isHeldUp = counts.waiting > 0 || (!isSettled && counts.notifying + counts.inProgress > 0)
    let hasReports = counts.reported >= min(gate.minReports ?? 1, canReport)
    return !isHeldUp && hasReports && counts.succeeded * 100 >= (gate.successPercent ?? 0) * counts.reported
  }

  private static func halts(_ gate: RolloutSpec.Gate, _ counts: StageCounts, isPassed: Bool) -> Bool {
    if let most = gate.maxFailures, counts.failed > most { return true }
    let isOver = counts.pending == 0
    if let most = gate.maxFailuresPercent, isOver || counts.reported >= (gate.minReports ?? 1),
      counts.failed * 100 > most * counts.reported
    {
      return true
    }
    guard let least = gate.successPercent, !isPassed, counts.failed > 0 else { return false }
    // Even if all that are left succeed.
    let all = counts.members - counts.blocked - counts.cancelled
    return (all - counts.failed) * 100 < least * all || (isOver && counts.succeeded * 100 < least * counts.reported)
  }

  @Test func nothingIsMetBeforeTheStageBegins() {
    let all = Self.thresholds(.init(successPercent: 90), [:], hasBegun: false)
    #expect(all.values.allSatisfy { $0.state == .pending })
  }
}
