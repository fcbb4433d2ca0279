import Testing
import WireFormats

@testable import MaintenanceWindows

/// Windows over changes of clocks.
@Suite struct OpeningTests {
  struct Row: Sendable, CustomTestStringConvertible {
    var name: String
    var windows: JSONValue
    var freezes: JSONValue = []
    var after: String
    /// Beginning and end, in UTC.
    var openings: [[String]]
    var testDescription: String { name }
  }

  private static func window(
    _ zone: String, _ from: String, _ to: String, _ days: [String] = ["Sat", "Sun"]
  ) -> JSONValue {
    [
      "days": .array(days.map { .string($0) }), "from": .string(from), "to": .string(to), "timeZone": .string(zone),
    ]
  }

  private static let daily = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]

  static let rows = [
    Row(
      name: "an ordinary week", windows: [window("Europe/Berlin", "02:00", "05:00")], after: "2026-11-25T00:00:00Z",
      openings: [
        ["2026-11-28T01:00:00Z", "2026-11-28T04:00:00Z"], ["2026-11-29T01:00:00Z", "2026-11-29T04:00:00Z"],
        ["2026-12-05T01:00:00Z", "2026-12-05T04:00:00Z"],
      ]),
    Row(
      name: "a window that begins now is not to come", windows: [window("Europe/Berlin", "02:00", "05:00")],
      after: "2026-11-28T01:00:00Z", openings: [["2026-11-29T01:00:00Z", "2026-11-29T04:00:00Z"]]),
    Row(
      name: "over midnight", windows: [window("America/New_York", "22:00", "02:00", ["Fri"])],
      after: "2026-07-01T00:00:00Z", openings: [["2026-07-04T02:00:00Z", "2026-07-04T06:00:00Z"]]),
    // Berlin, 29 March 2026: 02:00 to 03:00 is left out.
    Row(
      name: "a beginning that is left out begins right after", windows: [window("Europe/Berlin", "02:30", "05:00")],
      after: "2026-03-28T12:00:00Z", openings: [["2026-03-29T01:00:00Z", "2026-03-29T03:00:00Z"]]),
    Row(
      name: "an hour is missing", windows: [window("Europe/Berlin", "01:00", "05:00")],
      after: "2026-03-28T12:00:00Z", openings: [["2026-03-29T00:00:00Z", "2026-03-29T03:00:00Z"]]),
    Row(
      name: "what is left out as a whole is not there", windows: [window("Europe/Berlin", "02:00", "03:00", ["Sun"])],
      after: "2026-03-28T12:00:00Z", openings: [["2026-04-05T00:00:00Z", "2026-04-05T01:00:00Z"]]),
    Row(
      name: "an end that is left out ends before", windows: [window("Europe/Berlin", "01:30", "02:30", ["Sun"])],
      after: "2026-03-28T12:00:00Z", openings: [["2026-03-29T00:30:00Z", "2026-03-29T01:00:00Z"]]),
    // Berlin, 25 October 2026: 02:00 to 03:00 is shown twice.
    Row(
      name: "an hour is there twice", windows: [window("Europe/Berlin", "02:00", "05:00", ["Sun"])],
      after: "2026-10-24T12:00:00Z",
      openings: [["2026-10-25T00:00:00Z", "2026-10-25T04:00:00Z"], ["2026-11-01T01:00:00Z", "2026-11-01T04:00:00Z"]]),
    Row(
      name: "a window that comes twice counts once", windows: [window("Europe/Berlin", "02:00", "02:30", ["Sun"])],
      after: "2026-10-24T12:00:00Z",
      openings: [["2026-10-25T00:00:00Z", "2026-10-25T00:30:00Z"], ["2026-11-01T01:00:00Z", "2026-11-01T01:30:00Z"]]),
    Row(
      name: "in its first coming, the second is next", windows: [window("Europe/Berlin", "02:00", "02:30", ["Sun"])],
      after: "2026-10-25T00:15:00Z",
      openings: [["2026-10-25T01:00:00Z", "2026-10-25T01:30:00Z"], ["2026-11-01T01:00:00Z", "2026-11-01T01:30:00Z"]]),
    Row(
      name: "the south", windows: [window("Pacific/Auckland", "01:00", "04:00", ["Sun"])],
      after: "2026-04-01T00:00:00Z",
      openings: [["2026-04-04T12:00:00Z", "2026-04-04T16:00:00Z"], ["2026-04-11T13:00:00Z", "2026-04-11T16:00:00Z"]]),
    Row(
      name: "half an hour is left out", windows: [window("Australia/Lord_Howe", "02:00", "04:00", ["Sun"])],
      after: "2026-10-01T00:00:00Z", openings: [["2026-10-03T15:30:00Z", "2026-10-03T17:00:00Z"]]),
    Row(
      name: "half an hour is there twice", windows: [window("Australia/Lord_Howe", "01:00", "02:00", ["Sun"])],
      after: "2026-04-01T00:00:00Z", openings: [["2026-04-04T14:00:00Z", "2026-04-04T15:30:00Z"]]),
    Row(
      name: "winter has an hour less", windows: [window("Europe/Dublin", "01:00", "03:00", ["Sun"])],
      after: "2026-10-24T12:00:00Z", openings: [["2026-10-25T00:00:00Z", "2026-10-25T03:00:00Z"]]),
    Row(
      name: "a change at midnight", windows: [window("America/Santiago", "00:00", "02:00", ["Sun"])],
      after: "2026-09-05T12:00:00Z", openings: [["2026-09-06T04:00:00Z", "2026-09-06T05:00:00Z"]]),
    // Apia had no 30 December 2011, a Friday.
    Row(
      name: "a day that is left out", windows: [window("Pacific/Apia", "02:00", "05:00", ["Fri"])],
      after: "2011-12-29T00:00:00Z", openings: [["2012-01-05T12:00:00Z", "2012-01-05T15:00:00Z"]]),
    Row(
      name: "over the midnight of a day that is left out",
      windows: [window("Pacific/Apia", "22:00", "02:00", ["Thu", "Fri"])], after: "2011-12-29T20:00:00Z",
      // Thursday's first hours and Friday's last ones: one opening of four hours.
      openings: [["2011-12-30T08:00:00Z", "2011-12-30T12:00:00Z"]]),
    Row(
      name: "in 2099", windows: [window("Europe/Berlin", "02:30", "05:00")], after: "2099-03-28T12:00:00Z",
      openings: [["2099-03-29T01:00:00Z", "2099-03-29T03:00:00Z"]]),
    Row(
      name: "windows of two zones that overlap are one",
      windows: [
        window("Europe/Berlin", "02:00", "05:00", ["Sat"]), window("Europe/Lisbon", "03:00", "06:00", ["Sat"]),
      ], after: "2026-11-25T00:00:00Z",
      openings: [["2026-11-28T01:00:00Z", "2026-11-28T06:00:00Z"], ["2026-12-05T01:00:00Z", "2026-12-05T06:00:00Z"]]),
    Row(
      name: "windows that follow each other are one",
      windows: [
        window("Europe/Berlin", "22:00", "24:00", ["Fri"]), window("Europe/Berlin", "00:00", "02:00", ["Sat"]),
      ], after: "2026-11-25T00:00:00Z", openings: [["2026-11-27T21:00:00Z", "2026-11-28T01:00:00Z"]]),
    Row(
      name: "always open, but for a freeze", windows: [],
      freezes: [["from": "12-20", "to": "01-06", "timeZone": "Europe/Berlin", "reason": "Christmas"]],
      after: "2026-12-24T00:00:00Z", openings: [["2027-01-06T23:00:00Z", ""], ["2028-01-06T23:00:00Z", ""]]),
    Row(
      name: "a freeze puts off and ends windows", windows: [window("Europe/Berlin", "02:00", "05:00")],
      freezes: [
        ["from": "2026-11-27", "to": "2026-11-28T03:00", "timeZone": "Europe/Berlin", "reason": "Black Friday"],
        ["from": "2026-11-29T04:00", "to": "2026-12-04", "timeZone": "Europe/Berlin", "reason": "Inventory"],
      ], after: "2026-11-25T00:00:00Z",
      openings: [
        ["2026-11-28T02:00:00Z", "2026-11-28T04:00:00Z"], ["2026-11-29T01:00:00Z", "2026-11-29T03:00:00Z"],
        ["2026-12-05T01:00:00Z", "2026-12-05T04:00:00Z"],
      ]),
    Row(
      name: "a window that a freeze divides counts once",
      windows: [window("Europe/Berlin", "00:00", "12:00", ["Sat"])],
      freezes: [
        ["from": "2026-11-28T03:00", "to": "2026-11-28T04:00", "timeZone": "Europe/Berlin", "reason": "Backup"]
      ], after: "2026-11-25T00:00:00Z",
      openings: [["2026-11-27T23:00:00Z", "2026-11-28T02:00:00Z"], ["2026-12-04T23:00:00Z", "2026-12-05T11:00:00Z"]]),
    Row(
      name: "by date, once",
      windows: [
        [
          "dates": ["from": "2026-12-27", "to": "2026-12-28"], "from": "22:00", "to": "04:00",
          "timeZone": "Europe/Berlin",
        ]
      ], after: "2026-11-25T00:00:00Z",
      openings: [["2026-12-27T21:00:00Z", "2026-12-28T03:00:00Z"], ["2026-12-28T21:00:00Z", "2026-12-29T03:00:00Z"]]),
    Row(
      name: "every year over the new year, on weekdays",
      windows: [
        [
          "dates": ["from": "12-31", "to": "01-01"], "days": ["Thu"], "from": "06:00", "to": "08:00",
          "timeZone": "Europe/Berlin",
        ]
      ], after: "2026-11-25T00:00:00Z",
      openings: [["2026-12-31T05:00:00Z", "2026-12-31T07:00:00Z"], ["2032-01-01T05:00:00Z", "2032-01-01T07:00:00Z"]]),
    Row(
      name: "29 February of every year that has it",
      windows: [
        ["dates": ["from": "02-29", "to": "02-29"], "from": "02:00", "to": "03:00", "timeZone": "UTC"]
      ], after: "2026-11-25T00:00:00Z",
      openings: [["2028-02-29T02:00:00Z", "2028-02-29T03:00:00Z"], ["2032-02-29T02:00:00Z", "2032-02-29T03:00:00Z"]]),
    Row(
      name: "a freeze on 29 February is none in other years", windows: [window("UTC", "23:00", "01:00", daily)],
      freezes: [["from": "02-29", "to": "02-29", "timeZone": "UTC", "reason": "Leap"]],
      after: "2027-02-28T12:00:00Z", openings: [["2027-02-28T23:00:00Z", "2027-03-01T01:00:00Z"]]),
    Row(
      name: "no end", windows: [window("Europe/Berlin", "00:00", "24:00", daily)], after: "2026-11-25T00:00:00Z",
      openings: []),
    Row(
      name: "all windows are past",
      windows: [
        ["dates": ["from": "2026-01-01", "to": "2026-01-31"], "from": "02:00", "to": "03:00", "timeZone": "UTC"]
      ], after: "2026-11-25T00:00:00Z", openings: []),
  ]

  @Test(arguments: rows) func openingsFollowTheClocks(_ row: Row) throws {
    let calendar = try ZoneFolder.calendar(["windows": row.windows, "freezes": row.freezes])
    let found = calendar.next(after: try ZoneFolder.time(row.after), count: max(1, row.openings.count))
    #expect(found.map { [$0.start.description, $0.end?.description ?? ""] } == row.openings)
    for opening in found {
      #expect(calendar.contains(opening.start))
      #expect(!calendar.contains(opening.start + .seconds(-1)))
      #expect(calendar.opening(at: opening.start) == opening)
      if let end = opening.end {
        #expect(!calendar.contains(end))
        #expect(calendar.contains(end + .microseconds(-1)))
        #expect(calendar.refusal(of: end) != nil)
      }
      #expect(calendar.refusal(of: opening.start) == nil)
    }
  }

  @Test func withoutWindowsEverythingMayBegin() {
    let now = Timestamp(seconds: 1_800_000_000)
    #expect(MaintenanceCalendar.always.contains(now))
    #expect(MaintenanceCalendar.always.refusal(of: now) == nil)
    #expect(MaintenanceCalendar.always.next(after: now, count: 3).isEmpty)
  }

  @Test(arguments: [
    ("2026-11-28T01:00:00Z", "2026-11-28T01:00:00Z"), ("2026-11-28T03:50:00Z", "2026-11-28T03:50:00Z"),
    ("2026-11-28T03:51:00Z", "2026-12-05T01:00:00Z"), ("2026-11-27T12:00:00Z", "2026-11-28T01:00:00Z"),
    // On 29 November a freeze leaves five minutes.
    ("2026-11-29T01:00:00Z", "2026-12-05T01:00:00Z"),
  ])
  func whatNobodyWaitsForBeginsWhereThereIsRoom(_ earliest: String, _ start: String) throws {
    let calendar = try ZoneFolder.calendar([
      "windows": [Self.window("Europe/Berlin", "02:00", "05:00")],
      "freezes": [
        ["from": "2026-11-29T02:05", "to": "2026-11-30", "timeZone": "Europe/Berlin", "reason": "Inventory"]
      ],
    ])
    #expect(calendar.start(from: try ZoneFolder.time(earliest), room: .seconds(600))?.description == start)
    #expect(MaintenanceCalendar.always.start(from: try ZoneFolder.time(earliest), room: .seconds(600)) == nil)
  }

  @Test func anOpeningWithoutEndHasNone() throws {
    let calendar = try ZoneFolder.calendar(["windows": [Self.window("Europe/Berlin", "00:00", "24:00", Self.daily)]])
    let opening = try #require(calendar.opening(at: Timestamp(seconds: 1_800_000_000)))
    #expect(opening.end == nil)
  }

  /// The largest calendar that is taken, without a single fitting time.
  @Test func theLargestCalendarIsAnsweredSoon() throws {
    let window = Self.window("Europe/Berlin", "00:00", "24:00", Self.daily)
    let freeze: JSONValue = ["from": "01-01", "to": "12-31", "timeZone": "Europe/Berlin", "reason": "Never"]
    let calendar = try ZoneFolder.calendar([
      "windows": .array([JSONValue](repeating: window, count: MaintenanceCalendar.maximumWindowCount)),
      "freezes": .array([JSONValue](repeating: freeze, count: MaintenanceCalendar.maximumFreezeCount)),
    ])
    let refusal = try #require(calendar.refusal(of: Timestamp(seconds: 1_800_000_000)))
    #expect(refusal.next.isEmpty)
    #expect(refusal.message.contains("no fitting time within ten years"))
  }

  @Test func aRefusalSaysWhenInTheZoneAndInUTC() throws {
    let calendar = try ZoneFolder.calendar([
      "windows": [Self.window("Europe/Berlin", "02:00", "02:45", ["Sun"])],
      "freezes": [["from": "12-20", "to": "12-26", "timeZone": "Europe/Berlin", "reason": "Christmas"]],
    ])
    #expect(
      calendar.refusal(of: try ZoneFolder.time("2026-10-24T10:30:00Z"))?.message
        == "Sat 2026-10-24 12:30 Europe/Berlin (2026-10-24T10:30:00Z) lies outside the maintenance windows. The next "
        + "fitting times begin Sun 2026-10-25 02:00 Europe/Berlin (2026-10-25T00:00:00Z), Sun 2026-11-01 02:00 "
        + "Europe/Berlin (2026-11-01T01:00:00Z), Sun 2026-11-08 02:00 Europe/Berlin (2026-11-08T01:00:00Z): choose one "
        + "of them, or say why it cannot wait.")
    let frozen = try #require(calendar.refusal(of: try ZoneFolder.time("2026-12-20T01:15:00Z"), count: 1))
    #expect(
      frozen.message
        == "Sun 2026-12-20 02:15 Europe/Berlin (2026-12-20T01:15:00Z) lies in a freeze, in which nothing may begin: "
        + "Christmas. The next fitting time begins Sun 2026-12-27 02:00 Europe/Berlin (2026-12-27T01:00:00Z): choose it, "
        + "or say why it cannot wait.")
  }
}
