import FleetKinds
import FleetPlanning
import ResourceModel
import Testing
import WireFormats

/// What is waited for between two stages, and who may come later.
@Suite struct RolloutGateTests {
  @Test func theSoakTimeIsWaitedOutInFullAndAFailureInItCounts() {
    let gate = RolloutSpec.Gate(maxFailures: 1, soak: DurationText(.seconds(3600)))
    var bench = RolloutBench(stage("a", count: 1, gate: gate), stage("b"))
    bench.decide()
    bench.set(0, [.succeeded: 5, .failed: 1, .consent: 2])
    #expect(bench.decide() == [])
    #expect(bench.phase(0) == .soaking)
    #expect(bench.last.nextDue == .seconds(3600))
    #expect(bench.reason.hasPrefix("Stage a soaks until 2027-01-15T09:00:00Z"), "\(bench.reason)")
    bench.pass(.seconds(3599))
    // A customer that consents only now does not begin the soak time anew.
    bench.set(0, [.succeeded: 5, .failed: 1, .consent: 1, .inProgress: 1])
    #expect(bench.decide() == [])
    #expect(bench.last.nextDue == .seconds(1))
    var failing = bench
    failing.set(0, [.succeeded: 5, .failed: 2, .consent: 1])
    #expect(failing.decide() == [.withdrawUnanswered])
    bench.pass(.seconds(1))
    #expect(bench.decide() == [.fixMembers(stage: 1)])
  }

  @Test func whatIsOfferedInTheSoakTimeBeginsItAnew() {
    let gate = RolloutSpec.Gate(soak: DurationText(.seconds(3600)))
    var bench = RolloutBench(stage("a", gate: gate))
    bench.decide()
    bench.set(0, [.succeeded: 5, .blocked: 1])
    bench.decide()
    bench.pass(.seconds(3000))
    bench.set(0, [.succeeded: 5, .waiting: 1])
    #expect(bench.decide() == [.offer(stage: 0, count: 1)])
    #expect(bench.phase(0) == .running)
    bench.set(0, [.succeeded: 6])
    bench.decide()
    #expect(bench.last.nextDue == .seconds(3600))
  }

