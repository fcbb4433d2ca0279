import FleetKinds
import FleetPlanning
import Testing
import WireFormats

/// What a gate asks for, in the numbers that people see.
struct GateThresholdTests {
  private static let now = Timestamp(seconds: 1_800_000_000)

  private static func thresholds(
    _ gate: RolloutSpec.Gate?, _ counts: [TargetBucket: Int], settledAt: Timestamp? = nil, isApproved: Bool = false,
    hasBegun: Bool = true
  ) -> [GateThreshold.Kind: GateThreshold] {
    let stage = RolloutStatus.Stage(
      name: "canary", phase: .running, startedAt: hasBegun ? now : nil, settledAt: settledAt,
      counts: StageCounts(counts))
    return Dictionary(
      uniqueKeysWithValues: GateThreshold.all(of: gate, stage: stage, isApproved: isApproved, now: now).map {
        ($0.kind, $0)
      })
  }

  @Test func offlineAndWaitingAreInNoDenominator() {
    let all = Self.thresholds(
      .init(successPercent: 90), [.succeeded: 8, .failed: 2, .offline: 50, .consent: 20, .silent: 3, .blocked: 4])
    #expect(all[.successes]?.numerator == 8 && all[.successes]?.denominator == 10 && all[.successes]?.limit == 90)
    #expect(all[.successes]?.state == .open)
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
    #expect(Self.thresholds(gate, [.succeeded: 1, .failed: 1, .waiting: 8])[.failurePercent]?.state == .open)
    #expect(Self.thresholds(gate, [.succeeded: 8, .failed: 2])[.failurePercent]?.state == .broken)
  }

  @Test func soakAndApprovalSayWhatIsMissing() {
    let gate = RolloutSpec.Gate(soak: DurationText("30m"), approval: true)
    let early = Self.thresholds(gate, [.succeeded: 1])
    #expect(early[.soak]?.until == nil && early[.soak]?.state == .open && early[.approval]?.state == .open)
    let soaking = Self.thresholds(gate, [.succeeded: 1], settledAt: Self.now)
    #expect(soaking[.soak]?.until == Self.now + .seconds(1800) && soaking[.soak]?.state == .open)
    let done = Self.thresholds(gate, [.succeeded: 1], settledAt: Self.now + .seconds(-1800), isApproved: true)
    #expect(done[.soak]?.state == .met && done[.approval]?.state == .met)
  }

  @Test func nothingIsMetBeforeTheStageBegins() {
    let all = Self.thresholds(.init(successPercent: 90), [:], hasBegun: false)
    #expect(all.values.allSatisfy { $0.state == .open })
  }
}
