import DeploymentKinds
import DeploymentPlanning
import ResourceModel
import Testing
import WireFormats

struct FailureTests {
  private let retry = [DesiredDeploymentKind.retryAnnotation: "2026-12-15T03:00:00Z"]

  @Test func aFailedReleaseIsRolledBack() {
    let failed = failedStatus()
    #expect(failed.failure?.reason == "WorkloadUnhealthy")
    #expect(failed.history?.first?.outcome == .failed)
    let broken = EnvironmentObservation.compose([container("backend", "2.3.0"), container("media", "2.3.0")])
    let decision = DeploymentPlanner.decide(
      deployment(spec("2.3.0"), status: failed), facts: facts(.observed(broken)))
    #expect(decision.stepName == "roll back to 2.2.0")
    #expect(decision.reason(DeploymentCondition.reconciling) == "RollingBack")
    #expect(decision.events.map(\.reason) == ["RollingBack"])
    guard case .restore(let plan, _) = decision.step else { return }
    #expect(plan.pinnedImages["media"] == services("2.2.0")[1].image)
  }

  @Test func anInterruptedRollbackGoesOnWithoutANewEvent() {
    let broken = DeploymentFacts.Environment.observed(.compose([container("media", "2.3.0")]))
    let first = DeploymentPlanner.decide(deployment(spec("2.3.0"), status: failedStatus()), facts: facts(broken))
    let second = DeploymentPlanner.decide(deployment(spec("2.3.0"), status: first.status), facts: facts(broken))
    #expect(second.step == first.step)
    #expect(second.status == first.status)
    #expect(second.events.isEmpty)
  }

  @Test func whatRunsAfterTheRollbackIsKeptAndTheFailureStaysKnown() {
    let begun = DeploymentPlanner.decide(
      deployment(spec("2.3.0"), status: failedStatus()), facts: facts(.observed(.compose([]))))
    let object = deployment(spec("2.3.0"), status: begun.status)
    let (status, events) = DeploymentPlanner.record(
      .restored(RunningRelease(imageDigests: [:], services: services("2.2.0")), .rollback), of: object, now: moment)
    #expect(events.map(\.reason) == ["RolledBack"])
    #expect(status.conditions?.isTrue(DeploymentCondition.remediated) == true)
    #expect(status.conditions?[DeploymentCondition.stalled]?.reason == "WorkloadUnhealthy")
    #expect(status.history?.first?.outcome == .rolledBack)
    let next = DeploymentPlanner.decide(
      deployment(spec("2.3.0"), status: status), facts: facts(.observed(running("2.2.0"))))
    #expect(next.stepName == "settled for 1m")
    #expect(next.status == status)
    let drifted = DeploymentPlanner.decide(
      deployment(spec("2.3.0"), status: status), facts: facts(.observed(.compose([]))))
    #expect(drifted.stepName == "correct to 2.2.0")
    #expect(drifted.status.conditions?[DeploymentCondition.stalled]?.reason == "WorkloadUnhealthy")
  }

  @Test func aFailureThatTouchedNothingNeedsNoRollback() {
    let failed = failedStatus(reason: "ArtifactDigestMismatch")
    #expect(failed.conditions?[DeploymentCondition.artifactVerified]?.status == .isFalse)
    let decision = DeploymentPlanner.decide(
      deployment(spec("2.3.0"), status: failed), facts: facts(.observed(running("2.2.0"))))
    #expect(decision.stepName == "settled for 1m")
    #expect(decision.status.conditions?.isTrue(DeploymentCondition.remediated) == true)
    #expect(decision.reason(DeploymentCondition.remediated) == "NothingChanged")
    #expect(decision.status.history?.first?.outcome == .failed)
  }

  @Test func aRollbackThatWasCutShortStillCountsAsOne() {
    let broken = DeploymentFacts.Environment.observed(.compose([container("media", "2.3.0")]))
    let begun = DeploymentPlanner.decide(deployment(spec("2.3.0"), status: failedStatus()), facts: facts(broken))
    let decision = DeploymentPlanner.decide(
      deployment(spec("2.3.0"), status: begun.status), facts: facts(.observed(running("2.2.0"))))
    #expect(decision.reason(DeploymentCondition.remediated) == "RolledBack")
    #expect(decision.status.history?.first?.outcome == .rolledBack)
  }

  @Test func withHoldEverythingIsLeftAsItIs() {
    let held = spec("2.3.0", failurePolicy: .hold)
    let status = failedStatus(held)
    #expect(status.conditions?[DeploymentCondition.stalled]?.reason == "WorkloadUnhealthy")
    let decision = DeploymentPlanner.decide(deployment(held, status: status), facts: facts(.notObserved))
    #expect(decision.stepName == "settled")
    #expect(decision.status == status)
  }

