import DeploymentKinds
import DeploymentPlanning
import ResourceModel
import Testing
import WireFormats

/// What keeps a release from being deployed, in the order in which it is asked.
struct GateTests {
  @Test func aFirstReleaseIsDeployed() {
    let decision = DeploymentPlanner.decide(deployment(spec("2.3.0")), facts: facts())
    #expect(decision.stepName == "deploy 2.3.0")
    #expect(decision.status.lastAttemptedGeneration == 7)
    #expect(decision.status.attempts == 1)
    #expect(decision.reason(DeploymentCondition.reconciling) == "Deploying")
    #expect(decision.status.conditions?.allSatisfy { $0.observedGeneration == 7 } == true)
    #expect(decision.events.map(\.reason) == ["Deploying"])
  }

  @Test func theProjectOfAnOlderObjectIsLeftAlone() {
    var claimed = facts()
    claimed.owner = ObjectKey(namespace: "wrktalk", name: "first")
    let decision = DeploymentPlanner.decide(deployment(spec("2.3.0")), facts: claimed)
    #expect(decision.stepName == "settled for 1m")
    #expect(decision.reason(DeploymentCondition.stalled) == "TargetInUse")
    #expect(decision.status.conditions?[DeploymentCondition.ready]?.message.contains("wrktalk/first") == true)
    #expect(decision.status.lastAttemptedGeneration == nil)
  }

