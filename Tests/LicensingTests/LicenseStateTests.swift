import Cryptography
import Testing
import WireFormats

@testable import Licensing

@Suite struct LicenseStateTests {
  typealias Samples = LicenseSamples

  @Test(
    arguments: [
      // Of whom, for which installation; from and to in days from now.
      ("acme", nil, nil, nil, "Valid"), ("acme", nil, -1, 1, "Valid"), ("acme", nil, nil, 0, "Expired"),
      ("acme", nil, 0, 10, "Valid"), ("acme", nil, 1, 10, "NotYetValid"), ("acme", nil, -10, -1, "Expired"),
      ("acme", "i-1", nil, 1, "Valid"), ("acme", "i-2", nil, 1, "WrongInstallation"),
      ("other", nil, nil, 1, "WrongOrganization"), ("other", "i-1", -10, -1, "WrongOrganization"),
    ] as [(String, String?, Int64?, Int64?, String)])
  func aLicenceHoldsForItsHolderInItsTime(
    organization: String, installation: String?, begins: Int64?, ends: Int64?, word: String
  ) {
    let license = Samples.license(organization: organization, installation: installation, begins: begins, ends: ends)
    let state = LicenseState(
      license, for: LicenseHolder(organization: "acme", installation: "i-1"), at: Samples.now)
    #expect(state.word == word)
    #expect(state.isBlocking == (word != "Valid"))
    #expect(!state.message.isEmpty)
  }

  @Test func whereTheHolderIsNotKnownEveryonesLicenceHolds() {
    let bound = Samples.license(organization: "other", installation: "i-2")
    #expect(LicenseState(bound, for: LicenseHolder(), at: Samples.now) == .valid(bound))
  }

  @Test func withoutALicenceNothingIsCheckedAndNothingIsValid() {
    let state = LicenseSet().state(at: Samples.now)
    #expect(state == .notConfigured && state.word == "NotConfigured" && !state.isBlocking)
  }

  /// Each line: licences at hand, and which counts how.
  @Test(
    arguments: [
      ([Samples.license("old", issued: -9), Samples.license("new", issued: -1)], "new", "Valid"),
      ([Samples.license("new", issued: -1), Samples.license("old", issued: -9)], "new", "Valid"),
      // The newest that is valid, not the newest.
      ([Samples.license("old", issued: -9), Samples.license("new", issued: -1, ends: -1)], "old", "Valid"),
      ([Samples.license("old", issued: -9, ends: -2), Samples.license("new", issued: -1, ends: -1)], "new", "Expired"),
      ([Samples.license("now", issued: -9), Samples.license("later", issued: -1, begins: 5)], "now", "Valid"),
      ([Samples.license("over", ends: -1), Samples.license("later", begins: 5)], "later", "NotYetValid"),
      ([Samples.license("ours", ends: -1), Samples.license("theirs", organization: "other")], "ours", "Expired"),
      // Of one moment, and of before there were moments.
      ([Samples.license("short", ends: 1), Samples.license("long", ends: 9)], "long", "Valid"),
      ([Samples.license("first", issued: nil, ends: nil), Samples.license("second", issued: -1)], "second", "Valid"),
    ] as [([License], String, String)])
  func theNewestValidLicenceCounts(licenses: [License], id: String, word: String) throws {
    let set = LicenseSet(
      holder: LicenseHolder(organization: "acme"),
      held: try licenses.flatMap { try Samples.held($0) })
    let state = set.state(at: Samples.now)
    #expect(state.license?.id == id)
    #expect(state.word == word)
  }

  @Test func anUnreadableTokenStandsBehindAnyOther() throws {
    let broken = HeldLicense(source: .configured, token: .success("x"), keys: .success(Samples.keys))
    let missing = HeldLicense(
      source: .configured, token: .failure(LicenseError("cannot be read")), keys: .success(Samples.keys))
    let set = LicenseSet(held: [broken, missing] + (try Samples.held(Samples.license(ends: -1))))
    #expect(set.state(at: Samples.now).word == "Expired")
    #expect(LicenseSet(held: [missing]).state(at: Samples.now) == .invalid(LicenseError("cannot be read")))
    let unkeyed = HeldLicense(
      source: .configured, token: .success("x"), keys: .failure(LicenseError("set the key")))
    #expect(LicenseSet(held: [unkeyed]).state(at: Samples.now).message == "set the key")
  }

  // MARK: Reminders

  /// Length of the licence in days, moment in seconds before its end, and what is due.
  @Test(
    arguments: [
      (365, 31 * 86_400, nil), (365, 30 * 86_400, "a/30"), (365, 7 * 86_400 + 1, "a/30"), (365, 7 * 86_400, "a/7"),
      (365, 86_400 + 1, "a/7"), (365, 86_400, "a/1"), (365, 1, "a/1"), (365, 0, "a"), (365, -90 * 86_400, "a"),
      // Nobody is reminded of a month's licence on its first day.
      (30, 30 * 86_400, nil), (30, 20 * 86_400, nil), (30, 6 * 86_400, "a/7"), (7, 2 * 86_400, nil), (7, 3600, "a/1"),
      (1, 3600, nil), (1, 0, "a"),
    ] as [(Int64, Int64, String?)])
  func theLatestReminderIsDue(days: Int64, before: Int64, fact: String?) {
    let end = Samples.days(400)
    let license = License(
      id: "a", organization: "acme", issuedAt: end + .seconds(-days * 86_400), expiresAt: end)
    #expect(LicenseReminder.due(license, at: end + .seconds(-before))?.fact == fact)
  }

  @Test func whatNeverEndsIsNotRemindedOf() {
    #expect(LicenseReminder.due(Samples.license(ends: nil), at: Samples.now) == nil)
  }

  /// Each line: licences at hand, and with which the covered time ends.
  @Test(
    arguments: [
      ([], nil), ([Samples.license("a", ends: 5)], "a"), ([Samples.license("a", ends: -5)], "a"),
      ([Samples.license("a", ends: -5), Samples.license("b", ends: -3)], "b"),
      // A licence that takes over in time.
      ([Samples.license("a", ends: 5), Samples.license("b", begins: 5, ends: 50)], "b"),
      ([Samples.license("a", ends: 5), Samples.license("b", begins: 6, ends: 50)], "a"),
      ([Samples.license("a", ends: -5), Samples.license("b", begins: 6, ends: 50)], "a"),
      ([Samples.license("a", ends: 5), Samples.license("b", ends: nil)], nil),
      ([Samples.license("a", ends: 5), Samples.license("b", begins: 4, ends: nil)], nil),
      // Another's covers nothing.
      ([Samples.license("a", ends: 5), Samples.license("b", organization: "other", ends: 50)], "a"),
    ] as [([License], String?)])
  func remindersAreOfTheLicenceWithWhichCoveredTimeEnds(licenses: [License], id: String?) throws {
    let set = LicenseSet(
      holder: LicenseHolder(organization: "acme"), held: try licenses.flatMap { try Samples.held($0) })
    #expect(set.last(at: Samples.now)?.id == id)
  }
}
