import DeploymentKinds
import DeploymentPlanning
import ResourceModel
import Testing

/// What is decided about the files that a release brought, and about what Compose warned of.
@Suite struct BundleFileTests {
  @Test(arguments: [
    (EnvironmentObservation.FileDifference.Change.missing, "is missing"), (.changed, "does not hold"),
    (.replaced, "of another kind"), (.unknown, "not known"),
  ])
  func fileThatIsNotWhatTheReleaseBringsIsCorrected(change: EnvironmentObservation.FileDifference.Change, word: String)
  {
    let observed = EnvironmentObservation.compose(
      containers("2.2.0"), files: [.init(path: "/w/p/bundle/conf/a", change: change)])
    let decision = DeploymentPlanner.decide(
      deployment(spec("2.2.0"), status: settledStatus()), facts: facts(.observed(observed)))
    #expect(decision.stepName == "correct to 2.2.0")
    let message = decision.status.conditions?[DeploymentCondition.drifted]?.message ?? ""
    #expect(message.contains("/w/p/bundle/conf/a") && message.contains(word))
  }

  @Test func whatComposeWarnsOfStandsInAConditionUntilTheNextRelease() {
    let object = deployment(spec("2.2.0"), status: settledStatus())
    let (status, events) = DeploymentPlanner.record(
      .deployed(
        release("2.2.0"),
        RunningRelease(imageDigests: [:], services: services("2.2.0"), warnings: ["MISSING is set nowhere"])),
      of: object, now: moment)
    #expect(events.contains { $0.reason == "DeployedWithWarnings" && $0.message.contains("MISSING is set nowhere") })
    let kept = DeploymentPlanner.decide(
      deployment(spec("2.2.0"), status: status), facts: facts(.observed(running("2.2.0"))))
    for conditions in [status.conditions, kept.status.conditions] {
      #expect(conditions?[DeploymentCondition.released]?.message.contains("MISSING is set nowhere") == true)
      #expect(conditions?.isTrue(DeploymentCondition.ready) == true)
    }
    #expect(kept.events.isEmpty)
  }
}
