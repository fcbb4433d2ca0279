import DeploymentKinds
import ResourceModel
import Testing
import WireFormats

@testable import DeploymentPlanning

/// Whom the Agent believes, how new the news is, and what it makes of a status.
struct TrustTests {
  private func facts(
    _ trust: DeploymentFacts.Trust = .root(product: "wrktalk", version: 2), stale: String? = nil,
    _ environment: DeploymentFacts.Environment = .observed(running("2.2.0"))
  ) -> DeploymentFacts {
    DeploymentFacts(
      now: moment, environment: environment, license: .valid, trust: trust,
      staleness: stale.map { .init(reason: $0, message: "it is \(moment), too late") })
  }

  struct Row: Sendable {
    var stale: String?
    var version = "2.3.0"
    var drifted = false
    var step: String
    var ready: String
    var isStale: Bool
  }

  @Test(arguments: [
    Row(stale: nil, step: "deploy 2.3.0", ready: "Deploying", isStale: false),
    Row(stale: "TimestampExpired", step: "settled for 1m", ready: "Stale", isStale: true),
    Row(stale: "TimestampExpired", drifted: true, step: "correct to 2.2.0", ready: "Stale", isStale: true),
    Row(stale: "ClockBehind", version: "2.2.0", step: "settled for 1m", ready: "InSync", isStale: true),
    Row(
      stale: "ClockBehind", version: "2.2.0", drifted: true, step: "correct to 2.2.0", ready: "CorrectingDrift",
      isStale: true),
  ])
  func newReleasesWaitWhileTheNewsIsStale(_ row: Row) {
    let environment = DeploymentFacts.Environment.observed(
      row.drifted ? .compose([container("backend", "2.2.0")]) : running("2.2.0"))
    let decision = DeploymentPlanner.decide(
      deployment(spec(row.version), status: settledStatus()), facts: facts(stale: row.stale, environment))
    #expect(decision.stepName == row.step)
    #expect(decision.reason(DeploymentCondition.ready) == row.ready)
    #expect(decision.reason(DeploymentCondition.stale) == row.stale)
    #expect((decision.status.conditions?.isTrue(DeploymentCondition.stale) == true) == row.isStale)
  }

  @Test func aReturnToWhatRanHereDoesNotWaitForNews() {
    var returning = spec("2.2.0")
    (returning.version, returning.artifact, returning.rollbackTo) = (nil, nil, .init(revision: 2))
    var status = settledStatus()
    status.history = [
      .init(
        revision: 2, generation: 1, release: release("2.1.0"), outcome: .deployed, message: "", startedAt: moment,
        completedAt: moment)
    ]
    let decision = DeploymentPlanner.decide(
      deployment(returning, status: status), facts: facts(stale: "TimestampExpired"))
    #expect(decision.stepName == "deploy 2.1.0")
  }

  @Test func theStaleConditionIsNotWrittenAnewWithEachPass() {
    let first = DeploymentPlanner.decide(
      deployment(spec("2.2.0"), status: settledStatus()), facts: facts(stale: "TimestampExpired"))
    var later = facts(stale: "TimestampExpired")
    later.staleness?.message = "it is another time by now"
    let second = DeploymentPlanner.decide(deployment(spec("2.2.0"), status: first.status), facts: later)
    #expect(second.status == first.status)
    #expect(first.events.map(\.reason) == ["TimestampExpired"])
    #expect(second.events == [])
  }

  @Test func whomTheAgentBelievesStandsInReady() {
    for (trust, tag, reason): (DeploymentFacts.Trust, String, String) in [
      (.root(product: "wrktalk", version: 2), "[trust root wrktalk 2]", "TrustRoot"),
      (.unsigned, "[UNSIGNED releases are deployed]", "UnsignedAllowed"),
      (.damaged(message: "x"), "[trust root unreadable]", "TrustMemoryDamaged"),
    ] {
      let decision = DeploymentPlanner.decide(deployment(spec("2.2.0"), status: settledStatus()), facts: facts(trust))
      #expect(decision.status.conditions?[DeploymentCondition.ready]?.message.hasSuffix(tag) == true)
      #expect(decision.reason(DeploymentCondition.trusted) == reason)
      #expect(decision.stepName == "settled for 1m")
    }
  }

