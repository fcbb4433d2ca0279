public import WireFormats

extension MaintenanceCalendar {
  /// What clocks show in a zone of the database.
  /// - Throws: `TimeZoneFileError` where there is no such zone, or none that can be read.
  public typealias ZoneSource = (TimeZoneName) throws(TimeZoneFileError) -> TimeZoneRules

  /// Reads a calendar as it is written by `json`:
  ///
  ///     {"windows": [{"days": ["Sat", "Sun"], "from": "02:00", "to": "05:00", "timeZone": "Europe/Berlin"},
  ///                  {"dates": {"from": "07-20", "to": "08-10"}, "from": "22:00", "to": "04:00", "timeZone": "Europe/Berlin"}],
  ///      "freezes": [{"from": "2026-12-20T18:00", "to": "2027-01-06", "reason": "Christmas", "timeZone": "Europe/Berlin"}]}
  ///
  /// - Throws: `CalendarError`, naming the field.
  public init(reading value: JSONValue, zones: @escaping ZoneSource) throws(CalendarError) {
    var reader = CalendarReader(zones: zones)
    let members = try CalendarReader.object(value, fields: ["windows", "freezes"])
    windows = try CalendarReader.list(members["windows"], "windows", maximumCount: Self.maximumWindowCount) {
      (value) throws(CalendarError) in try reader.window(value)
    }
    freezes = try CalendarReader.list(members["freezes"], "freezes", maximumCount: Self.maximumFreezeCount) {
      (value) throws(CalendarError) in try reader.freeze(value)
    }
  }

  public var json: JSONValue {
    ["windows": .array(windows.map(\.json)), "freezes": .array(freezes.map(\.json))]
  }
}

extension MaintenanceWindow {
  var json: JSONValue {
    var json: JSONValue = [
      "from": .string(ClockTime.text(minutes: from)), "to": .string(ClockTime.text(minutes: to)),
      "timeZone": .string(zone.name.description),
    ]
    if dates == nil || days.count < Weekday.allCases.count {
      json["days"] = .array(days.sorted().map { .string($0.shortName) })
    }
    if let dates {
      json["dates"] = ["from": .string(dates.first.description), "to": .string(dates.last.description)]
    }
    return json
  }
}

extension Freeze {
  var json: JSONValue {
    [
      "from": .string(from.text), "to": .string(to.text), "timeZone": .string(zone.name.description),
      "reason": .string(reason),
    ]
  }
}

extension Freeze.Bound {
  var text: String { day.description + (minutes.map { "T\(ClockTime.text(minutes: $0))" } ?? "") }
}

private struct CalendarReader {
  static let maximumReasonByteCount = 500

  let zones: MaintenanceCalendar.ZoneSource
  /// Most windows are of one zone.
  private var known: [TimeZoneName: TimeZoneRules] = [:]

  init(zones: @escaping MaintenanceCalendar.ZoneSource) { self.zones = zones }

  mutating func window(_ value: JSONValue) throws(CalendarError) -> MaintenanceWindow {
    let members = try Self.object(value, fields: ["days", "dates", "from", "to", "timeZone"])
    let days = try Self.days(members["days"])
    let dates = try Self.dates(members["dates"])
    guard days != nil || dates != nil else {
      throw CalendarError("days", "is missing, and so is dates: say on which days the window begins")
    }
    let from = try Self.time(members["from"], "from", "a time from 00:00 to 23:59", 0...1439)
    let to = try Self.time(
      members["to"], "to", "a time from 00:01 to 24:00, of the next day where it is not after from", 0...1440)
    guard from != to else {
      throw CalendarError("to", "is the same time as from; a whole day is from 00:00 to 24:00")
    }
    let window = MaintenanceWindow(
      days: days ?? Set(Weekday.allCases), dates: dates, from: from, to: to == 0 ? 1440 : to,
      zone: try zone(members["timeZone"]))
    guard window.end - window.from >= MaintenanceWindow.shortestMinutes else {
      throw CalendarError("to", "must be \(MaintenanceWindow.shortestMinutes) minutes after from at least")
    }
    return window
  }

  mutating func freeze(_ value: JSONValue) throws(CalendarError) -> Freeze {
    let members = try Self.object(value, fields: ["from", "to", "timeZone", "reason"])
    let (from, to) = (try Self.bound(members["from"], "from"), try Self.bound(members["to"], "to"))
    let days = try CalendarDays(from.day, to.day)
    if days.first == days.last, to.order(isEnd: true) <= from.order(isEnd: false) {
      throw CalendarError("to", "is not after from")
    }
    return Freeze(
      from: from, to: to, zone: try zone(members["timeZone"]), reason: try Self.reason(members["reason"]))
  }

  private mutating func zone(_ value: JSONValue?) throws(CalendarError) -> CalendarZone {
    let text = try Self.text(value, "timeZone", "the name of a time zone such as Europe/Berlin")
    guard let name = TimeZoneName(text) else {
      throw CalendarError("timeZone", "\"\(Self.shown(text))\" is not the name of a time zone such as Europe/Berlin")
    }
    if let rules = known[name] { return CalendarZone(name: name, rules: rules) }
    do {
      let rules = try zones(name)
      known[name] = rules
      return CalendarZone(name: name, rules: rules)
    } catch {
      throw CalendarError("timeZone", "\(name) cannot be read: \(error)")
    }
  }

