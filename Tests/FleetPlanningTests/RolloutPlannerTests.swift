import FleetKinds
import FleetPlanning
import ResourceModel
import Testing
import WireFormats

/// How a rollout goes from stage to stage, and under which limits.
@Suite struct RolloutPlannerTests {
  @Test func aStageFixesItsMembersThenOffersThenPasses() {
    var bench = RolloutBench(stage("canary", count: 2), stage("rest"))
    #expect(bench.decide() == [.fixMembers(stage: 0)])
    #expect(bench.last.nextDue == .zero)
    bench.set(0, [.waiting: 2])
    #expect(bench.decide() == [.offer(stage: 0, count: 2)])
    bench.set(0, [.notifying: 2])
    #expect(bench.decide() == [])
    #expect(bench.reason == "Stage canary waits for 2 under way to report.")
    bench.set(0, [.succeeded: 2])
    #expect(bench.decide() == [.fixMembers(stage: 1)])
    #expect(bench.phase(0) == .passed)
    bench.set(1, [.succeeded: 5, .consent: 1])
    #expect(bench.decide() == [])
    #expect(bench.phase == .completed)
    #expect(bench.reason == "Completed: 7 of 8 run 2.3.0, 0 failed, with 1 waiting for consent.")
    #expect(bench.status?.conditions?.map(\.type) == ["Ready"])
    #expect(bench.status?.conditions?.isTrue("Ready") == true)
    #expect(bench.last.events.map(\.reason) == ["StagePassed", "RolloutCompleted"])
    #expect(bench.status?.observedGeneration == 3)
  }

  @Test func whatRanTheReleaseBeforeDoesNotFinishTheRollout() {
    // hawkbit#735: members that are there already count as succeeded, but others still wait.
    var bench = RolloutBench(stage())
    bench.decide()
    bench.set(0, [.succeeded: 5, .waiting: 1])
    #expect(bench.decide() == [.offer(stage: 0, count: 1)])
    #expect(bench.phase == .progressing)
  }

  @Test func aStageWithoutMembersPassesAtOnceAndWithoutApproval() {
    // kubefleet#610, hawkbit#1770.
    var bench = RolloutBench(
      stage("none", count: 1, gate: RolloutSpec.Gate(soak: DurationText(.seconds(3600)), approval: true)),
      stage("rest"))
    bench.decide()
    #expect(bench.decide() == [.fixMembers(stage: 1)])
    #expect(bench.last.events.map(\.message).first == "Stage none passed: it has no members.")
    bench.decide()
    #expect(bench.reason == "Completed: no stage had any members.")
  }

  @Test func aStageWhoseMembersWereAllRemovedPasses() {
    // hawkbit PR#328: what is removed is in no denominator; kubefleet#733: nor does it abort anything.
    var bench = RolloutBench(stage(gate: RolloutSpec.Gate(successPercent: 100)))
    bench.decide()
    bench.set(0, [.notifying: 3])
    bench.decide()
    bench.set(0, [:])
    bench.decide()
    #expect(bench.phase == .completed)
  }

  struct Silence: Sendable, CustomTestStringConvertible {
    var counts: [TargetBucket: Int]
    var gate = RolloutSpec.Gate()
    var passes: Bool
    var reason: String
    var testDescription: String { reason }
  }

