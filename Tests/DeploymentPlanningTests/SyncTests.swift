import DeploymentKinds
import DeploymentPlanning
import ResourceModel
import Testing
import WireFormats

struct SyncTests {
  @Test func inSyncNothingIsWritten() {
    let status = settledStatus()
    let object = deployment(spec("2.2.0"), generation: 6, status: status)
    let decision = DeploymentPlanner.decide(
      object, facts: facts(.observed(running("2.2.0")), at: moment + .seconds(99)))
    #expect(decision.status == status)
    #expect(decision.events.isEmpty)
    #expect(decision.stepName == "settled for 1m")
    #expect(decision.reason(DeploymentCondition.ready) == "InSync")
  }

  @Test func aGenerationThatChangesNothingOfTheReleaseIsOnlyAcknowledged() {
    var changed = spec("2.2.0", failurePolicy: .hold, drift: .warn)
    changed.interval = DurationText(.seconds(30))
    let decision = DeploymentPlanner.decide(
      deployment(changed, status: settledStatus()), facts: facts(.observed(running("2.2.0"))))
    #expect(decision.stepName == "settled for 30s")
    #expect(decision.status.observedGeneration == 7)
    #expect(decision.status.conditions?.allSatisfy { $0.observedGeneration == 7 } == true)
  }

  @Test func unhealthyContainersAreNoDrift() {
    let sick = EnvironmentObservation.compose(
      [container("backend", "2.2.0", health: .unhealthy), container("media", "2.2.0")])
    let decision = DeploymentPlanner.decide(
      deployment(spec("2.2.0"), status: settledStatus()), facts: facts(.observed(sick)))
    #expect(decision.stepName == "settled for 1m")
    #expect(decision.reason(DeploymentCondition.ready) == "WorkloadUnhealthy")
    #expect(decision.status.conditions?[DeploymentCondition.healthy]?.status == .isFalse)
    #expect(decision.status.conditions?[DeploymentCondition.drifted]?.status == .isFalse)
  }

  struct Drift: Sendable {
    var policy: DriftPolicy
    var step: String
    var drifted: Condition.Status?
    var ready: Condition.Status
  }

  @Test(arguments: [
    Drift(policy: .correct, step: "correct to 2.2.0", drifted: .isTrue, ready: .isFalse),
    Drift(policy: .warn, step: "settled for 1m", drifted: .isTrue, ready: .isFalse),
    Drift(policy: .ignore, step: "settled for 1m", drifted: nil, ready: .isTrue),
  ])
  func driftIsHandledAsTheSpecSays(_ row: Drift) {
    let extra = EnvironmentObservation.compose(containers("2.2.0") + [container("redis", "7")])
    let decision = DeploymentPlanner.decide(
      deployment(spec("2.2.0", drift: row.policy), status: settledStatus()), facts: facts(.observed(extra)))
    #expect(decision.stepName == row.step)
    #expect(decision.status.conditions?[DeploymentCondition.drifted]?.status == row.drifted)
    #expect(decision.status.conditions?[DeploymentCondition.ready]?.status == row.ready)
    #expect(decision.events.contains { $0.reason == "DriftDetected" } == (row.policy != .ignore))
  }

  @Test func aJobThatEndsAfterItsReleaseWasDeployedIsDoneForGood() {
    var status = settledStatus()
    status.current?.services?[1].mayComplete = true
    let ended = containers("2.2.0").map { container in
      var container = container
      if container.service == "media" { (container.state, container.health) = (.exited(code: 0), .none) }
      return container
    }
    let seen = DeploymentPlanner.decide(
      deployment(spec("2.2.0"), status: status), facts: facts(.observed(.compose(ended))))
    #expect(seen.events.isEmpty)
    #expect(seen.status.current?.services?[1].runsToCompletion == true)
    #expect(seen.reason(DeploymentCondition.ready) == "InSync")
    // Somebody cleans up.
    let pruned = DeploymentPlanner.decide(
      deployment(spec("2.2.0"), status: seen.status), facts: facts(.observed(.compose([ended[0]]))))
    #expect(pruned.events.isEmpty)
    #expect(pruned.status == seen.status)
  }