  // MARK: Fields

  static func list<Element>(
    _ value: JSONValue?, _ field: String, maximumCount: Int,
    _ read: (JSONValue) throws(CalendarError) -> Element
  ) throws(CalendarError) -> [Element] {
    guard let value else { return [] }
    guard let array = value.array else { throw CalendarError(field, "must be an array, not \(value.typeName)") }
    guard array.count <= maximumCount else {
      throw CalendarError(field, "must be \(maximumCount) at most, not \(array.count)")
    }
    var elements: [Element] = []
    for (index, value) in array.enumerated() {
      do throws(CalendarError) {
        elements.append(try read(value))
      } catch {
        throw error.under("\(field)[\(index)]")
      }
    }
    return elements
  }

  static func object(_ value: JSONValue, fields: [String]) throws(CalendarError) -> [String: JSONValue] {
    let list = fields.joined(separator: ", ")
    guard let members = value.object else {
      throw CalendarError("", "must be an object with \(list), not \(value.typeName)")
    }
    if let unknown = members.keys.sorted().first(where: { !fields.contains($0) }) {
      throw CalendarError(shown(unknown), "is not known here; there are \(list)")
    }
    return members.filter { !$0.value.isNull }
  }

  private static func text(_ value: JSONValue?, _ field: String, _ right: String) throws(CalendarError) -> String {
    guard let value else { throw CalendarError(field, "is missing; it must be \(right)") }
    guard let text = value.string else { throw CalendarError(field, "must be \(right), not \(value.typeName)") }
    return text
  }

  private static func time(
    _ value: JSONValue?, _ field: String, _ right: String, _ range: ClosedRange<Int>
  ) throws(CalendarError) -> Int {
    let text = try text(value, field, right)
    guard let minutes = ClockTime.minutes(text), range.contains(minutes) else {
      throw CalendarError(field, "must be \(right), not \"\(shown(text))\"")
    }
    return minutes
  }

  private static func days(_ value: JSONValue?) throws(CalendarError) -> Set<Weekday>? {
    guard let value else { return nil }
    let right = Weekday.allCases.map(\.shortName).joined(separator: ", ")
    guard let array = value.array, !array.isEmpty, array.count <= Weekday.allCases.count else {
      throw CalendarError("days", "must be an array of some of \(right)")
    }
    var days: Set<Weekday> = []
    for (index, element) in array.enumerated() {
      guard let day = element.string.flatMap(Weekday.init(shortName:)) else {
        throw CalendarError("days[\(index)]", "must be one of \(right)")
      }
      days.insert(day)
    }
    return days
  }

  private static let dayForm = "a day such as 2026-12-24 from 1970 to 2199, or 12-24 for that of every year"

  private static func dates(_ value: JSONValue?) throws(CalendarError) -> CalendarDays? {
    guard let value else { return nil }
    do throws(CalendarError) {
      let members = try object(value, fields: ["from", "to"])
      func day(_ field: String) throws(CalendarError) -> CalendarDay {
        let text = try text(members[field], field, dayForm)
        guard let day = CalendarDay(text) else {
          throw CalendarError(field, "must be \(dayForm), not \"\(shown(text))\"")
        }
        return day
      }
      return try CalendarDays(try day("from"), try day("to"))
    } catch {
      throw error.under("dates")
    }
  }

  private static func bound(_ value: JSONValue?, _ field: String) throws(CalendarError) -> Freeze.Bound {
    let right = "\(dayForm), with a time such as T18:00 after it or without"
    let text = try text(value, field, right)
    let parts = text.split(separator: "T", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    let minutes = parts.count == 2 ? ClockTime.minutes(parts[1]) : nil
    guard let day = CalendarDay(parts[0]), parts.count == 1 || minutes != nil else {
      throw CalendarError(field, "must be \(right), not \"\(shown(text))\"")
    }
    return Freeze.Bound(day: day, minutes: minutes)
  }

  private static func reason(_ value: JSONValue?) throws(CalendarError) -> String {
    let right = "text for people of \(maximumReasonByteCount) bytes at most, in one line"
    let text = try text(value, "reason", right)
    let isPrintable = text.unicodeScalars.allSatisfy { scalar in
      switch scalar.value {
      // Control characters, and those that turn the direction of a line for all that follows.
      case 0..<0x20, 0x7F..<0xA0, 0x2028...0x202E, 0x2066...0x2069: false
      default: true
      }
    }
    guard isPrintable, text.utf8.count <= maximumReasonByteCount, text.contains(where: { !$0.isWhitespace }) else {
      throw CalendarError("reason", "must be \(right)")
    }
    return text
  }

  /// Of what somebody sent, in an error.
  private static func shown(_ text: String) -> String {
    String(
      String.UnicodeScalarView(
        text.unicodeScalars.prefix(40).map { $0.value < 0x20 || (0x7F..<0xA0).contains($0.value) ? "\u{FFFD}" : $0 }))
  }
}
