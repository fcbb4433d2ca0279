import Testing
import WireFormats

@testable import MaintenanceWindows

@Suite struct CalendarReadingTests {
  private static let window: JSONValue = [
    "days": ["Sat", "Sun"], "from": "02:00", "to": "05:00", "timeZone": "Europe/Berlin",
  ]
  private static let freeze: JSONValue = [
    "from": "2026-12-20T18:00", "to": "2027-01-06", "timeZone": "Europe/Berlin", "reason": "Christmas",
  ]

  private static func window(_ changes: [String: JSONValue]) -> JSONValue {
    ["windows": [window, .object((window.object ?? [:]).merging(changes) { $1 })]]
  }

  private static func freeze(_ changes: [String: JSONValue]) -> JSONValue {
    ["freezes": [.object((freeze.object ?? [:]).merging(changes) { $1 })]]
  }

  @Test(
    arguments: [
      ["windows": [], "freezes": []], ["windows": [window], "freezes": [freeze]],
      [
        "windows": [["dates": ["from": "12-20", "to": "01-06"], "from": "22:00", "to": "24:00", "timeZone": "UTC"]],
        "freezes": [],
      ],
      [
        "windows": [
          [
            "dates": ["from": "2026-12-20", "to": "2027-01-06"], "days": ["Mon"], "from": "00:00", "to": "24:00",
            "timeZone": "UTC",
          ]
        ], "freezes": [["from": "12-20", "to": "01-06T08:00", "timeZone": "UTC", "reason": "Grüße 😀"]],
      ],
    ] as [JSONValue])
  func aCalendarIsWrittenAsItWasRead(_ json: JSONValue) throws {
    let calendar = try ZoneFolder.calendar(json)
    #expect(calendar.json == json)
    #expect(try ZoneFolder.calendar(calendar.json) == calendar)
  }

  @Test func whatIsLeftOutIsEmpty() throws {
    #expect(try ZoneFolder.calendar([:]) == .always)
    #expect(try ZoneFolder.calendar(["windows": .null]) == .always)
  }

  @Test(
    arguments: [
      ("text", ""), ([], ""), (["window": []], "window"), (["windows": "x"], "windows"),
      (["windows": ["x"]], "windows[0]"),
      (["windows": .array([JSONValue](repeating: window, count: 17))], "windows"),
      (window(["day": ["Mon"]]), "windows[1].day"), (window(["days": .null]), "windows[1].days"),
      (window(["days": []]), "windows[1].days"), (window(["days": "Mon"]), "windows[1].days"),
      (window(["days": ["Mon", "mon"]]), "windows[1].days[1]"), (window(["from": .null]), "windows[1].from"),
      (window(["from": "24:00"]), "windows[1].from"), (window(["from": "2:00"]), "windows[1].from"),
      (window(["from": 2]), "windows[1].from"), (window(["to": "24:01"]), "windows[1].to"),
      (window(["to": "02:60"]), "windows[1].to"), (window(["to": "02:00"]), "windows[1].to"),
      (window(["to": "02:14"]), "windows[1].to"), (window(["timeZone": .null]), "windows[1].timeZone"),
      (window(["timeZone": "CEST"]), "windows[1].timeZone"),
      (window(["timeZone": "../../../etc/passwd"]), "windows[1].timeZone"),
      (window(["timeZone": "Europe"]), "windows[1].timeZone"),
      (window(["dates": "12-20"]), "windows[1].dates"), (window(["dates": ["from": "12-20"]]), "windows[1].dates.to"),
      (window(["dates": ["from": "12-20", "to": "2026-12-24"]]), "windows[1].dates.to"),
      (window(["dates": ["from": "2026-12-24", "to": "2026-12-20"]]), "windows[1].dates.to"),
      (window(["dates": ["from": "2026-02-29", "to": "2026-03-20"]]), "windows[1].dates.from"),
      (window(["dates": ["from": "13-01", "to": "12-20"]]), "windows[1].dates.from"),
      (window(["dates": ["from": "1-01", "to": "12-20"]]), "windows[1].dates.from"),
      (window(["dates": ["from": "+1-01", "to": "12-20"]]), "windows[1].dates.from"),
      (window(["dates": ["from": "99999-01-01", "to": "12-20"]]), "windows[1].dates.from"),
      (freeze(["reason": .null]), "freezes[0].reason"), (freeze(["reason": " "]), "freezes[0].reason"),
      (freeze(["reason": "a\0b"]), "freezes[0].reason"), (freeze(["reason": "a\u{202E}b"]), "freezes[0].reason"),
      (freeze(["reason": .string(String(repeating: "x", count: 501))]), "freezes[0].reason"),
      (freeze(["from": "2026-12-20 18:00"]), "freezes[0].from"), (freeze(["from": "2026-12-20T"]), "freezes[0].from"),
      (freeze(["to": "01-06"]), "freezes[0].to"), (freeze(["to": "2026-12-19"]), "freezes[0].to"),
      (freeze(["to": "2026-12-20T18:00"]), "freezes[0].to"), (freeze(["hours": 1]), "freezes[0].hours"),
      (freeze(["from": "12-20T18:00", "to": "12-20T06:00"]), "freezes[0].to"),
      (["freezes": .array([JSONValue](repeating: freeze, count: 33))], "freezes"),
    ] as [(JSONValue, String)])
  func whatIsWrongIsNamed(_ json: JSONValue, _ field: String) {
    let error = #expect(throws: CalendarError.self) { try ZoneFolder.calendar(json) }
    #expect(error?.field == field, "\(error.map { "\($0)" } ?? "")")
    #expect(error?.description.contains("\0") == false)
  }
}