  @Test func whatCannotBeAppliedIsSaidAndNeverCorrected() {
    let running = RunningRelease(
      imageDigests: [:], services: services("2.2.0"), unapplied: ["The volume p_data stays as it was made"])
    let (deployed, events) = DeploymentPlanner.record(
      .deployed(release("2.2.0"), running), of: deployment(spec("2.2.0"), status: settledStatus()), now: moment)
    #expect(events.map(\.reason).contains("NotApplied"))
    let observed = DeploymentFacts.Environment.observed(.compose(containers("2.2.0")))
    let next = DeploymentPlanner.decide(
      deployment(spec("2.2.0"), status: deployed), facts: facts(observed, at: moment + .seconds(60)))
    #expect(next.stepName == "settled for 1m")
    #expect(next.events.isEmpty)
    #expect(next.status.conditions?[DeploymentCondition.drifted]?.message == "The volume p_data stays as it was made")
    #expect(next.status.conditions?.isTrue(DeploymentCondition.ready) == true)
    // What does drift is corrected, at a distance, and the rest is said on.
    let empty = DeploymentFacts.Environment.observed(.compose([]))
    let drifted = DeploymentPlanner.decide(
      deployment(spec("2.2.0"), status: next.status), facts: facts(empty, at: moment + .seconds(60)))
    #expect(drifted.stepName == "correct to 2.2.0")
    let corrected = DeploymentPlanner.record(
      .restored(running, .driftCorrection), of: deployment(spec("2.2.0"), status: drifted.status),
      now: moment + .seconds(60))
    #expect(corrected.events.map(\.reason) == ["DriftCorrected", "NotApplied"])
    let soon = DeploymentPlanner.decide(
      deployment(spec("2.2.0"), status: corrected.status), facts: facts(empty, at: moment + .seconds(62)))
    #expect(soon.stepName == "settled for 3s")
    let gone = DeploymentPlanner.record(
      .deployed(release("2.2.0"), RunningRelease(imageDigests: [:], services: services("2.2.0"))),
      of: deployment(spec("2.2.0"), status: next.status), now: moment)
    #expect(gone.status.conditions?[DeploymentCondition.drifted]?.status == .isFalse)
  }

  @Test func correctionsKeepADistance() {
    let drifted = EnvironmentObservation.compose([])
    let before = DeploymentPlanner.decide(
      deployment(spec("2.2.0"), status: settledStatus()), facts: facts(.observed(drifted)))
    let corrected = DeploymentPlanner.record(
      .restored(RunningRelease(imageDigests: [:], services: services("2.2.0")), .driftCorrection),
      of: deployment(spec("2.2.0"), status: before.status), now: moment
    ).status
    let object = deployment(spec("2.2.0"), status: corrected)
    let soon = DeploymentPlanner.decide(object, facts: facts(.observed(drifted), at: moment + .seconds(2)))
    #expect(soon.stepName == "settled for 3s")
    let later = DeploymentPlanner.decide(
      deployment(spec("2.2.0"), status: soon.status), facts: facts(.observed(drifted), at: moment + .seconds(5)))
    #expect(later.stepName == "correct to 2.2.0")
  }

  @Test func correctionsThatFollowEachOtherLeaveTwiceTheTime() {
    let drifted = DeploymentFacts.Environment.observed(.compose([]))
    var status = settledStatus()
    var now = moment
    for pause in [5, 10, 20, 40, 80, 160, 300, 300] {
      let found = DeploymentPlanner.decide(deployment(spec("2.2.0"), status: status), facts: facts(drifted, at: now))
      #expect(found.stepName == "correct to 2.2.0")
      status =
        DeploymentPlanner.record(
          .restored(RunningRelease(imageDigests: [:], services: services("2.2.0")), .driftCorrection),
          of: deployment(spec("2.2.0"), status: found.status), now: now
        ).status
      let early = DeploymentPlanner.decide(
        deployment(spec("2.2.0"), status: status), facts: facts(drifted, at: now + .seconds(pause - 1)))
      #expect(early.stepName == "settled for 1s")
      now = now + .seconds(pause)
    }
    let quiet = DeploymentPlanner.decide(
      deployment(spec("2.2.0"), status: status), facts: facts(.observed(running("2.2.0")), at: now + .seconds(600)))
    #expect(quiet.status.corrections == nil)
  }