  struct Refusal: Sendable {
    var policy: FailurePolicy
    var reason: String
    var drift = DriftPolicy.correct
    var containers: [EnvironmentObservation.Container]
    var step: String
    var remediated: String?
  }

  @Test(arguments: [
    Refusal(
      policy: .hold, reason: "ArtifactDigestMismatch", containers: containers("2.2.0"), step: "settled for 1m",
      remediated: "NothingChanged"),
    Refusal(
      policy: .hold, reason: "ArtifactDigestMismatch", containers: [], step: "correct to 2.2.0",
      remediated: "NothingChanged"),
    Refusal(
      policy: .hold, reason: "ArtifactNotFound", drift: .warn, containers: [], step: "settled for 1m",
      remediated: "NothingChanged"),
    Refusal(
      policy: .rollBack, reason: "ArtifactRefused", containers: [], step: "correct to 2.2.0",
      remediated: "NothingChanged"),
    Refusal(policy: .hold, reason: "WorkloadUnhealthy", containers: [], step: "settled", remediated: nil),
  ])
  func aRefusedArtifactDoesNotEndTheCareForWhatRuns(_ row: Refusal) {
    let wanted = spec("2.3.0", failurePolicy: row.policy, drift: row.drift)
    let failed = failedStatus(wanted, reason: row.reason)
    let decision = DeploymentPlanner.decide(
      deployment(wanted, status: failed), facts: facts(.observed(.compose(row.containers))))
    #expect(decision.stepName == row.step)
    #expect(decision.reason(DeploymentCondition.remediated) == row.remediated)
    #expect(decision.reason(DeploymentCondition.stalled) == row.reason)
    #expect(decision.reason(DeploymentCondition.ready) == row.reason)
    #expect(decision.status.history?.first?.outcome == .failed)
  }

  @Test func whatAnEarlierFailureLeftIsHeldThroughARefusedArtifact() {
    let held = failedStatus(spec("2.3.0", failurePolicy: .hold))
    let wanted = spec("2.4.0", failurePolicy: .hold)
    let started = DeploymentPlanner.decide(deployment(wanted, generation: 8, status: held), facts: facts()).status
    let refused = DeploymentPlanner.record(
      .deploymentFailed(.init(isTransient: false, reason: "ArtifactNotFound", message: "no such artifact")),
      of: deployment(wanted, generation: 8, status: started), now: moment
    ).status
    let decision = DeploymentPlanner.decide(
      deployment(wanted, generation: 8, status: refused), facts: facts(.observed(running("2.3.0"))))
    #expect(decision.stepName == "settled")
    #expect(decision.reason(DeploymentCondition.remediated) == nil)
  }

  @Test func anUnreachableBucketBeforeTheRefusalIsNoTouch() {
    let wanted = spec("2.3.0", failurePolicy: .hold)
    var status = settledStatus()
    for failure in [
      DeploymentFailure(isTransient: true, reason: "BucketUnreachable", message: "no answer"),
      DeploymentFailure(isTransient: false, reason: "ArtifactDigestMismatch", message: "another digest"),
    ] {
      let now = status.nextAttemptAt ?? moment
      status = DeploymentPlanner.decide(deployment(wanted, status: status), facts: facts(at: now)).status
      status =
        DeploymentPlanner.record(.deploymentFailed(failure), of: deployment(wanted, status: status), now: now).status
    }
    #expect(status.conditions?[DeploymentCondition.remediated]?.reason == "NothingChanged")
  }

  @Test func aFirstReleaseThatFailsHasNothingToReturnTo() {
    let status = failedStatus(over: DesiredDeploymentStatus())
    let decision = DeploymentPlanner.decide(deployment(spec("2.3.0"), status: status), facts: facts())
    #expect(decision.stepName == "settled")
    #expect(decision.reason(DeploymentCondition.remediated) == "NothingToRestore")
    #expect(decision.status == status)
  }

  @Test(arguments: [FailurePolicy.rollBack, .hold])
  func onlyANewGenerationOrARetryTriesAgain(_ policy: FailurePolicy) {
    let wanted = spec("2.3.0", failurePolicy: policy)
    let status = failedStatus(wanted)
    let same = facts(.observed(running("2.2.0")))
    #expect(!DeploymentPlanner.decide(deployment(wanted, status: status), facts: same).stepName.hasPrefix("deploy"))
    let newer = DeploymentPlanner.decide(deployment(wanted, generation: 8, status: status), facts: same)
    #expect(newer.stepName == "deploy 2.3.0")
    let asked = DeploymentPlanner.decide(deployment(wanted, status: status, annotations: retry), facts: same)
    #expect(asked.stepName == "deploy 2.3.0")
    #expect(asked.status.failure == nil)
    #expect(asked.status.conditions?[DeploymentCondition.stalled] == nil)
    let failedAgain = DeploymentPlanner.record(
      .deploymentFailed(.init(isTransient: false, reason: "WorkloadUnhealthy", message: "again")),
      of: deployment(wanted, status: asked.status, annotations: retry), now: moment
    ).status
    let third = DeploymentPlanner.decide(deployment(wanted, status: failedAgain, annotations: retry), facts: same)
    #expect(!third.stepName.hasPrefix("deploy"))
  }

