import Testing
import WireFormats

@testable import ResourceClient

@Suite struct LeaseElectionTests {
  private static let now = Timestamp(seconds: 1000)

  private static func record(_ holder: String, renewedAt: Int64 = 1, duration: Int64 = 15) -> LeaseRecord {
    LeaseRecord(
      holder: holder, duration: .seconds(duration), acquiredAt: Timestamp(seconds: 1),
      renewedAt: Timestamp(seconds: renewedAt), transitions: 3)
  }

  private static func taken(transitions: Int64) -> LeaseElection.Decision {
    .write(
      LeaseRecord(holder: "me", duration: .seconds(15), acquiredAt: now, renewedAt: now, transitions: transitions))
  }

  struct Case: Sendable, CustomTestStringConvertible {
    var testDescription: String
    /// What is seen, and when by the own clock.
    var sights: [(record: LeaseRecord?, uptime: Int)]
    var decision: LeaseElection.Decision
  }

  static let cases = [
    Case(testDescription: "no lease is taken", sights: [(nil, 0)], decision: taken(transitions: 0)),
    Case(
      testDescription: "a released lease is taken at once", sights: [(record(""), 0)], decision: taken(transitions: 4)),
    Case(
      testDescription: "another's lease is respected", sights: [(record("other"), 0)],
      decision: .standBy(holder: "other")),
    Case(
      testDescription: "up to its end", sights: [(record("other"), 0), (record("other"), 14)],
      decision: .standBy(holder: "other")),
    Case(
      testDescription: "and taken after it", sights: [(record("other"), 0), (record("other"), 15)],
      decision: taken(transitions: 4)),
    Case(
      testDescription: "each renewal begins the wait anew",
      sights: [(record("other"), 0), (record("other", renewedAt: 2), 14), (record("other", renewedAt: 2), 28)],
      decision: .standBy(holder: "other")),
    Case(
      testDescription: "a holder whose clock is years behind is respected",
      sights: [(record("other", renewedAt: -1_000_000_000), 500)], decision: .standBy(holder: "other")),
    Case(
      testDescription: "the own lease is renewed and keeps its beginning", sights: [(record("me"), 0)],
      decision: .write(
        LeaseRecord(
          holder: "me", duration: .seconds(15), acquiredAt: Timestamp(seconds: 1), renewedAt: now, transitions: 3))),
  ]

  @Test(arguments: cases)
  func decides(example: Case) throws {
    var election = LeaseElection(identity: "me", duration: .seconds(15))
    var decision: LeaseElection.Decision?
    for sight in example.sights {
      decision = election.decide(record: sight.record, uptime: .seconds(sight.uptime), now: Self.now)
    }
    #expect(decision == example.decision)
  }

  @Test func aDamagedLeaseReadsAsHeldByNobody() {
    let record = LeaseRecord(lease: ["spec": ["holderIdentity": 7, "renewTime": "yesterday"]])
    #expect(record.holder.isEmpty)
    #expect(record.renewedAt == nil)
  }

  @Test func whatOthersWroteIntoTheLeaseStays() {
    let lease: JSONValue = ["metadata": ["labels": ["a": "b"]], "spec": ["strategy": "OldestEmulationVersion"]]
    let written = Self.record("me").written(into: lease)
    #expect(written["metadata"] == lease["metadata"])
    #expect(written["spec"]?["strategy"] == "OldestEmulationVersion")
    #expect(written["spec"]?["renewTime"] == "1970-01-01T00:00:01.000000Z")
  }
}
