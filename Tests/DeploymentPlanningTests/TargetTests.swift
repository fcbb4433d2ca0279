import DeploymentKinds
import ResourceModel
import Testing

@testable import DeploymentPlanning

/// What a record deploys to stays the same for its life, also where the server lets it be changed.
struct TargetTests {
  @Test func whatIsDeployedToIsWrittenDownWhenAnAttemptBegins() {
    let decision = DeploymentPlanner.decide(deployment(spec("2.3.0")), facts: facts())
    #expect(decision.stepName == "deploy 2.3.0")
    #expect(decision.status.target == .init(runtime: .compose, name: "wrktalk"))
  }

  @Test func aRecordOfBeforeGetsItsTargetFromItsSpec() {
    var status = settledStatus()
    status.target = nil
    let decision = DeploymentPlanner.decide(
      deployment(spec("2.2.0"), status: status), facts: facts(.observed(running("2.2.0"))))
    #expect(decision.status.target == .init(runtime: .compose, name: "wrktalk"))
  }

  static let changes: [(@Sendable (inout DesiredDeploymentSpec) -> Void, String)] = [
    ({ $0.compose?.projectName = "other" }, "the Compose project other"),
    (
      { spec in
        (spec.runtime, spec.compose, spec.helm) = (.helm, nil, .init(releaseName: "wrktalk"))
      }, "the Helm release wrktalk"
    ),
    ({ $0.compose = nil }, "none"),
  ]

  @Test(arguments: changes.indices, ["2.2.0", "2.3.0"])
  func anotherTargetIsRefusedAndNothingIsTouched(_ change: Int, _ version: String) {
    var wanted = spec(version)
    Self.changes[change].0(&wanted)
    let decision = DeploymentPlanner.decide(
      deployment(wanted, status: settledStatus()), facts: facts(.observed(.compose([]))))
    #expect(decision.stepName == "settled")
    #expect(decision.reason(DeploymentCondition.ready) == "TargetChanged")
    #expect(decision.events.map(\.reason) == ["TargetChanged"])
    let message = decision.status.conditions?[DeploymentCondition.stalled]?.message ?? ""
    #expect(message.hasPrefix("The Compose project wrktalk was deployed and spec names \(Self.changes[change].1): "))
    #expect(decision.status.target == .init(runtime: .compose, name: "wrktalk"))
  }

  @Test func whatWasDeployedIsWhatIsUninstalled() {
    var wanted = spec("2.2.0")
    wanted.deletionPolicy = .uninstall
    wanted.compose?.projectName = "other"
    var object = deployment(wanted, status: settledStatus())
    object.metadata.finalizers = [DesiredDeploymentKind.finalizer]
    object.metadata.deletionTimestamp = moment
    let decision = DeploymentPlanner.decide(object, facts: facts())
    #expect(decision.stepName == "uninstall")
    #expect(decision.status.progress?.message == "uninstalling the Compose project wrktalk")
    #expect(object.target?.name == "wrktalk")
  }

  @Test func whereNoLicenceIsConfiguredNothingIsSaidToBeValid() {
    let decision = DeploymentPlanner.decide(deployment(spec("2.3.0")), facts: facts(license: .notConfigured))
    #expect(decision.stepName == "deploy 2.3.0")
    #expect(decision.reason(DeploymentCondition.licensed) == "NotConfigured")
    #expect(decision.status.conditions?.isTrue(DeploymentCondition.licensed) == false)
  }
}
