import DeploymentKinds
import ResourceModel
import Testing

@testable import ControlCommands

/// What a retry does.
@Suite struct RetryTaskTests {
  @Test func whatFailedIsTriedAgainAndWhatRunsIsDeployedOnceMore() {
    var object = Samples.deployment
    #expect(RetryCommand.task(object) == "3.0.0 is tried again")
    object.status?.failure = nil
    object.spec.version = "2.0.0"
    object.status?.conditions = nil
    #expect(RetryCommand.task(object) == "2.0.0 is deployed once more")
    object.status?.progress = .init(step: .pulling, done: 0, total: 1, message: "pulling")
    #expect(RetryCommand.task(object) == nil)
    object.status?.progress = nil
    object.spec.suspend = true
    #expect(RetryCommand.task(object) == nil)
  }
}
