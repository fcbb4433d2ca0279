public import WireFormats

extension MaintenanceCalendar {
  /// Why a deployment may not begin at a moment, and when it may instead; nil where it may.
  /// - Parameter count: of the next openings that are named.
  public func refusal(of moment: Timestamp, count: Int = 3) -> (message: String, next: [Opening])? {
    let frozen = freeze(at: moment)
    guard let zone = frozen?.zone ?? windows.first?.zone, !contains(moment) else { return nil }
    let next = next(after: moment, count: count)
    var message =
      frozen.map { "\(zone.text(of: moment)) lies in a freeze, in which nothing may begin: \($0.reason)." }
      ?? "\(zone.text(of: moment)) lies outside the maintenance windows."
    let times = next.map { $0.zone.text(of: $0.start) }
    switch (times.count, frozen) {
    case (0, _): message += " There is no fitting time within ten years: change the windows"
    case (1, _): message += " The next fitting time begins \(times[0]): choose it"
    case (_, _): message += " The next fitting times begin \(times.joined(separator: ", ")): choose one of them"
    }
    return (message + ", or say why it cannot wait.", next)
  }
}

extension CalendarZone {
  /// `Sun 2026-10-25 02:00 Europe/Berlin (2026-10-25T01:00:00Z)`: by the zone's clocks, and in UTC, which tells times apart that
  /// clocks show twice.
  public func text(of moment: Timestamp) -> String {
    "\(localText(of: moment)) \(name) (\(moment.wholeSeconds))"
  }

  /// `Sun 2026-10-25 02:00`
  public func localText(of moment: Timestamp) -> String {
    let local = rules.local(moment.floorSeconds)
    let day = local.floorDivided(by: 86_400)
    let time = ClockTime.text(minutes: Int((local - day * 86_400) / 60))
    return "\(Weekday(daysSinceEpoch: day).shortName) \(CivilDate(daysSinceEpoch: day)) \(time)"
  }
}

/// Times of day as calendars write them.
enum ClockTime {
  /// - Parameter minutes: after midnight, up to 1440.
  static func text(minutes: Int) -> String {
    let (hour, minute) = (minutes / 60, minutes % 60)
    return (hour < 10 ? "0" : "") + "\(hour):" + (minute < 10 ? "0" : "") + "\(minute)"
  }

  /// - Returns: minutes after midnight, from `00:00` to `24:00`; nil for anything else.
  static func minutes(_ text: String) -> Int? {
    let bytes = Array(text.utf8)
    guard bytes.count == 5, bytes[2] == UInt8(ascii: ":") else { return nil }
    let digits = [bytes[0], bytes[1], bytes[3], bytes[4]]
    guard digits.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
    let numbers = digits.map { Int($0 - 0x30) }
    let (hour, minute) = (numbers[0] * 10 + numbers[1], numbers[2] * 10 + numbers[3])
    guard minute < 60, hour < 24 || (hour == 24 && minute == 0) else { return nil }
    return hour * 60 + minute
  }
}
