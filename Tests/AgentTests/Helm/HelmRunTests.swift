import DeploymentPlanning
import ResourceModel
import Testing
import WireFormats

@testable import Agent

struct HelmRunTests {
  private func revision(
    _ number: Int64, _ status: HelmObservation.Status = .pendingUpgrade, operation: String? = nil
  ) throws -> RevisionLabel {
    var labels: [String: JSONValue] = [
      "owner": "helm", "name": "wrktalk", "version": .string(String(number)), "status": .string(status.rawValue),
    ]
    labels[RevisionLabel.operationLabel] = operation.map(JSONValue.string)
    return try #require(
      RevisionLabel([
        "metadata": [
          "name": .string(HelmReleaseRecord.secretName(release: "wrktalk", revision: number)), "namespace": "prod",
          "labels": .object(labels),
        ]
      ]))
  }

  @Test func anUpgradeMadeTheFirstRevisionThatBearsItsLabel() throws {
    let run = HelmRun(base: 2, purpose: .upgrade(operation: "b"))
    // Helm hands the labels of a revision down to whatever somebody makes of it.
    let revisions = [
      try revision(4, .deployed, operation: "b"), try revision(3, operation: "b"), try revision(2, operation: "a"),
    ]
    #expect(revisions.map { run.made($0, among: revisions, description: nil) } == [false, true, false])
    #expect(
      HelmRun(base: 2, purpose: .upgrade(operation: "c")).made(revisions[1], among: revisions, description: nil)
        == false)
  }

  @Test func aHelmWithoutLabelsMadeTheRevisionAfterTheLast() throws {
    let run = HelmRun(base: 2, purpose: .upgrade(operation: nil))
    let revisions = [try revision(4), try revision(3), try revision(2)]
    #expect(revisions.map { run.made($0, among: revisions, description: nil) } == [false, true, false])
    let other = try revision(3, .pendingRollback)
    #expect(!run.made(other, among: [other], description: nil))
  }

  @Test func aRollbackMadeTheRevisionThatSaysSo() throws {
    let run = HelmRun(base: 2, purpose: .rollback(to: 1))
    let made = try revision(3, .pendingRollback)
    #expect(run.made(made, among: [made], description: "Rollback to 1"))
    #expect(!run.made(made, among: [made], description: "Rollback to 2"))
    #expect(!run.made(try revision(2, .pendingRollback), among: [], description: "Rollback to 1"))
  }

  @Test(arguments: [
    HelmRun.Purpose.upgrade(operation: "ab12"), .upgrade(operation: nil), .rollback(to: 3), .uninstall,
  ])
  func aRunIsReadFromItsNote(_ purpose: HelmRun.Purpose) {
    var run = HelmRun(base: 7, purpose: purpose)
    #expect(HelmRun(note: run.note) == run)
    run.hasEnded = true
    #expect(HelmRun(note: run.note) == run)
  }

  @Test func aNoteThatWasCutOffNamesNoRun() { #expect(HelmRun(note: []) == nil) }
}

struct OutageTallyTests {
  @Test func timeRunsOnlyWhileTheClusterIsSeen() {
    var tally = OutageTally()
    tally.note(isOut: false, at: .seconds(10))
    tally.note(isOut: true, at: .seconds(20))
    #expect(tally.isConsiderable && tally.lost == .zero)
    tally.note(isOut: true, at: .seconds(50))
    #expect(tally.lost == .seconds(30))
    tally.note(isOut: false, at: .seconds(60))
    #expect(tally.lost == .seconds(40) + OutageTally.recoveryTime)
    tally.note(isOut: false, at: .seconds(90))
    #expect(tally.lost == .seconds(40) + OutageTally.recoveryTime && tally.isConsiderable)
  }

  @Test func aConnectionThatBrokeForAMomentExcusesNothing() {
    var tally = OutageTally()
    tally.note(isOut: true, at: .seconds(1))
    tally.note(isOut: false, at: .seconds(3))
    #expect(!tally.isConsiderable)
  }
}
