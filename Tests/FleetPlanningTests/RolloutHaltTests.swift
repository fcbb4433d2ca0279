import FleetKinds
import FleetPlanning
import ResourceModel
import Testing
import WireFormats

/// What stops a rollout, and what moves it again: failures, people, and the release itself.
@Suite struct RolloutHaltTests {
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
        Halted in stage a: 1 of 4 that reported failed, and its gate allows 0, 2 under way go on; a retry takes it up \
        again.
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
      bench.reason == "Paused: nothing new is offered, 1 under way go on, until it is resumed.")
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
    #expect(bench.reason == "Halted on request; a retry takes it up again.")
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
    #expect(bench.reason.contains(state == .draft ? "once it is published" : "is deprecated"))
    let word = bench.status?.conditions?["Ready"]?.reason
    #expect(word == (state == .draft ? "ReleaseNotPublished" : RolloutKind.releaseDeprecated))
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

  /// A release to everyone completes with its first reports, while most have not consented yet.
  @Test func aCompletedRolloutIsHeldToItsBudgetWhileOffersAreOpen() {
    let gate = RolloutSpec.Gate(maxFailuresPercent: 5, minReports: 50)
    var bench = RolloutBench(stage("all", gate: gate))
    bench.decide()
    bench.set(0, [.succeeded: 50, .consent: 900, .offline: 50])
    bench.decide()
    #expect(bench.phase == .completed)
    bench.set(0, [.succeeded: 50, .failed: 2, .consent: 898, .offline: 50])
    #expect(bench.decide() == [] && bench.phase == .completed)
    bench.set(0, [.succeeded: 50, .failed: 3, .consent: 897, .offline: 50])
    #expect(bench.decide() == [.withdrawUnanswered])
    #expect(bench.phase == .halted && bench.status?.haltCause == .tooManyFailures && bench.status?.completedAt == nil)
    // What there was when it completed, or is offered to nobody any more, halts nothing.
    var former = RolloutBench(stage("all", gate: gate))
    former.decide()
    former.set(0, [.succeeded: 50, .consent: 900])
    former.decide()
    former.status?.stages[0].counts = StageCounts([.succeeded: 50, .failed: 40, .consent: 860])
    former.set(0, [.succeeded: 50, .failed: 40, .consent: 859, .offline: 1])
    #expect(former.decide() == [] && former.phase == .completed)
    former.release?.state = .deprecated
    former.set(0, [.succeeded: 50, .failed: 41, .consent: 858, .offline: 1])
    #expect(former.decide() == [] && former.phase == .completed)
    // Where nobody can take it any more there is nothing to protect.
    var over = RolloutBench(stage("all", gate: gate))
    over.decide()
    over.set(0, [.succeeded: 50, .consent: 3])
    over.decide()
    over.set(0, [.succeeded: 50, .failed: 3])
    #expect(over.decide() == [] && over.phase == .completed)
  }

  /// Spec §10.2: who has not consented by the deadline may still schedule it, and has not failed.
  @Test func whoMissedADeadlineWaitsStillAndHasNotFailed() {
    let target = TargetFacts(
      releaseID: "r", phase: .deadlineExceeded, offeredAt: Timestamp(seconds: 1), attemptID: "a", attempt: 1)
    #expect(target.bucket == .consent && !target.isOffered && target.isWithdrawable)
    #expect(target.withdrawn(at: Timestamp(seconds: 2)).attemptID == "ended:a")
    // It is deployed all the same, after the deadline.
    var later = target
    later.scheduledFor = Timestamp(seconds: 9)
    #expect(later.bucket == .scheduled && later.isOffered && later.isWithdrawable)
    #expect(later.withdrawn(at: Timestamp(seconds: 2)).attemptID == "a")
    var away = target
    away.isOffline = true
    #expect(away.bucket == .offline)
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
}