  @Test(arguments: [
    Silence(
      counts: [.succeeded: 1, .offline: 5, .silent: 3, .consent: 9, .blocked: 2, .cancelled: 1, .scheduled: 1],
      passes: true, reason: "Completed: 1 of 22 run"),
    Silence(
      counts: [.offline: 5, .silent: 3, .blocked: 1], passes: true, reason: "Completed: 0 of 9 run"),
    Silence(
      counts: [.consent: 2, .offline: 5, .silent: 1], passes: false,
      reason:
        "Stage a has 0 of the 1 reports that its gate asks for, with 2 waiting for consent, 5 offline, 1 silent: 1 more report, or a smaller gate.minReports, would move it."
    ),
    Silence(
      counts: [.succeeded: 2, .consent: 8], gate: RolloutSpec.Gate(minReports: 5), passes: false,
      reason: "Stage a has 2 of the 5 reports that its gate asks for, with 8 waiting for consent: 3 more reports"),
    Silence(
      counts: [.succeeded: 2, .consent: 1, .offline: 7], gate: RolloutSpec.Gate(minReports: 5), passes: false,
      reason: "Stage a has 2 of the 3 reports"),
    Silence(
      counts: [.succeeded: 3, .offline: 7], gate: RolloutSpec.Gate(minReports: 5), passes: true,
      reason: "Completed: 3 of 10"),
    Silence(
      counts: [.succeeded: 7, .failed: 2, .consent: 4], gate: RolloutSpec.Gate(successPercent: 80), passes: false,
      reason: "Stage a has 7 successes of 9 reports, and its gate asks for 80 %, with 4 waiting for consent: further"),
    Silence(
      counts: [.succeeded: 8, .failed: 2, .silent: 4], gate: RolloutSpec.Gate(successPercent: 80), passes: true,
      reason: "Completed: 8 of 14"),
    Silence(
      counts: [.succeeded: 8, .inProgress: 1, .offline: 3], passes: false,
      reason: "Stage a waits for 1 under way to report, with 3 offline."),
  ])
  func offlineSilentAndConsentingCustomersBlockNothingAndAreInNoRatio(_ example: Silence) {
    // fleet#192: one dead device blocked everybody, and "100 % may be unavailable" was no gate at all.
    var bench = RolloutBench(stage("a", gate: example.gate))
    bench.decide()
    bench.set(0, example.counts)
    bench.decide()
    #expect((bench.phase == .completed) == example.passes)
    #expect(bench.reason.hasPrefix(example.reason), "\(bench.reason)")
  }

  @Test func aStageInWhichNobodyCanReportSaysSoWhenItPasses() {
    var bench = RolloutBench(stage("a"))
    bench.decide()
    bench.set(0, [.offline: 2, .blocked: 1])
    bench.decide()
    #expect(
      bench.last.events.first?.message
        == "Stage a passed: none of its 3 members can report, with 2 offline, 1 passed over.")
  }

  @Test func neverMoreThanMaxInFlight() {
    // fleet#3829: a batch larger than the limit started 50 where 2 were allowed.
    var bench = RolloutBench(stage("a", maxInFlight: 2))
    bench.decide()
    bench.set(0, [.waiting: 50])
    #expect(bench.decide() == [.offer(stage: 0, count: 2)])
    bench.set(0, [.waiting: 48, .notifying: 1, .inProgress: 1])
    #expect(bench.decide() == [])
    #expect(
      bench.reason
        == "Stage a has 48 still to offer: 2 are under way, and maxInFlight allows 2, so more follow as those report.")
    bench.set(0, [.waiting: 48, .consent: 1, .inProgress: 1])
    #expect(bench.decide() == [.offer(stage: 0, count: 1)])
    bench.set(0, [.waiting: 47, .inProgress: 3])
    #expect(bench.decide() == [])
  }

  @Test func neverMoreThanStartsPerMinuteInAnyMinute() {
    var bench = RolloutBench(stage("a", startsPerMinute: 10))
    bench.decide()
    bench.set(0, [.waiting: 4])
    #expect(bench.decide() == [.offer(stage: 0, count: 4)])
    bench.pass(.seconds(59))
    bench.set(0, [.consent: 4, .waiting: 100])
    #expect(bench.decide() == [.offer(stage: 0, count: 6)])
    #expect(bench.last.nextDue == .seconds(1))
    bench.set(0, [.consent: 10, .waiting: 94])
    #expect(bench.decide() == [])
    #expect(
      bench.reason
        == "Stage a has 94 still to offer: startsPerMinute allows 10 within a minute, so more follow as the minute passes."
    )
    bench.pass(.seconds(1))
    #expect(bench.decide() == [.offer(stage: 0, count: 4)])
    bench.set(0, [.consent: 14, .waiting: 90])
    bench.pass(.milliseconds(58_999))
    #expect(bench.decide() == [])
    #expect(bench.last.nextDue == .milliseconds(1))
    bench.pass(.milliseconds(1))
    #expect(bench.decide() == [.offer(stage: 0, count: 6)])
  }

  @Test func manyOffersAreMadeByAThousandAtATime() {
    var bench = RolloutBench(stage())
    bench.decide()
    bench.set(0, [.waiting: 1_500])
    #expect(bench.decide() == [.offer(stage: 0, count: 1_000)])
    #expect(bench.last.nextDue == .zero)
    bench.set(0, [.waiting: 500, .notifying: 1_000])
    #expect(bench.decide() == [.offer(stage: 0, count: 500)])
    #expect(bench.last.nextDue == nil)
  }
}