  @Test func aRetryAskedForInSyncDeploysOnceMore() {
    let wanted = spec("2.2.0")
    let same = facts(.observed(running("2.2.0")))
    let started = DeploymentPlanner.decide(deployment(wanted, status: settledStatus(), annotations: retry), facts: same)
    #expect(started.stepName == "deploy 2.2.0")
    #expect(started.status.lastHandledRetryRequest == retry.values.first, "it is not kept for a later failure")

    let resumed = DeploymentPlanner.decide(deployment(wanted, status: started.status, annotations: retry), facts: same)
    #expect(resumed.stepName == "deploy 2.2.0")
    #expect(resumed.status.resumptions == 1)

    let done = DeploymentPlanner.record(
      .deployed(release("2.2.0"), RunningRelease(imageDigests: [:], services: services("2.2.0"))),
      of: deployment(wanted, status: started.status, annotations: retry), now: moment
    ).status
    let settled = DeploymentPlanner.decide(deployment(wanted, status: done, annotations: retry), facts: same)
    #expect(settled.stepName.hasPrefix("settled"))
    #expect(settled.reason(DeploymentCondition.ready) == "InSync")
  }

  @Test func aDeploymentOnceMoreThatMayPassIsTriedAgain() {
    let wanted = spec("2.2.0")
    let same = facts(.observed(running("2.2.0")))
    let started = DeploymentPlanner.decide(deployment(wanted, status: settledStatus(), annotations: retry), facts: same)
    let failed = DeploymentPlanner.record(
      .deploymentFailed(.init(isTransient: true, reason: "BucketUnreachable", message: "no answer")),
      of: deployment(wanted, status: started.status, annotations: retry), now: moment
    ).status
    let waiting = DeploymentPlanner.decide(deployment(wanted, status: failed, annotations: retry), facts: same)
    guard case .settled(let pause?) = waiting.step else {
      Issue.record("\(waiting.stepName)")
      return
    }
    let again = DeploymentPlanner.decide(
      deployment(wanted, status: waiting.status, annotations: retry),
      facts: facts(.observed(running("2.2.0")), at: moment + pause))
    #expect(again.stepName == "deploy 2.2.0")
    #expect(again.status.attempts == 2)
  }

  @Test func aDeploymentOnceMoreThatFailsIsToldAndWhatRanBroughtBack() {
    let wanted = spec("2.2.0")
    let same = facts(.observed(running("2.2.0")))
    let started = DeploymentPlanner.decide(deployment(wanted, status: settledStatus(), annotations: retry), facts: same)
    let failed = DeploymentPlanner.record(
      .deploymentFailed(.init(isTransient: false, reason: "WorkloadCrashed", message: "the new setting is wrong")),
      of: deployment(wanted, status: started.status, annotations: retry), now: moment
    ).status
    let back = DeploymentPlanner.decide(
      deployment(wanted, status: failed, annotations: retry), facts: facts(.observed(running("9.9.9"))))
    #expect(back.stepName == "roll back to 2.2.0")
    let restored = DeploymentPlanner.record(
      .restored(RunningRelease(imageDigests: [:], services: services("2.2.0")), .rollback),
      of: deployment(wanted, status: back.status, annotations: retry), now: moment
    ).status
    let held = DeploymentPlanner.decide(deployment(wanted, status: restored, annotations: retry), facts: same)
    #expect(held.stepName.hasPrefix("settled"))
    #expect(held.reason(DeploymentCondition.stalled) == "WorkloadCrashed")
    #expect(held.status.conditions?[DeploymentCondition.ready]?.message.contains("the new setting is wrong") == true)
  }

  @Test func aScheduleThatWasMissedDoesNotConcernWhatRunsAlready() {
    var wanted = spec("2.2.0")
    wanted.schedule = .init(notBefore: moment + .seconds(-86400), startingDeadline: DurationText(.seconds(60)))
    let decision = DeploymentPlanner.decide(
      deployment(wanted, generation: 9, status: settledStatus(), annotations: retry),
      facts: facts(.observed(running("2.2.0"))))
    #expect(decision.stepName == "deploy 2.2.0")
  }

