import DeploymentKinds
import Testing
import WireFormats

@testable import ControlCommands

@Suite struct WaitGoalTests {
  @Test(arguments: [
    ("delete", WaitGoal.deletion), ("condition=Ready", .condition(type: "Ready", status: "True")),
    ("condition=Ready=false", .condition(type: "Ready", status: "False")),
    ("condition=Healthy=Unknown", .condition(type: "Healthy", status: "Unknown")),
  ])
  func goalsAreRead(text: String, goal: WaitGoal) { #expect(WaitGoal(text) == goal) }

  @Test(arguments: ["", "Ready", "condition=", "condition=Ready=maybe", "condition=Ready=True=x", "jsonpath={.a}"])
  func whatIsNoGoalIsRefused(text: String) { #expect(WaitGoal(text) == nil) }

  private func object(
    generation: Int64 = 2, suspend: Bool = false, conditions: [JSONValue], status: [String: JSONValue] = [:],
    annotations: [String: JSONValue] = [:]
  ) -> JSONValue {
    var all = status
    all["conditions"] = .array(conditions)
    return [
      "metadata": ["generation": .integer(generation), "annotations": .object(annotations)],
      "spec": ["suspend": .bool(suspend)], "status": .object(all),
    ]
  }

  private func condition(_ type: String, _ status: String, generation: Int64 = 2, reason: String = "R") -> JSONValue {
    [
      "type": .string(type), "status": .string(status), "observedGeneration": .integer(generation),
      "reason": .string(reason), "message": "because",
    ]
  }

  private let ready = WaitGoal.condition(type: "Ready", status: "True")

  @Test func readyIsReached() {
    #expect(ready.standing(of: object(conditions: [condition("Ready", "True")])) == .reached)
  }

  @Test func anOlderGenerationsReadinessDoesNotCount() {
    let standing = ready.standing(of: object(conditions: [condition("Ready", "True", generation: 1)]))
    #expect(standing == .waiting("waiting for the Agent to see the change"))
  }

  @Test func aStalledDeploymentIsHopeless() {
    let stalled = object(conditions: [condition("Ready", "False"), condition("Stalled", "True", reason: "PullFailed")])
    #expect(ready.standing(of: stalled) == .hopeless("PullFailed: because"))
  }

  @Test func anOlderGenerationsStallIsNoObstacle() {
    let stalled = object(conditions: [condition("Stalled", "True", generation: 1)])
    #expect(ready.standing(of: stalled) == .waiting("waiting for the Agent to see the change"))
  }

  @Test func aStallWhoseRetryWasAskedForIsNoObstacle() {
    let stalled = object(
      conditions: [condition("Ready", "False"), condition("Stalled", "True")],
      annotations: [DesiredDeploymentKind.retryAnnotation: "now"])
    #expect(ready.standing(of: stalled) == .waiting("R: because"))
  }

  @Test func whatIsDeployedOnceMoreIsNotReadyBeforeThat() {
    func standing(handled: JSONValue) -> WaitGoal.Standing {
      ready.standing(
        of: object(
          conditions: [condition("Ready", "True")], status: ["lastHandledRetryRequest": handled],
          annotations: [DesiredDeploymentKind.retryAnnotation: "now"]))
    }
    #expect(standing(handled: "before") == .waiting("waiting for the Agent to see the change"))
    #expect(standing(handled: "now") == .reached)
  }

  @Test func remediationIsWaitedForThroughTheStall() {
    let goal = WaitGoal.condition(type: "Remediated", status: "True")
    let rollingBack = object(conditions: [condition("Ready", "False"), condition("Stalled", "True")])
    #expect(goal.standing(of: rollingBack) == .waiting("R: because"))
  }

  @Test func progressIsToldInAFewWords() {
    let deploying = object(
      conditions: [condition("Ready", "False")],
      status: ["progress": ["step": "WaitingForWorkloads", "done": 3, "total": 5, "message": "media 1/2 ready"]])
    #expect(ready.standing(of: deploying) == .waiting("WaitingForWorkloads 3/5: media 1/2 ready"))
  }

  @Test func aSuspendedDeploymentSaysSo() {
    #expect(ready.standing(of: object(suspend: true, conditions: [])) == .waiting("suspended"))
  }

  @Test(
    arguments: [
      (JSONValue.null, "it is still there"),
      (["kind": "Lease", "metadata": ["name": "a"]], "it is still there"),
      (
        ["kind": "Lease", "metadata": ["deletionTimestamp": "2027-01-15T08:00:00Z", "finalizers": ["example.com/a"]]],
        "waiting for the finalizer example.com/a"
      ),
    ] as [(JSONValue, String)])
  func anObjectThatIsHeldSaysByWhat(_ object: JSONValue, _ text: String) {
    #expect(WaitGoal.deletion.standing(of: object) == .waiting(text))
  }

  @Test func deletionIsReachedWhenTheObjectIsGone() {
    #expect(WaitGoal.deletion.standing(of: nil) == .reached)
    #expect(ready.standing(of: nil) == .hopeless("there is no such object"))
  }
}