  @Test func theLicenceIsCheckedOnlyBeforeADeployment() {
    let unchecked = facts(license: .notChecked)
    #expect(DeploymentPlanner.decide(deployment(spec("2.3.0")), facts: unchecked).stepName == "checkLicense")
    let inSync = deployment(spec("2.2.0"), status: settledStatus())
    #expect(
      DeploymentPlanner.decide(inSync, facts: facts(.observed(running("2.2.0")), license: .notChecked)).stepName
        == "settled for 1m")
  }

  @Test func expiredLicenceBlocksDeployment() {
    let decision = DeploymentPlanner.decide(
      deployment(spec("2.3.0"), status: settledStatus()),
      facts: facts(.observed(running("2.2.0")), license: .expired(at: moment)))
    #expect(decision.stepName == "settled for 1m")
    #expect(decision.status.conditions?[DeploymentCondition.licensed]?.status == .isFalse)
    #expect(decision.reason(DeploymentCondition.ready) == "LicenseExpired")
    #expect(decision.status.lastAttemptedGeneration == 6)
  }

  @Test func expiredLicenceComesBeforeTheSchedule() {
    var scheduled = spec("2.3.0")
    scheduled.schedule = .init(notBefore: moment + .seconds(3600))
    let decision = DeploymentPlanner.decide(deployment(scheduled), facts: facts(license: .expired(at: nil)))
    #expect(decision.reason(DeploymentCondition.ready) == "LicenseExpired")
  }

  @Test func aLicenceThatCannotBeCheckedIsAskedForAgain() {
    let decision = DeploymentPlanner.decide(
      deployment(spec("2.3.0")), facts: facts(license: .unavailable(message: "no answer")))
    #expect(decision.stepName == "retry LicenseCheckFailed")
    #expect(decision.status.lastAttemptedGeneration == nil)
  }

  @Test func aServerWithoutLicencesBlocksNothing() {
    let decision = DeploymentPlanner.decide(deployment(spec("2.3.0")), facts: facts(license: .notOffered))
    #expect(decision.stepName == "deploy 2.3.0")
    #expect(decision.status.conditions?[DeploymentCondition.licensed]?.status == .unknown)
  }

  @Test(arguments: [
    (-3600, "settled for 1m", "Scheduled"), (-30, "settled for 30s", "Scheduled"), (0, "deploy 2.3.0", "Deploying"),
    (600, "deploy 2.3.0", "Deploying"), (601, "settled", "MissedSchedule"),
  ])
  func theScheduleIsAWindow(_ secondsAfterStart: Int, _ step: String, _ ready: String) {
    var scheduled = spec("2.3.0")
    scheduled.schedule = .init(notBefore: moment)
    let decision = DeploymentPlanner.decide(
      deployment(scheduled), facts: facts(at: moment + .seconds(secondsAfterStart)))
    #expect(decision.stepName == step)
    #expect(decision.reason(DeploymentCondition.ready) == ready)
    #expect(decision.status.conditions?.isTrue(DeploymentCondition.stalled) == (ready == "MissedSchedule"))
  }

  @Test func whileWaitingTheCurrentVersionIsLookedAfter() {
    var scheduled = spec("2.3.0")
    scheduled.schedule = .init(notBefore: moment + .seconds(3600))
    let stopped = EnvironmentObservation.compose([container("media", "2.2.0")])
    let decision = DeploymentPlanner.decide(
      deployment(scheduled, status: settledStatus()), facts: facts(.observed(stopped)))
    #expect(decision.stepName == "correct to 2.2.0")
    #expect(decision.reason(DeploymentCondition.ready) == "Scheduled")
  }

  @Test func anAttemptThatBeganInItsWindowGoesOnAfterIt() {
    var scheduled = spec("2.3.0")
    scheduled.schedule = .init(notBefore: moment)
    let begun = DeploymentPlanner.decide(deployment(scheduled), facts: facts()).status
    let later = DeploymentPlanner.decide(
      deployment(scheduled, status: begun), facts: facts(at: moment + .seconds(7200)))
    #expect(later.stepName == "deploy 2.3.0")
    #expect(later.status.attemptStartedAt == begun.attemptStartedAt)
  }

  @Test func aMissedScheduleRunsOnceItIsRemoved() {
    var scheduled = spec("2.3.0")
    scheduled.schedule = .init(notBefore: moment)
    let missed = DeploymentPlanner.decide(deployment(scheduled), facts: facts(at: moment + .seconds(9999)))
    #expect(missed.events.map(\.reason) == ["MissedSchedule"])
    let again = DeploymentPlanner.decide(
      deployment(scheduled, status: missed.status), facts: facts(at: moment + .seconds(10_000)))
    #expect(again.events.isEmpty)
    #expect(again.status == missed.status)
    let freed = DeploymentPlanner.decide(
      deployment(spec("2.3.0"), generation: 8, status: missed.status), facts: facts(at: moment + .seconds(10_001)))
    #expect(freed.stepName == "deploy 2.3.0")
    #expect(freed.status.conditions?[DeploymentCondition.stalled] == nil)
  }

  @Test(arguments: [DesiredDeploymentStatus?.none, settledStatus(), failedStatus()])
  func aSuspendedDeploymentIsLeftAlone(_ status: DesiredDeploymentStatus?) {
    var suspended = spec("2.3.0")
    suspended.suspend = true
    let decision = DeploymentPlanner.decide(
      deployment(suspended, status: status), facts: facts(.notObserved, license: .notChecked))
    #expect(decision.stepName == "settled")
    #expect(decision.reason(DeploymentCondition.ready) == "Suspended")
    #expect(decision.status.conditions?[DeploymentCondition.stalled] == nil)
  }

  @Test func aDeletedDeploymentIsForgotten() {
    var deleted = deployment(spec("2.3.0"), status: settledStatus())
    deleted.metadata.deletionTimestamp = moment
    #expect(DeploymentPlanner.decide(deleted, facts: facts()).stepName == "forget")
  }

  @Test func anotherRuntimeThanTheAgentsStalls() {
    var helm = spec("2.3.0")
    helm.runtime = .helm
    let decision = DeploymentPlanner.decide(deployment(helm), facts: facts())
    #expect(decision.stepName == "settled")
    #expect(decision.reason(DeploymentCondition.stalled) == "UnsupportedRuntime")
  }
}
