import FleetKinds
import FleetPlanning
import ResourceModel
import Testing
import WireFormats

/// A rollout whose counts a test sets by hand: it decides, records the status, and decides again.
struct RolloutBench {
  var spec: RolloutSpec
  var annotations: [String: String] = [:]
  var release: ReleaseFacts? = ReleaseFacts(version: "2.3.0")
  var stages: [RolloutFacts.Stage]
  var lateJoiners = 0
  var status: RolloutStatus?
  var now = Timestamp(seconds: 1_800_000_000)
  var last = RolloutDecision(status: RolloutStatus(), actions: [], nextDue: nil)

  init(_ stages: RolloutSpec.Stage...) {
    spec = RolloutSpec(release: "2.3.0", stages: stages)
    self.stages = stages.map { _ in RolloutFacts.Stage() }
  }

  var facts: RolloutFacts {
    RolloutFacts(
      spec: spec, annotations: annotations, generation: 3, release: release, stages: stages, lateJoiners: lateJoiners,
      status: status, now: now)
  }

  /// - Returns: the actions.
  @discardableResult mutating func decide() -> [RolloutAction] {
    last = RolloutPlanner.decide(facts)
    status = last.status
    return last.actions
  }

  mutating func set(_ stage: Int, _ counts: [TargetBucket: Int], oldestUnanswered: Timestamp? = nil) {
    stages[stage] = RolloutFacts.Stage(counts: StageCounts(counts), oldestUnanswered: oldestUnanswered)
  }

  mutating func pass(_ duration: Duration) { now = now + duration }

  var reason: String { status?.reason ?? "" }
  var phase: RolloutStatus.Phase? { status?.phase }
  func phase(_ stage: Int) -> RolloutStatus.StagePhase? { status?.stages[stage].phase }
}

