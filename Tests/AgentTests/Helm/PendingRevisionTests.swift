import ResourceModel
import Testing
import WireFormats

@testable import Agent

struct PendingRevisionTests {
  @Test(arguments: [
    (PendingRevision.Maker.notedRun, 0, true), (.notedRun, 601, true), (.agent, 0, true), (.agent, 601, true),
    (.somebodyElse, 0, false), (.somebodyElse, 600, false), (.somebodyElse, 601, true), (.somebodyElse, -5, false),
  ])
  func aRevisionIsAbandonedOnceNoHelmCanWorkOnIt(_ maker: PendingRevision.Maker, _ age: Int, _ isAbandoned: Bool) {
    #expect(PendingRevision(maker: maker, age: .seconds(age)).isAbandoned(after: .seconds(600)) == isAbandoned)
  }

  struct Case: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var operation: String?
    /// Of the revision before it.
    var operationBefore: String?
    var status = "pending-upgrade"
    var description = "Preparing upgrade"
    var run: HelmRun?
    var maker: PendingRevision.Maker
  }

  @Test(arguments: [
    Case(
      testDescription: "the noted upgrade", operation: "b", operationBefore: "a",
      run: HelmRun(base: 2, purpose: .upgrade(operation: "b")), maker: .notedRun),
    Case(
      testDescription: "the noted rollback", operation: "a", operationBefore: "a", status: "pending-rollback",
      description: "Rollback to 1", run: HelmRun(base: 2, purpose: .rollback(to: 1)), maker: .notedRun),
    Case(
      testDescription: "the noted upgrade of a Helm without labels",
      run: HelmRun(base: 2, purpose: .upgrade(operation: nil)), maker: .notedRun),
    Case(testDescription: "an upgrade of another Agent", operation: "b", operationBefore: "a", maker: .agent),
    Case(
      testDescription: "an upgrade by hand that took over the label", operation: "a", operationBefore: "a",
      maker: .somebodyElse),
    Case(testDescription: "an upgrade by hand", maker: .somebodyElse),
    Case(
      testDescription: "another rollback than the noted one", operation: "a", operationBefore: "a",
      status: "pending-rollback", description: "Rollback to 2", run: HelmRun(base: 2, purpose: .rollback(to: 1)),
      maker: .somebodyElse),
  ])
  func theMakerIsKnownByTheNoteAndTheLabels(_ row: Case) throws {
    let before = try revision(2, "deployed", operation: row.operationBefore)
    let pending = try revision(3, row.status, operation: row.operation)
    let found = PendingRevision(
      pending, among: [pending, before], description: row.description, unfinished: row.run,
      now: Timestamp(seconds: 1_797_300_090))
    #expect(found == PendingRevision(maker: row.maker, age: .seconds(90)))
  }

  private func revision(_ number: Int64, _ status: String, operation: String?) throws -> RevisionLabel {
    var labels: [String: JSONValue] = [
      "owner": "helm", "name": "wrktalk", "version": .string(String(number)), "status": .string(status),
      "modifiedAt": "1797300000",
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
}
