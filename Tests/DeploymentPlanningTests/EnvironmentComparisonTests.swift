import DeploymentKinds
import Testing

@testable import DeploymentPlanning

struct EnvironmentComparisonTests {
  struct Row: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var containers: [EnvironmentObservation.Container]
    var drifts: [String]
    var isHealthy: Bool
  }

  @Test(arguments: [
    Row(testDescription: "as deployed", containers: containers("2.2.0"), drifts: [], isHealthy: true),
    Row(
      testDescription: "stopped by hand",
      containers: [container("backend", "2.2.0", state: .exited(code: 137)), container("media", "2.2.0")],
      drifts: ["backend: container wrktalk-backend-1 stopped with exit code 137"], isHealthy: false),
    Row(
      testDescription: "removed", containers: [container("media", "2.2.0")], drifts: ["backend has no container"],
      isHealthy: false),
    Row(
      testDescription: "paused",
      containers: [container("backend", "2.2.0", state: .paused), container("media", "2.2.0")],
      drifts: ["backend: container wrktalk-backend-1 is paused"], isHealthy: false),
    Row(
      testDescription: "another image", containers: [container("backend", "2.1.0"), container("media", "2.2.0")],
      drifts: [
        "backend runs registry/backend@sha256:\(digest("2")) instead of registry/backend@sha256:\(digest("2"))"
      ], isHealthy: true),
    Row(
      testDescription: "one too many",
      containers: containers("2.2.0") + [container("media", "2.2.0", number: 2)],
      drifts: ["media has 2 containers instead of 1"], isHealthy: true),
    Row(
      testDescription: "a service added by hand",
      containers: containers("2.2.0") + [container("redis", "2.2.0")],
      drifts: ["redis is not part of the release"], isHealthy: true),
    Row(
      testDescription: "unhealthy is no drift",
      containers: [container("backend", "2.2.0", health: .unhealthy), container("media", "2.2.0")], drifts: [],
      isHealthy: false),
    Row(
      testDescription: "starting is no drift",
      containers: [container("backend", "2.2.0", health: .starting), container("media", "2.2.0")], drifts: [],
      isHealthy: false),
    Row(
      testDescription: "restarted by the engine is no drift",
      containers: [container("backend", "2.2.0", state: .restarting), container("media", "2.2.0")], drifts: [],
      isHealthy: false),
  ])
  func differencesAreNamed(_ row: Row) {
    let comparison = EnvironmentComparison(
      expected: services("2.2.0"), containers: row.containers)
    #expect(comparison.drifts.map(\.description) == row.drifts)
    #expect((comparison.health == .healthy) == row.isHealthy)
  }

  @Test func aServiceOfNoReplicasIsNotMissed() {
    var expected = services("2.2.0")
    expected[1].replicas = 0
    let comparison = EnvironmentComparison(expected: expected, containers: [container("backend", "2.2.0")])
    #expect(comparison.isMatching)
    let started = EnvironmentComparison(expected: expected, containers: containers("2.2.0"))
    #expect(started.drifts == [.tooMany(service: "media", running: 1, expected: 0)])
  }

  @Test func whatWasChangedInARunningContainerIsNamed() {
    var expected = services("2.2.0")
    expected[0].settings = ["memory": "64", "networks": "p_default"]
    var changed = container("backend", "2.2.0")
    changed.settings = ["memory": "128", "restart policy": "always", "networks": "p_default"]
    let comparison = EnvironmentComparison(expected: expected, containers: [changed, container("media", "2.2.0")])
    #expect(
      comparison.driftText
        == "backend: container wrktalk-backend-1 has memory 128 instead of 64, restart policy always instead of unset")
    changed.settings = expected[0].settings
    #expect(EnvironmentComparison(expected: expected, containers: [changed, container("media", "2.2.0")]).isMatching)
  }

  @Test(arguments: [
    (EnvironmentObservation.Container.State.running, true), (.exited(code: 0), true), (.exited(code: 3), false),
  ])
  func whatMayCompleteRunsOrHasEndedWell(_ state: EnvironmentObservation.Container.State, _ isMatching: Bool) {
    var expected = services("2.2.0")
    expected[1].mayComplete = true
    let job = container("media", "2.2.0", state: state, health: .none)
    let comparison = EnvironmentComparison(expected: expected, containers: [container("backend", "2.2.0"), job])
    #expect(comparison.isMatching == isMatching)
    let removed = EnvironmentComparison(expected: expected, containers: [container("backend", "2.2.0")])
    #expect(removed.drifts == [.missing(service: "media")])
  }

  @Test func aContainerOfComposeRunIsNobodysDrift() {
    var extra = container("backend", "2.1.0", number: 9)
    extra.isOneOff = true
    let observed = containers("2.2.0") + [extra]
    #expect(EnvironmentComparison(expected: services("2.2.0"), containers: observed).isMatching)
  }

  @Test func anotherConfigurationIsDrift() {
    var changed = container("media", "2.2.0")
    changed.configHash = "other"
    let observed = [container("backend", "2.2.0"), changed]
    let comparison = EnvironmentComparison(expected: services("2.2.0"), containers: observed)
    #expect(comparison.drifts == [.otherConfiguration(service: "media")])
  }

  @Test(arguments: [
    (EnvironmentObservation.Container.State?.none, true), (.exited(code: 0), true), (.exited(code: 3), false),
  ])
  func aServiceThatRunsOnceMayBeDone(_ state: EnvironmentObservation.Container.State?, _ isHealthy: Bool) {
    var expected = services("2.2.0")
    expected[1].runsToCompletion = true
    var containers = [container("backend", "2.2.0")]
    if let state { containers.append(container("media", "2.2.0", state: state, health: .none)) }
    let comparison = EnvironmentComparison(expected: expected, containers: containers)
    #expect(comparison.drifts.isEmpty)
    #expect((comparison.health == .healthy) == isHealthy)
  }

  @Test func withoutKnownServicesNothingIsDrift() {
    #expect(EnvironmentComparison(expected: nil, containers: containers("2.2.0")).isMatching)
  }

  @Test func longListsAreCutShort() {
    let observed = ["a", "b", "c", "d", "e"].map { container($0, "2.2.0") }
    let comparison = EnvironmentComparison(expected: [services("2.2.0")[0]], containers: observed)
    #expect(comparison.driftText.hasSuffix("and 3 more"))
  }
}
