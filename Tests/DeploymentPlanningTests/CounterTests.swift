import DeploymentKinds
import ResourceModel
import Testing
import WireFormats

@testable import DeploymentPlanning

/// Numbers that others wrote into a record never end the Agent, whatever they are.
struct CounterTests {
  static let extremes: [Int64] = [.min, -1, 0, Int64(Int32.max), .max - 1, .max]

  @Test(arguments: extremes)
  func whateverTheCountersSayADecisionIsMade(_ value: Int64) {
    var statuses: [DesiredDeploymentStatus] = [settledStatus(), failedStatus(), failedStatus(isTransient: true)]
    for index in statuses.indices {
      statuses[index].attempts = Int(value)
      statuses[index].resumptions = Int(value)
      statuses[index].corrections = Int(value)
      statuses[index].lastAttemptedGeneration = value
      statuses[index].current?.revision = value
      statuses[index].failure?.generation = value
      statuses[index].agent = .init(identity: "a", term: value)
    }
    for status in statuses {
      for generation in [7, value] {
        for version in ["2.2.0", "2.3.0"] {
          let object = deployment(spec(version), generation: generation, status: status)
          for environment in [DeploymentFacts.Environment.observed(running("2.2.0")), .observed(.compose([]))] {
            let decision = DeploymentPlanner.decide(object, facts: facts(environment))
            outcomes(of: deployment(spec(version), generation: generation, status: decision.status))
          }
        }
      }
    }
  }

  private func outcomes(of object: DesiredDeployment) {
    let release = DesiredDeploymentStatus.Release(version: "2.3.0", artifact: .init(path: "a", sha256: "b"))
    let outcomes: [DeploymentOutcome] = [
      .verified(.unsigned), .deployed(release, RunningRelease(imageDigests: [:])),
      .deploymentFailed(.init(isTransient: true, reason: "A", message: "b")),
      .deploymentFailed(.init(isTransient: false, reason: "A", message: "b")),
      .restored(RunningRelease(imageDigests: [:]), .rollback),
      .restored(RunningRelease(imageDigests: [:]), .driftCorrection),
      .restoreFailed(.init(isTransient: true, reason: "A", message: "b"), .rollback), .uninstalled(staying: []),
      .uninstallFailed(.init(isTransient: true, reason: "A", message: "b")),
    ]
    for outcome in outcomes {
      let (status, _) = DeploymentPlanner.record(outcome, of: object, now: moment)
      if case .deployed = outcome { #expect((status.current?.revision ?? 0) > 0) }
    }
  }

  @Test func theLastRevisionStaysWhereThereIsNoHigherNumber() {
    var status = settledStatus()
    status.current?.revision = .max
    #expect(status.nextRevision == .max)
    status.current?.revision = -5
    #expect(status.nextRevision == 1)
  }

  @Test(arguments: [Timestamp(microseconds: .max), Timestamp(microseconds: .min), Timestamp(seconds: .max)])
  func timesAtTheEndOfTheRangeStayThere(_ time: Timestamp) {
    var status = failedStatus(isTransient: true)
    status.attemptStartedAt = time
    status.nextAttemptAt = time
    for index in (status.conditions ?? []).indices { status.conditions?[index].lastTransitionTime = time }
    var wanted = spec("2.3.0")
    wanted.schedule = .init(notBefore: time, startingDeadline: DurationText(.milliseconds(Int64.max)))
    wanted.interval = DurationText(.milliseconds(Int64.max))
    wanted.compose?.timeout = DurationText(.milliseconds(Int64.max))
    let object = deployment(wanted, generation: 8, status: status)
    outcomes(of: object)
    let decision = DeploymentPlanner.decide(object, facts: facts(.observed(running("2.2.0"))))
    if case .settled(let pause?) = decision.step { #expect(pause <= .seconds(24 * 3600)) }
    #expect(wanted.timeout == .seconds(24 * 3600))
  }
}