  @Test func anApprovalIsWaitedForAfterTheSoakTime() {
    let gate = RolloutSpec.Gate(soak: DurationText(.seconds(60)), approval: true)
    var bench = RolloutBench(stage("a", count: 1, gate: gate), stage("b"))
    bench.decide()
    bench.set(0, [.succeeded: 1])
    bench.decide()
    #expect(bench.phase(0) == .soaking)
    bench.pass(.seconds(60))
    #expect(bench.decide() == [])
    #expect(bench.phase(0) == .awaitingApproval)
    #expect(
      bench.reason == "Stage a is done and waits for approval: a in spec.approvedStages gives it.")
    #expect(bench.last.nextDue == nil)
    bench.spec.approvedStages = ["a"]
    #expect(bench.decide() == [.fixMembers(stage: 1)])
  }

  @Test func whoDoesNotAnswerInTimeIsMarkedSilentOnce() {
    var bench = RolloutBench(stage("a", gate: RolloutSpec.Gate(silentAfter: DurationText(.seconds(3600)))))
    bench.decide()
    bench.set(0, [.waiting: 2])
    bench.decide()
    let offered = bench.now
    bench.set(0, [.consent: 2], oldestUnanswered: offered)
    #expect(bench.decide() == [])
    #expect(bench.last.nextDue == .milliseconds(3_600_001))
    bench.pass(.milliseconds(3_600_001))
    #expect(bench.decide() == [.markSilent(stage: 0, since: bench.now + .seconds(-3600))])
    bench.set(0, [.silent: 2])
    #expect(bench.decide() == [])
    #expect(bench.phase == .completed)
  }

  @Test func lateJoinersEnterTheLastStageWhileItIsOpenAndOnceItHasPassed() {
    var bench = RolloutBench(stage("a", count: 1), stage("rest", maxInFlight: 1))
    #expect(!RolloutPlanner.wantsLateJoiners(bench.spec, bench.status, at: bench.now))
    bench.decide()
    bench.set(0, [.succeeded: 1])
    bench.decide()
    #expect(RolloutPlanner.wantsLateJoiners(bench.spec, bench.status, at: bench.now))
    bench.set(1, [.inProgress: 1])
    bench.lateJoiners = 2
    #expect(bench.decide() == [.admitLateJoiners(stage: 1)])
    bench.lateJoiners = 0
    // AWS IoT: they went at once, past the limit.
    bench.set(1, [.inProgress: 1, .waiting: 2])
    #expect(bench.decide() == [])
    bench.set(1, [.succeeded: 3])
    bench.decide()
    #expect(bench.phase == .completed)
    // Whoever comes later is offered what was for everyone, and waits for its turn as all did.
    bench.pass(.seconds(1))
    #expect(RolloutPlanner.wantsLateJoiners(bench.spec, bench.status, at: bench.now))
    bench.lateJoiners = 1
    #expect(bench.decide() == [.admitLateJoiners(stage: 1)])
    bench.lateJoiners = 0
    bench.set(1, [.succeeded: 3, .waiting: 1])
    #expect(bench.decide() == [.offer(stage: 1, count: 1)])
    #expect(bench.phase == .completed)
    for state in [RolloutSpec.State.paused, .halted] {
      bench.spec.state = state
      #expect(!RolloutPlanner.wantsLateJoiners(bench.spec, bench.status, at: bench.now))
    }
    // Nobody begins a soak anew by joining.
    var soaking = RolloutBench(stage("rest", gate: RolloutSpec.Gate(soak: DurationText(.seconds(3600)))))
    soaking.decide()
    soaking.set(0, [.succeeded: 1])
    soaking.decide()
    #expect(!RolloutPlanner.wantsLateJoiners(soaking.spec, soaking.status, at: soaking.now))
    // A last stage of chosen ones takes nobody in.
    var chosen = RolloutBench(stage("a", count: 1))
    chosen.decide()
    chosen.set(0, [.inProgress: 1])
    chosen.lateJoiners = 1
    #expect(chosen.decide() == [])
  }

  @Test func whoIsUnblockedAfterItsStagePassedIsStillOffered() {
    var bench = RolloutBench(stage("a", count: 1, startsPerMinute: 1), stage("b"))
    bench.decide()
    bench.set(0, [.succeeded: 2, .blocked: 2])
    bench.decide()
    bench.set(0, [.succeeded: 2, .waiting: 2])
    bench.set(1, [.inProgress: 1])
    #expect(bench.decide() == [.offer(stage: 0, count: 1)])
    #expect(bench.phase(0) == .passed)
    bench.pass(.seconds(60))
    bench.set(0, [.succeeded: 2, .waiting: 1, .notifying: 1])
    bench.set(1, [.succeeded: 1])
    #expect(bench.decide() == [.offer(stage: 0, count: 1)])
    #expect(bench.phase == .completed)
  }

  @Test func failuresThatComeAfterAStagePassedStillHalt() {
    var bench = RolloutBench(stage("a", count: 1, gate: RolloutSpec.Gate(maxFailures: 0)), stage("b"))
    bench.decide()
    bench.set(0, [.succeeded: 1, .consent: 1])
    bench.decide()
    #expect(bench.phase(0) == .passed)
    bench.set(0, [.succeeded: 1, .failed: 1])
    bench.set(1, [.waiting: 5])
    #expect(bench.decide() == [.withdrawUnanswered])
    #expect(bench.phase(0) == .failed)
  }

  @Test func decidingTwiceOverTheSameFactsChangesNothing() {
    var bench = RolloutBench(stage("a", count: 3, gate: RolloutSpec.Gate(soak: DurationText(.seconds(60)))), stage("b"))
    let states: [[TargetBucket: Int]] = [
      [.notifying: 3], [.consent: 2, .inProgress: 1], [.succeeded: 1, .consent: 2], [.failed: 1, .succeeded: 2],
    ]
    bench.decide()
    for counts in states {
      bench.set(0, counts)
      bench.decide()
      let status = bench.status
      #expect(bench.decide() == [])
      #expect(bench.status == status)
      #expect(bench.last.events == [])
      bench.pass(.seconds(20))
    }
  }

  @Test func stagesAreKnownByTheirNamesWhenOthersAreAdded() {
    var bench = RolloutBench(stage("a", count: 1), stage("rest"))
    bench.decide()
    bench.set(0, [.succeeded: 1])
    bench.decide()
    #expect(bench.phase(0) == .passed)
    bench.spec.stages = [stage("a", count: 1), stage("rest"), stage("more")]
    bench.stages.append(RolloutFacts.Stage())
    bench.set(1, [.succeeded: 1])
    #expect(bench.decide() == [.fixMembers(stage: 2)])
    #expect(bench.status?.stages.map(\.phase) == [.passed, .passed, .running])
  }
}