  @Test func anOutageOfTheClusterDoesNotCountAgainstTheRelease() {
    var status = settledStatus()
    var now = moment
    let outage = DeploymentFailure(isTransient: true, reason: "ClusterUnreachable", message: "no answer")
    for _ in 0..<10 {
      var decision = DeploymentPlanner.decide(deployment(spec("2.3.0"), status: status), facts: facts(at: now))
      if case .settled(let pause?) = decision.step {
        now = now + pause
        decision = DeploymentPlanner.decide(deployment(spec("2.3.0"), status: decision.status), facts: facts(at: now))
      }
      #expect(decision.stepName == "deploy 2.3.0")
      #expect(decision.status.attempts == 1)
      status =
        DeploymentPlanner.record(
          .deploymentFailed(outage), of: deployment(spec("2.3.0"), status: decision.status), now: now
        ).status
      #expect(status.failure == nil && status.nextAttemptAt != nil)
    }
  }

  @Test func whatStaysBesideWhatWasBroughtBackIsNamed() {
    let begun = DeploymentPlanner.decide(
      deployment(spec("2.3.0"), status: failedStatus()), facts: facts(.observed(.compose([]))))
    let running = RunningRelease(
      imageDigests: [:], services: services("2.2.0"), remnants: ["PersistentVolumeClaim data keeps its 3Gi"])
    let (status, events) = DeploymentPlanner.record(
      .restored(running, .rollback), of: deployment(spec("2.3.0"), status: begun.status), now: moment)
    #expect(events.last?.message == "2.2.0 (revision 4) runs again. PersistentVolumeClaim data keeps its 3Gi")
    #expect(status.conditions?[DeploymentCondition.remediated]?.message == events.last?.message)
  }

  @Test func whatMayPassIsTriedThreeTimes() {
    var status = settledStatus()
    var now = moment
    var tries = 0
    let failure = DeploymentFailure(isTransient: true, reason: "BucketUnreachable", message: "no answer")
    while status.failure == nil, tries < 10 {
      let decision = DeploymentPlanner.decide(
        deployment(spec("2.3.0"), status: status), facts: facts(.observed(running("2.2.0")), at: now))
      status = decision.status
      if case .settled(let pause?) = decision.step {
        #expect(pause > .zero)
        now = now + pause
        continue
      }
      #expect(decision.stepName == "deploy 2.3.0")
      tries += 1
      #expect(status.attempts == tries)
      status =
        DeploymentPlanner.record(
          .deploymentFailed(failure), of: deployment(spec("2.3.0"), status: status), now: now
        ).status
    }
    #expect(tries == 3)
    #expect(now == moment + .seconds(30))
    #expect(status.failure?.reason == "BucketUnreachable")
    #expect(status.failure?.message == "no answer (after 3 attempts)")
  }

  @Test func aRollbackThatFailsIsRepeatedEverMoreSeldom() {
    var status = failedStatus()
    var now = moment
    let broken = DeploymentFacts.Environment.observed(.compose([]))
    var pauses: [Duration] = []
    for _ in 0..<6 {
      var decision = DeploymentPlanner.decide(deployment(spec("2.3.0"), status: status), facts: facts(broken, at: now))
      if decision.stepName.hasPrefix("settled"), let next = decision.status.nextAttemptAt {
        pauses.append(next - now)
        now = next
        decision = DeploymentPlanner.decide(
          deployment(spec("2.3.0"), status: decision.status), facts: facts(broken, at: now))
      }
      #expect(decision.stepName == "roll back to 2.2.0")
      status =
        DeploymentPlanner.record(
          .restoreFailed(.init(isTransient: false, reason: "PortInUse", message: "port 80 is taken"), .rollback),
          of: deployment(spec("2.3.0"), status: decision.status), now: now
        ).status
    }
    #expect(pauses == [10, 10, 20, 40, 80].map(Duration.seconds))
    #expect(status.conditions?[DeploymentCondition.remediated]?.reason == "PortInUse")
  }

  @Test func returningToTheCurrentReleaseClearsTheFailure() {
    let back = deployment(spec("2.2.0"), generation: 8, status: failedStatus())
    let clean = DeploymentPlanner.decide(back, facts: facts(.observed(running("2.2.0"))))
    #expect(clean.stepName == "settled for 1m")
    #expect(clean.status.failure == nil)
    #expect(clean.status.conditions?.isTrue(DeploymentCondition.ready) == true)
    #expect(clean.status.conditions?[DeploymentCondition.stalled] == nil)
  }

  @Test func returningToTheCurrentReleaseUndoesWhatTheFailureLeftWhateverTheDriftPolicy() {
    let held = failedStatus(spec("2.3.0", failurePolicy: .hold))
    let back = deployment(spec("2.2.0", drift: .ignore), generation: 8, status: held)
    let decision = DeploymentPlanner.decide(back, facts: facts(.observed(running("2.3.0"))))
    #expect(decision.stepName == "roll back to 2.2.0")
  }
}
