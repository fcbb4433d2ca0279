import DeploymentKinds
import DeploymentPlanning
import ResourceModel
import Testing
import WireFormats

/// An attempt in whose midst the Agent ended.
struct ResumptionTests {
  private func begun(_ spec: DesiredDeploymentSpec) -> DesiredDeploymentStatus {
    DeploymentPlanner.decide(deployment(spec, status: settledStatus()), facts: facts()).status
  }

  @Test func anAttemptThatWasCutShortIsTheSameAttempt() {
    let begun = begun(spec("2.3.0"))
    let resumed = DeploymentPlanner.decide(
      deployment(spec("2.3.0"), status: begun), facts: facts(license: .expired(at: nil), at: moment + .seconds(60)))
    #expect(resumed.stepName == "deploy 2.3.0")
    #expect(resumed.events.isEmpty)
    #expect(resumed.status.resumptions == 1)
    var expected = begun
    expected.resumptions = 1
    #expect(resumed.status == expected)
  }

  @Test(arguments: [
    (FailurePolicy.rollBack, "roll back to 2.2.0", ["Interrupted", "RollingBack"]),
    (.hold, "settled", ["Interrupted"]),
  ])
  func anAttemptThatEndsTheAgentEveryTimeIsGivenUp(_ policy: FailurePolicy, _ step: String, _ events: [String]) {
    let wanted = spec("2.3.0", failurePolicy: policy)
    var status = begun(wanted)
    for resumption in 1...5 {
      let decision = DeploymentPlanner.decide(deployment(wanted, status: status), facts: facts())
      #expect(decision.stepName == "deploy 2.3.0")
      status = decision.status
      #expect(status.resumptions == resumption)
    }
    let half = DeploymentFacts.Environment.observed(.compose([container("media", "2.3.0")]))
    let decision = DeploymentPlanner.decide(deployment(wanted, status: status), facts: facts(half))
    #expect(decision.stepName == step)
    #expect(decision.events.map(\.reason) == events)
    #expect(decision.status.failure?.reason == "Interrupted")
    #expect(decision.status.failure?.message.contains("5 times") == true)
    #expect(decision.status.history?.first?.outcome == .failed)
    #expect(decision.status.resumptions == nil)
    let next = DeploymentPlanner.decide(deployment(wanted, status: decision.status), facts: facts(half))
    #expect(next.step == decision.step)
    #expect(next.status == decision.status)
    #expect(next.events.isEmpty)
  }

  @Test func eachAttemptMayBeResumedAsOften() {
    let resumed = DeploymentPlanner.decide(deployment(spec("2.3.0"), status: begun(spec("2.3.0"))), facts: facts())
      .status
    let failed = DeploymentPlanner.record(
      .deploymentFailed(.init(isTransient: true, reason: "BucketUnreachable", message: "no answer")),
      of: deployment(spec("2.3.0"), status: resumed), now: moment
    ).status
    let second = DeploymentPlanner.decide(
      deployment(spec("2.3.0"), status: failed), facts: facts(at: moment + .seconds(60)))
    #expect(second.stepName == "deploy 2.3.0")
    #expect(second.status.attempts == 2)
    #expect(second.status.resumptions == nil)
  }

  @Test func aSuccessForgetsHowOftenItWasResumed() {
    let resumed = DeploymentPlanner.decide(deployment(spec("2.3.0"), status: begun(spec("2.3.0"))), facts: facts())
      .status
    let (status, _) = DeploymentPlanner.record(
      .deployed(release("2.3.0"), RunningRelease(imageDigests: [:], services: services("2.3.0"))),
      of: deployment(spec("2.3.0"), status: resumed), now: moment)
    #expect(status.resumptions == nil)
  }
}