  @Test func withDamagedMemoryNothingNewIsDeployed() {
    let decision = DeploymentPlanner.decide(
      deployment(spec("2.3.0"), status: settledStatus()), facts: facts(.damaged(message: "trust.json is damaged")))
    #expect(decision.stepName == "settled for 1m")
    #expect(decision.reason(DeploymentCondition.ready) == "TrustMemoryDamaged")
  }

  // MARK: Absurd times

  @Test func noStatusPutsOffTheNextTryForEver() {
    let never = Timestamp(seconds: 253_402_300_799)
    for time in [never, Timestamp(microseconds: .max), Timestamp(microseconds: .min), moment + .seconds(3600)] {
      var status = failedStatus(isTransient: true)
      status.nextAttemptAt = time
      let decision = DeploymentPlanner.decide(deployment(spec("2.3.0"), status: status), facts: facts())
      #expect(decision.stepName == "deploy 2.3.0", "\(time)")
    }
  }

  @Test func noStatusPutsOffACorrectionForEver() {
    var status = settledStatus()
    status.conditions?.removeAll { $0.type == DeploymentCondition.drifted }
    status.conditions?.append(
      condition(DeploymentCondition.drifted, .isFalse, "Corrected", since: Timestamp(seconds: 253_402_300_799)))
    status.corrections = Int.max
    let decision = DeploymentPlanner.decide(
      deployment(spec("2.2.0"), status: status), facts: facts(.unsigned, .observed(.compose([]))))
    #expect(decision.stepName == "correct to 2.2.0")
  }

  // MARK: The account

  private func kept(_ status: DesiredDeploymentStatus, previous: DesiredDeploymentStatus? = nil) -> KeptLedger {
    KeptLedger(record: "wrktalk/wrktalk", uid: "u", status: status, previous: DeploymentLedger(previous).digest)
  }

  @Test func whatIsKeptCountsAndWhatStatusSaysIsPutRight() {
    let honest = settledStatus()
    var forged = honest
    forged.current?.revision = 99
    forged.attempts = 3
    let record = TrustedRecord(deployment(spec("2.2.0"), status: forged), kept: kept(honest), mayAdopt: true)
    #expect(record.object.status?.current == honest.current)
    #expect(record.object.status?.attempts == 3, "what is no part of the account is the server's")
    #expect(record.events.map(\.reason) == ["StatusForged"])
    let same = TrustedRecord(deployment(spec("2.2.0"), status: honest), kept: kept(honest), mayAdopt: false)
    #expect(same.object.status == honest)
    #expect(same.events == [])
  }

  @Test func aStatusFromBeforeTheLastThatWasKeptIsOlderAndNotForged() {
    let (before, after) = (settledStatus("2.2.0"), settledStatus("2.3.0"))
    let record = TrustedRecord(
      deployment(spec("2.3.0"), status: before), kept: kept(after, previous: before), mayAdopt: false)
    #expect(record.object.status == after)
    #expect(record.events == [])
  }

  @Test func whereNothingIsKeptAStatusIsTakenOverOnlyWhereThatIsAllowed() {
    let object = deployment(spec("2.2.0"), status: settledStatus())
    let adopted = TrustedRecord(object, kept: nil, mayAdopt: true)
    #expect(adopted.object == object)
    #expect(adopted.events.map(\.reason) == ["StatusAdopted"])
    let refused = TrustedRecord(object, kept: nil, mayAdopt: false)
    #expect(DeploymentLedger(refused.object.status).isEmpty)
    #expect(refused.events.map(\.reason) == ["StatusNotBelieved"])
    let new = TrustedRecord(deployment(spec("2.2.0")), kept: nil, mayAdopt: true)
    #expect(new.events == [])
    #expect(new.object.status == nil)
  }
}
