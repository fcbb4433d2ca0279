import FleetProtocol
import OfferPlanning
import Testing
import WireFormats

@Suite struct OfferWithdrawalTests {
  private static let now = Timestamp(seconds: 1_800_000_000)

  private static func candidate(_ version: String, age: Int64 = 3600) -> OfferWithdrawal.Candidate {
    OfferWithdrawal.Candidate(
      id: "id-\(version)", releaseID: "rel-\(version)", version: version, receivedAt: now + .seconds(-age))
  }

  private static func decide(_ candidates: [OfferWithdrawal.Candidate], _ offered: String?) -> OfferWithdrawal.Outcome {
    OfferWithdrawal.decide(
      candidates, offered.map { ReleaseOffer(releaseID: "rel-\($0)", version: $0) }, askedAt: now)
  }

  private static let table: [(waiting: String, offered: String?, isTakenBack: Bool)] = [
    ("2.3.0", nil, true),
    ("2.3.0", "2.3.0", false),
    // The vendor offers the newest that this customer may have.
    ("2.3.0", "2.2.0", true),
    ("2.3.0", "v2.2.0", true),
    ("2.3.0", "2.4.0", false),
    ("2.3.0", "2.10.0", false),
    ("2.10.0", "2.9.0", true),
    ("2.3.0", "2.3.0-rc.1", true),
    // Nothing can be said beside what is no version.
    ("2.3.0", "latest", false),
  ]

  @Test(arguments: table)
  func whatIsNewerThanTheAnswerIsNotOfferedAnyMore(_ row: (waiting: String, offered: String?, isTakenBack: Bool)) {
    let outcome = Self.decide([Self.candidate(row.waiting)], row.offered)
    #expect(outcome.withdrawn == (row.isTakenBack ? ["id-\(row.waiting)"] : []) && outcome.askAgain == nil)
  }

  @Test func anotherReleaseOfTheSameVersionTakesItsPlace() {
    let offer = ReleaseOffer(releaseID: "other", version: "v2.3.0")
    #expect(
      OfferWithdrawal.decide([Self.candidate("2.3.0")], offer, askedAt: Self.now).withdrawn == ["id-2.3.0"])
  }

  @Test func whatWasOfferedJustNowIsAskedForOnceMore() {
    let outcome = Self.decide([Self.candidate("2.3.0", age: 20), Self.candidate("2.4.0")], nil)
    #expect(outcome.withdrawn == ["id-2.4.0"] && outcome.askAgain == .seconds(40))
    // A clock that was set back keeps nothing.
    #expect(Self.decide([Self.candidate("2.3.0", age: -600)], nil).withdrawn == ["id-2.3.0"])
  }
}
