import TestSupport
import Testing
import WireFormats

@testable import MaintenanceWindows

@Suite struct TimeZoneRulesTests {
  struct Row: Sendable, CustomTestStringConvertible {
    var zone: String
    var time: String
    var before: Double
    var after: Double
    var testDescription: String { "\(zone) \(time)" }

    init(_ zone: String, _ time: String, _ before: Double, _ after: Double) {
      (self.zone, self.time, self.before, self.after) = (zone, time, before, after)
    }
  }

  /// The moment of a change, and the hours that clocks are ahead of UTC before and after.
  @Test(arguments: [
    Row("Europe/Berlin", "2026-03-29T01:00:00Z", 1, 2), Row("Europe/Berlin", "2026-10-25T01:00:00Z", 2, 1),
    Row("Europe/Berlin", "2099-03-29T01:00:00Z", 1, 2), Row("Europe/Berlin", "2100-10-31T01:00:00Z", 2, 1),
    Row("America/New_York", "2026-03-08T07:00:00Z", -5, -4), Row("America/New_York", "2099-11-01T06:00:00Z", -4, -5),
    // The south: summer goes over the new year.
    Row("Pacific/Auckland", "2026-04-04T14:00:00Z", 13, 12), Row("Pacific/Auckland", "2099-09-26T14:00:00Z", 12, 13),
    Row("America/Santiago", "2026-04-05T03:00:00Z", -3, -4), Row("America/Santiago", "2090-09-03T04:00:00Z", -4, -3),
    // By half an hour.
    Row("Australia/Lord_Howe", "2026-04-04T15:00:00Z", 11, 10.5),
    Row("Australia/Lord_Howe", "2080-10-05T15:30:00Z", 10.5, 11),
    // "Daylight saving" is an hour less, in winter.
    Row("Europe/Dublin", "2026-03-29T01:00:00Z", 0, 1), Row("Europe/Dublin", "2070-10-26T01:00:00Z", 1, 0),
    // For ever.
    Row("Pacific/Apia", "2011-12-30T10:00:00Z", -10, 14), Row("Europe/Istanbul", "2016-03-27T01:00:00Z", 2, 3),
    // Before summer time.
    Row("Asia/Kathmandu", "1985-12-31T18:30:00Z", 5.5, 5.75),
  ])
  func offsetsChangeWhenTheyDo(_ row: Row) throws {
    let rules = try ZoneFolder.rules(row.zone)
    let second = try ZoneFolder.time(row.time).floorSeconds
    #expect(rules.offset(at: second - 1) == Int64(row.before * 3600))
    #expect(rules.offset(at: second) == Int64(row.after * 3600))
    let segments = rules.segments(second - 86_400..<second + 86_400)
    #expect(segments.map(\.moments) == [second - 86_400..<second, second..<second + 86_400])
  }

  @Test func aZoneWithoutChangesHasOneOffset() throws {
    for (zone, offset) in [("UTC", 0), ("Etc/GMT+5", -18_000), ("Asia/Kolkata", 19_800)] as [(String, Int64)] {
      let rules = try ZoneFolder.rules(zone)
      #expect(rules.segments(1_800_000_000..<1_900_000_000).map(\.offset) == [offset])
    }
  }

  /// RFC 9636 §3.3.1: rules of a kind that few zones have.
  @Test(
    arguments: [
      // Daylight saving time all year.
      ("XXX3EDT4,0/0,J365/23", "2030-01-01T00:00:00Z", -4), ("XXX3EDT4,0/0,J365/23", "2030-07-01T00:00:00Z", -4),
      // Hours of another day: Nuuk before 2024, and Gaza.
      ("<-03>3<-02>,M3.5.0/-2,M10.5.0/-1", "2023-03-26T00:59:59Z", -3),
      ("<-03>3<-02>,M3.5.0/-2,M10.5.0/-1", "2023-03-26T01:00:00Z", -2),
      ("EET-2EEST,M3.4.4/50,M10.4.4/50", "2026-03-27T23:59:59Z", 2),
      ("EET-2EEST,M3.4.4/50,M10.4.4/50", "2026-03-28T00:00:00Z", 3),
      // Days of the year, with and without 29 February.
      ("AAA0BBB,J60/0,J300/0", "2028-03-01T00:00:00Z", 1), ("AAA0BBB,J60/0,J300/0", "2028-02-29T23:59:59Z", 0),
      ("AAA0BBB,59/0,300/0", "2028-02-29T00:00:00Z", 1), ("AAA0BBB,59/0,300/0", "2027-03-01T00:00:00Z", 1),
      ("AAA0BBB,59/0,300/0", "2027-02-28T23:59:59Z", 0),
      ("<+0530>-5:30", "2027-02-28T23:59:59Z", 5.5),
    ] as [(String, String, Double)])
  func rulesOfEveryKindAreUnderstood(_ text: String, _ time: String, _ hours: Double) throws {
    let rule = try RecurringClockChange(text.utf8)
    #expect(rule.offset(at: try ZoneFolder.time(time).floorSeconds) == Int64(hours * 3600))
  }