private func stage(
  _ name: String = "all", count: Int? = nil, maxInFlight: Int? = nil, startsPerMinute: Int? = nil,
  gate: RolloutSpec.Gate? = nil
) -> RolloutSpec.Stage {
  RolloutSpec.Stage(
    name: name, count: count, maxInFlight: maxInFlight, startsPerMinute: startsPerMinute, gate: gate)
}

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
        == "Stage a passed: none of its 3 members can report, with 2 offline, 1 blocked.")
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

  struct Budget: Sendable, CustomTestStringConvertible {
    var gate: RolloutSpec.Gate
    var counts: [TargetBucket: Int]
    var cause: RolloutStatus.HaltCause?
    var testDescription: String { "\(gate) \(counts) \(String(describing: cause))" }
  }

  @Test(arguments: [
    Budget(gate: RolloutSpec.Gate(maxFailures: 2), counts: [.failed: 2, .waiting: 9]),
    Budget(gate: RolloutSpec.Gate(maxFailures: 2), counts: [.failed: 3, .waiting: 9], cause: .tooManyFailures),
    Budget(gate: RolloutSpec.Gate(maxFailures: 0), counts: [.failed: 1, .waiting: 9], cause: .tooManyFailures),
    Budget(gate: RolloutSpec.Gate(), counts: [.failed: 9, .waiting: 1]),
    Budget(
      gate: RolloutSpec.Gate(maxFailuresPercent: 10, minReports: 10), counts: [.failed: 2, .succeeded: 7, .waiting: 9]),
    Budget(
      gate: RolloutSpec.Gate(maxFailuresPercent: 10, minReports: 10), counts: [.failed: 2, .succeeded: 8, .waiting: 9],
      cause: .tooManyFailures),
    Budget(
      gate: RolloutSpec.Gate(maxFailuresPercent: 10, minReports: 10), counts: [.failed: 1, .succeeded: 9, .waiting: 9]),
    // Fewer than minReports can report: what has been reported decides.
    Budget(
      gate: RolloutSpec.Gate(maxFailuresPercent: 10, minReports: 10), counts: [.failed: 1, .succeeded: 4, .offline: 3],
      cause: .tooManyFailures),
    Budget(gate: RolloutSpec.Gate(successPercent: 90), counts: [.failed: 1, .waiting: 9]),
    Budget(gate: RolloutSpec.Gate(successPercent: 90), counts: [.failed: 2, .waiting: 8], cause: .tooFewSuccesses),
    Budget(
      gate: RolloutSpec.Gate(successPercent: 90), counts: [.failed: 1, .succeeded: 4, .offline: 5],
      cause: .tooFewSuccesses),
    Budget(gate: RolloutSpec.Gate(successPercent: 90), counts: [.failed: 1, .succeeded: 4, .consent: 5]),
    Budget(gate: RolloutSpec.Gate(successPercent: 100), counts: [.offline: 5, .blocked: 4, .cancelled: 3]),
  ])
  func haltsExactlyWhenTheBudgetIsExceeded(_ example: Budget) {
    var bench = RolloutBench(stage("a", count: 1, gate: example.gate), stage("b"))
    bench.decide()
    bench.set(0, example.counts)
    bench.decide()
    #expect(bench.status?.haltCause == example.cause, "\(bench.reason)")
    #expect((bench.phase == .halted) == (example.cause != nil))
    #expect((bench.phase(0) == .failed) == (example.cause != nil))
  }

  @Test func aHaltedRolloutTakesBackWhatNobodyBeganAndSaysWhatWouldMoveIt() {
    // hawkbit PR#2595: what was stopped went on running.
    var bench = RolloutBench(stage("a", gate: RolloutSpec.Gate(maxFailures: 0)))
    bench.spec.onHalt = .offerPrevious
    bench.decide()
    bench.set(0, [.failed: 1, .succeeded: 3, .waiting: 4, .consent: 1, .inProgress: 2])
    #expect(bench.decide() == [.withdrawUnanswered, .offerPrevious])
    #expect(
      bench.reason == """
        Halted in stage a: 1 of 4 that reported failed, and its gate allows 0, 2 under way go on; a later time in the \
        annotation deploy.wrktalk.com/retryRequestedAt takes it up again.
        """)
    #expect(bench.last.events.map(\.reason) == ["RolloutHalted"])
    #expect(bench.last.events.first?.isWarning == true)
    #expect(bench.status?.conditions?.map(\.type) == ["Ready", "Stalled"])
    bench.set(0, [.failed: 1, .succeeded: 3, .cancelled: 5, .inProgress: 2])
    #expect(bench.decide() == [])
    // One that was under way succeeds afterwards.
    bench.set(0, [.failed: 1, .succeeded: 4, .cancelled: 5, .inProgress: 1])
    #expect(bench.decide() == [.offerPrevious])
    #expect(bench.decide() == [])
    // One that was blocked waits again once its licence is renewed.
    bench.set(0, [.failed: 1, .succeeded: 4, .cancelled: 5, .inProgress: 1, .waiting: 1])
    #expect(bench.decide() == [.withdrawUnanswered])
  }

  @Test func aHaltIsFinalUntilARetry() {
    var bench = RolloutBench(stage("a", gate: RolloutSpec.Gate(maxFailures: 0)), stage("b"))
    bench.decide()
    bench.set(0, [.failed: 1, .waiting: 4])
    bench.decide()
    bench.spec.stages[0].gate?.maxFailures = 5
    bench.set(0, [.failed: 1, .cancelled: 4])
    #expect(bench.decide() == [])
    #expect(bench.phase == .halted)
    bench.annotations[RolloutKind.retryAnnotation] = bench.now.description
    #expect(bench.decide() == [.retryFailed(includingWithdrawn: true)])
    #expect(bench.phase == .progressing)
    #expect(bench.status?.haltedAt == nil)
    bench.set(0, [.waiting: 5])
    #expect(bench.decide() == [.offer(stage: 0, count: 5)])
    bench.set(0, [.notifying: 5])
    #expect(bench.decide() == [])
  }

  @Test func retryIsAskedForByALaterTimeOnly() {
    var bench = RolloutBench(stage("a"))
    bench.decide()
    bench.set(0, [.failed: 1, .succeeded: 4, .inProgress: 1])
    bench.annotations[RolloutKind.retryAnnotation] = "2027-01-01T00:00:00Z"
    #expect(bench.decide() == [.retryFailed(includingWithdrawn: false)])
    bench.set(0, [.waiting: 1, .succeeded: 4, .inProgress: 1])
    #expect(bench.decide() == [.offer(stage: 0, count: 1)])
    bench.set(0, [.failed: 1, .succeeded: 5])
    for text in ["2027-01-01T00:00:00Z", "2026-12-31T23:59:59Z", "soon", ""] {
      bench.annotations[RolloutKind.retryAnnotation] = text
      #expect(bench.decide() == [], "\(text)")
    }
    // uptane-standard#31: one absurd time, and nothing ever works again.
    bench.annotations[RolloutKind.retryAnnotation] = "9999-01-01T00:00:00Z"
    #expect(bench.decide() == [.retryFailed(includingWithdrawn: false)])
    #expect(bench.phase == .completed)
    bench.set(0, [.succeeded: 6])
    #expect(bench.decide() == [])
    bench.set(0, [.failed: 1, .succeeded: 5])
    bench.annotations[RolloutKind.retryAnnotation] = "2027-02-01T00:00:00Z"
    #expect(bench.decide() == [.retryFailed(includingWithdrawn: false)])
  }

  @Test func aPauseStopsOffersAndNothingElse() {
    var bench = RolloutBench(stage("a", gate: RolloutSpec.Gate(maxFailures: 1)), stage("b"))
    bench.decide()
    bench.set(0, [.waiting: 4, .inProgress: 1])
    bench.spec.state = .paused
    #expect(bench.decide() == [])
    #expect(bench.phase == .paused)
    #expect(
      bench.reason == "Paused: nothing new is offered, 1 under way go on, until spec.state is Running again.")
    #expect(bench.last.events.map(\.reason) == ["RolloutPaused"])
    bench.spec.state = .running
    #expect(bench.decide() == [.offer(stage: 0, count: 4)])
    #expect(bench.last.events.map(\.reason) == ["RolloutResumed"])
    bench.spec.state = .paused
    bench.set(0, [.waiting: 2, .failed: 2])
    #expect(bench.decide() == [.withdrawUnanswered])
  }

  @Test func aHaltOnRequestStaysAHalt() {
    var bench = RolloutBench(stage("a"))
    bench.decide()
    bench.set(0, [.waiting: 1, .scheduled: 1, .silent: 1, .offline: 1, .succeeded: 1])
    bench.spec.state = .halted
    bench.annotations[RolloutKind.retryAnnotation] = "2027-01-01T00:00:00Z"
    #expect(bench.decide() == [.withdrawUnanswered])
    #expect(
      bench.reason == """
        Halted on request; spec.state Running together with a later time in the annotation \
        deploy.wrktalk.com/retryRequestedAt takes it up again.
        """)
    bench.set(0, [.cancelled: 4, .succeeded: 1])
    #expect(bench.decide() == [])
    bench.spec.state = .running
    #expect(bench.decide() == [.retryFailed(includingWithdrawn: true)])
  }

  @Test func aWithdrawnReleaseHaltsAndNoRetryBringsItBack() {
    var bench = RolloutBench(stage("a"))
    bench.decide()
    bench.set(0, [.waiting: 1, .consent: 1, .succeeded: 1])
    bench.release?.isWithdrawn = true
    bench.annotations[RolloutKind.retryAnnotation] = "2027-01-01T00:00:00Z"
    #expect(bench.decide() == [.withdrawUnanswered])
    #expect(bench.status?.haltCause == .releaseWithdrawn)
    bench.set(0, [.cancelled: 2, .succeeded: 1])
    #expect(bench.decide() == [])
    // Also one that is completed: what nobody has answered is taken back.
    var done = RolloutBench(stage("a"))
    done.decide()
    done.set(0, [.succeeded: 1, .consent: 1])
    done.decide()
    #expect(done.phase == .completed)
    done.release?.isWithdrawn = true
    #expect(done.decide() == [.withdrawUnanswered])
    #expect(done.phase == .halted)
  }

  @Test(arguments: [ReleaseState.draft, .deprecated]) func nothingMovesUnlessTheReleaseIsPublished(
    _ state: ReleaseState
  ) {
    var bench = RolloutBench(stage("a"))
    bench.release?.state = state
    #expect(bench.decide() == [])
    #expect(bench.phase == .pending)
    #expect(bench.reason.contains("published"))
    bench.release = nil
    #expect(bench.decide() == [])
    #expect(
      bench.reason == "There is no release 2.3.0: the rollout starts once it is created and published.")
    #expect(bench.status?.conditions?["Ready"]?.reason == "ReleaseNotPublished")
    bench.release = ReleaseFacts(version: "2.3.0")
    #expect(bench.decide() == [.fixMembers(stage: 0)])
    bench.set(0, [.waiting: 1])
    bench.release?.state = state
    #expect(bench.decide() == [])
    #expect(bench.phase == .progressing)
  }

  @Test func whatIsCompletedStaysSoWhenItsReleaseIsDeprecated() {
    var bench = RolloutBench(stage("a"))
    bench.decide()
    bench.set(0, [.succeeded: 3, .blocked: 1])
    bench.decide()
    let completed = bench.status
    bench.release?.state = .deprecated
    #expect(bench.decide() == [])
    #expect(bench.status == completed)
    bench.release = nil
    #expect(bench.decide() == [])
    #expect(bench.phase == .completed)
    bench.release = ReleaseFacts(version: "2.3.0")
    bench.spec.state = .paused
    bench.set(0, [.succeeded: 3, .waiting: 1])
    #expect(bench.decide() == [])
    #expect(bench.phase == .completed)
  }

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

  @Test func lateJoinersEnterTheLastStageWhileItIsOpen() {
    var bench = RolloutBench(stage("a", count: 1), stage("rest", maxInFlight: 1))
    #expect(!RolloutPlanner.wantsLateJoiners(bench.spec, bench.status))
    bench.decide()
    bench.set(0, [.succeeded: 1])
    bench.decide()
    #expect(RolloutPlanner.wantsLateJoiners(bench.spec, bench.status))
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
    #expect(!RolloutPlanner.wantsLateJoiners(bench.spec, bench.status))
    bench.lateJoiners = 1
    #expect(bench.decide() == [])
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
