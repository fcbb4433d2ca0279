import FleetKinds
import Testing
import WireFormats

@testable import ControlCommands

@Suite struct RolloutChangeTests {
  private let now = Timestamp(seconds: 1_800_000_000)

  @Test func aStateIsWrittenOnce() throws {
    let running = RolloutSamples.object()
    #expect(
      try RolloutChange.patch(.paused, offersPrevious: false, of: running)
        == .init(patch: ["spec": ["state": "Paused"]], outcome: "paused"))
    let paused = RolloutSamples.object(phase: "Paused", state: "Paused")
    #expect(
      try RolloutChange.patch(.paused, offersPrevious: false, of: paused)
        == .init(patch: nil, outcome: "was already paused"))
    #expect(
      try RolloutChange.patch(.running, offersPrevious: false, of: paused)
        == .init(patch: ["spec": ["state": "Running"]], outcome: "resumed"))
    #expect(try RolloutChange.patch(.running, offersPrevious: false, of: running).patch == nil)
  }

  @Test func aHaltMayOfferTheVersionBefore() throws {
    let decision = try RolloutChange.patch(.halted, offersPrevious: true, of: RolloutSamples.object())
    #expect(decision.patch == ["spec": ["state": "Halted", "onHalt": "OfferPrevious"]])
    // Also where it has halted by itself.
    let halted = RolloutSamples.object(phase: "Halted", state: "Halted")
    #expect(try RolloutChange.patch(.halted, offersPrevious: false, of: halted).patch == nil)
    #expect(try RolloutChange.patch(.halted, offersPrevious: true, of: halted).patch != nil)
  }

  @Test func whatHasEndedIsNeitherPausedNorResumed() {
    for state in [RolloutChange.State.paused, .running] {
      #expect {
        try RolloutChange.patch(state, offersPrevious: false, of: RolloutSamples.object(phase: "Halted"))
      } throws: {
        ($0 as? CommandFailure)?.hint?.contains("rollout retry spring") == true
      }
    }
    #expect(throws: CommandFailure.self) {
      try RolloutChange.patch(.paused, offersPrevious: false, of: RolloutSamples.object(phase: "Completed"))
    }
  }

  /// A stage is through once enough have reported: the offers of the others are open still.
  @Test func whatIsOpenOfACompletedRolloutCanBeTakenBack() throws {
    let decision = try RolloutChange.patch(
      .halted, offersPrevious: true, of: RolloutSamples.object(phase: "Completed"))
    #expect(decision.patch == ["spec": ["state": "Halted", "onHalt": "OfferPrevious"]])
  }

  @Test func anApprovalIsForAStageThatAsksForIt() throws {
    #expect(
      try RolloutChange.approval(of: "canary", in: RolloutSamples.object())
        == .init(
          patch: ["spec": ["approvedStages": ["canary"]]], outcome: "stage canary approved", replacesWhatWasRead: true))
    #expect(try RolloutChange.approval(of: "canary", in: RolloutSamples.object(approved: ["canary"])).patch == nil)
    var running = RolloutSamples.object()
    running["status"]?["stages"] = [["name": "canary", "phase": "Running"]]
    #expect(try RolloutChange.approval(of: "canary", in: running).outcome.hasPrefix("stage canary approved in advance"))
    #expect { try RolloutChange.approval(of: "early", in: RolloutSamples.object()) } throws: {
      ($0 as? CommandFailure)?.message == "the stage early asks for no approval"
    }
    #expect { try RolloutChange.approval(of: "canari", in: RolloutSamples.object()) } throws: {
      let failure = $0 as? CommandFailure
      return failure?.exitCode == 64 && failure?.hint == "Did you mean canary?"
    }
    #expect { try RolloutChange.approval(of: "x", in: RolloutSamples.object()) } throws: {
      ($0 as? CommandFailure)?.hint == "There are: canary, early, everyone."
    }
  }

  @Test func aRetryNeedsAFailureOrAHalt() throws {
    let annotation: JSONValue = ["annotations": [RolloutKind.retryAnnotation: .string(now.description)]]
    #expect(
      try RolloutChange.retry(RolloutSamples.object(failed: 1), now: now)
        == .init(patch: ["metadata": annotation], outcome: "1 customer that failed is offered 2.3.0 once more"))
    #expect(
      try RolloutChange.retry(RolloutSamples.object(phase: "Halted"), now: now)
        == .init(
          patch: ["metadata": annotation, "spec": ["state": "Running"]],
          outcome: "taken up again; 3 customers that failed are offered 2.3.0 once more"))
    #expect(throws: CommandFailure.self) { try RolloutChange.retry(RolloutSamples.object(failed: 0), now: now) }
  }
}