  @Test(arguments: [
    "CET", "-1", "C-1", "CET-1CEST", "CET-1CEST,M3.5.0", "CET-1CEST,M3.5.0,M10.5.0/3,", "CET-25", "CET-1:60",
    "CET-1CEST,M13.5.0,M10.5.0", "CET-1CEST,M3.6.0,M10.5.0", "CET-1CEST,M3.5.7,M10.5.0", "CET-1CEST,J0,J365",
    "CET-1CEST,J366,J1", "CET-1CEST,366,1", "CET-1CEST,M3.5.0/168,M10.5.0", "<CET-1", "CET-1CEST,M3.5.0M10.5.0",
    "CET--1", "CET-0001",
  ])
  func rulesThatAreNoneAreRefused(_ text: String) {
    #expect(throws: TimeZoneFileError.self) { try RecurringClockChange(text.utf8) }
  }

  // MARK: Files

  @Test func noPartOfAFileIsTakenForTheWhole() throws {
    let bytes = try ZoneFolder.bytes("Europe/Berlin")
    for length in 0..<bytes.count {
      #expect(throws: TimeZoneFileError.self, "the first \(length) bytes") {
        try TimeZoneRules(file: Array(bytes[..<length]))
      }
    }
  }

  /// Whatever is wrong, it is an error, or rules that can be asked.
  @Test func aDamagedFileEndsNothing() throws {
    let bytes = try ZoneFolder.bytes("Europe/Dublin")
    var random = SeededGenerator(seed: 12)
    for _ in 0..<3_000 {
      var damaged = bytes
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        damaged[Int.random(in: 0..<damaged.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
      }
      guard let rules = try? TimeZoneRules(file: damaged) else { continue }
      for second in [Int64.min / 2_000_000, 0, 1_800_000_000, Int64.max / 1_000_000] {
        #expect(abs(rules.offset(at: second)) < TimeZoneRules.offsetBound + 3600)
      }
    }
  }

  @Test func hugeCountsAllocateNothing() {
    var bytes = Array("TZif2".utf8) + [UInt8](repeating: 0, count: 15)
    bytes += [UInt8](repeating: 0xFF, count: 24)
    #expect(throws: TimeZoneFileError.self) { try TimeZoneRules(file: bytes) }
    #expect(throws: TimeZoneFileError.self) { try TimeZoneRules(file: [UInt8](repeating: 0, count: 1 << 20)) }
  }

  /// A file of one local time, as they are under `right/`.
  @Test func filesWithLeapSecondsAreRefused() throws {
    func header(leapSeconds: UInt8) -> [UInt8] {
      let counts: [UInt8] = [0, 0, leapSeconds, 0, 1, 4]
      return Array("TZif2".utf8) + [UInt8](repeating: 0, count: 15) + counts.flatMap { [0, 0, 0, $0] }
    }
    let local: [UInt8] = [0, 0, 0x0E, 0x10, 0, 0] + Array("CET\0".utf8)
    let footer = Array("\nCET-1\n".utf8)
    func file(_ leaps: [UInt8]) -> [UInt8] {
      header(leapSeconds: 0) + local + header(leapSeconds: leaps.isEmpty ? 0 : 1) + local + leaps + footer
    }
    #expect(try TimeZoneRules(file: file([])).offset(at: 1_800_000_000) == 3600)
    let error = #expect(throws: TimeZoneFileError.self) {
      try TimeZoneRules(file: file([0, 0, 0, 0, 4, 0xB2, 0x58, 0, 0, 0, 0, 1]))
    }
    #expect(error?.message.contains("leap seconds") == true)
  }

  @Test(arguments: [
    ("Europe/Berlin", true), ("UTC", true), ("Etc/GMT+5", true), ("America/Port-au-Prince", true),
    ("America/Argentina/Buenos_Aires", true), ("", false), ("../etc/passwd", false), ("Europe/../../etc/passwd", false),
    ("/etc/passwd", false), ("Europe//Berlin", false), ("Europe/", false), (".", false), ("Europe/.hidden", false),
    ("Europe/Berlin\0", false), ("localtime", false), ("-x", false), ("Europe/Bérlin", false), ("Europe Berlin", false),
    (String(repeating: "a", count: 65), false),
  ])
  func onlyNamesOfZonesAreLookedFor(_ text: String, _ isName: Bool) {
    #expect((TimeZoneName(text) != nil) == isName)
  }
}