  @Test func aCorrectionThatFailsIsRepeatedAfterAPause() {
    let drifted = DeploymentFacts.Environment.observed(.compose([]))
    let first = DeploymentPlanner.decide(deployment(spec("2.2.0"), status: settledStatus()), facts: facts(drifted))
    let failed = DeploymentPlanner.record(
      .restoreFailed(.init(isTransient: true, reason: "DiskFull", message: "no space"), .driftCorrection),
      of: deployment(spec("2.2.0"), status: first.status), now: moment
    ).status
    let object = deployment(spec("2.2.0"), status: failed)
    #expect(DeploymentPlanner.decide(object, facts: facts(drifted)).stepName == "settled for 10s")
    #expect(
      DeploymentPlanner.decide(object, facts: facts(drifted, at: moment + .seconds(10))).stepName == "correct to 2.2.0")
  }

  @Test func anEngineThatIsDownMakesHealthUnknown() {
    let down = DeploymentFailure(isTransient: true, reason: "EngineUnreachable", message: "no answer")
    let decision = DeploymentPlanner.decide(
      deployment(spec("2.2.0"), status: settledStatus()), facts: facts(.unavailable(down)))
    #expect(decision.stepName == "retry EngineUnreachable")
    #expect(decision.status.conditions?[DeploymentCondition.ready]?.status == .unknown)
    let again = DeploymentPlanner.decide(
      deployment(spec("2.2.0"), status: decision.status), facts: facts(.unavailable(down)))
    #expect(again.status == decision.status)
    #expect(again.events.isEmpty)
  }

  @Test func successIsRecordedOnce() {
    let object = deployment(spec("2.3.0"), status: failedStatus(over: settledStatus()))
    let started = DeploymentPlanner.decide(
      DesiredDeployment(
        metadata: .init(name: "wrktalk", namespace: "wrktalk", generation: 8), spec: object.spec, status: object.status),
      facts: facts(.observed(running("2.2.0"))))
    let (status, events) = DeploymentPlanner.record(
      .deployed(release("2.3.0"), RunningRelease(imageDigests: ["media": "sha256:1"], services: services("2.3.0"))),
      of: deployment(spec("2.3.0"), generation: 8, status: started.status), now: moment)
    #expect(status.current?.revision == 5)
    #expect(status.history?.map(\.outcome) == [.deployed, .failed])
    #expect(status.failure == nil)
    #expect(events.map(\.reason) == ["Deployed"])
    let settled = DeploymentPlanner.decide(
      deployment(spec("2.3.0"), generation: 8, status: status), facts: facts(.observed(running("2.3.0"))))
    #expect(settled.status == status)
    #expect(settled.events.isEmpty)
  }

  @Test func aRollbackToARevisionDeploysWhatItRan() {
    var history = settledStatus()
    history.history = [
      .init(
        revision: 3, generation: 2, release: release("2.1.0"), outcome: .deployed, message: "", startedAt: moment,
        completedAt: moment, images: ["media": "registry/media@sha256:1"])
    ]
    var wanted = spec("2.2.0")
    (wanted.version, wanted.artifact, wanted.rollbackTo) = (nil, nil, .init(revision: 3))
    let decision = DeploymentPlanner.decide(deployment(wanted, status: history), facts: facts())
    #expect(decision.stepName == "deploy 2.1.0")
    guard case .deploy(let plan) = decision.step else { return }
    #expect(plan.pinnedImages == ["media": "registry/media@sha256:1"])
    wanted.rollbackTo = .init(revision: 2)
    let missing = DeploymentPlanner.decide(
      deployment(wanted, status: history), facts: facts(.observed(running("2.2.0"))))
    #expect(missing.reason(DeploymentCondition.stalled) == "RevisionNotFound")
    #expect(missing.stepName == "settled for 1m")
  }

  @Test(arguments: [
    ("config/.env", "config/.env.v2.2.0", true), ("config/.env", "config/.env.v2.2.0.r12", true),
    ("config/.env", "config/.env.v2.1.0", false), ("config/.env", "config/.env.v2.2.0.rx", false),
    ("config/other", "config/other.v2.2.0", false),
  ])
  func theKeptCopyOfTheSettingsStandsForThem(_ wanted: String, _ kept: String, _ isSame: Bool) {
    #expect(release("2.2.0", configPath: kept).satisfies(release("2.2.0", configPath: wanted)) == isSame)
  }

  @Test func historyIsCapped() {
    var status = settledStatus()
    for generation in Int64(10)..<60 {
      let wanted = spec("3.\(generation).0")
      let object = deployment(wanted, generation: generation, status: status)
      status = DeploymentPlanner.decide(object, facts: facts()).status
      status =
        DeploymentPlanner.record(
          .deployed(release("3.\(generation).0"), RunningRelease(imageDigests: [:], services: services("3"))),
          of: deployment(wanted, generation: generation, status: status), now: moment
        ).status
    }
    #expect(status.history?.count == DesiredDeploymentStatus.historyLimit)
    #expect(status.history?.first?.revision == 54)
  }
}
