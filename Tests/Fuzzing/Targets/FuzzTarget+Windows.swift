import WireFormats

@testable import MaintenanceWindows

extension FuzzTarget {
  /// A file of the time zone database: the moments of a range of local times are those at which clocks show them.
  static let zone = FuzzTarget(name: "zone", maximumByteCount: 8 << 10) { bytes in
    guard let rules = try? TimeZoneRules(file: bytes) else { return }
    for start: Int64 in [-3_000_000_000, 0, 1_325_246_400, 1_800_000_000, 4_102_444_800] {
      let range = start..<start + 40 * 86_400
      let segments = rules.segments(range)
      try require(
        segments.first?.moments.lowerBound == range.lowerBound && segments.last?.moments.upperBound == range.upperBound,
        "the segments do not cover the range")
      for segment in segments {
        try require(abs(segment.offset) <= TimeZoneRules.offsetBound, "an offset of \(segment.offset)")
        for second in [segment.moments.lowerBound, segment.moments.upperBound - 1] {
          try require(rules.offset(at: second) == segment.offset, "another offset at \(second)")
        }
      }
      let local = start + 86_400..<start + 20 * 86_400
      var last = Int64.min
      for moments in rules.moments(local: local) {
        try require(moments.lowerBound > last, "the moments are not in their order")
        last = moments.upperBound
        for second in [moments.lowerBound, moments.upperBound - 1] {
          try require(local.contains(rules.local(second)), "clocks show another time at \(second)")
        }
        for second in [moments.lowerBound - 1, moments.upperBound] {
          try require(!local.contains(rules.local(second)), "clocks show such a time at \(second), too")
        }
      }
    }
  }

  /// Zones of rules alone.
  private static func rules(_ name: TimeZoneName) throws(TimeZoneFileError) -> TimeZoneRules {
    let rule =
      switch name.description {
      case "UTC": "UTC0"
      case "Australia/Lord_Howe": "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0"
      case "Europe/Dublin": "IST-1GMT0,M10.5.0,M3.5.0/1"
      case "Europe/Berlin": "CET-1CEST,M3.5.0,M10.5.0/3"
      default: throw TimeZoneFileError("there is no such zone")
      }
    return TimeZoneRules(initialOffset: 0, transitions: [], rule: try RecurringClockChange(rule.utf8))
  }

  /// A maintenance calendar: written and read back as the same, and its openings begin when nothing could begin just before.
  static let calendar = FuzzTarget(name: "calendar", maximumByteCount: 2 << 10) { bytes in
    guard let json = try? JSONValue(parsing: bytes),
      let calendar = try? MaintenanceCalendar(reading: json, zones: rules)
    else { return }
    try require(
      (try? MaintenanceCalendar(reading: calendar.json, zones: rules)) == calendar, "it is read back as another")
    let now = Timestamp(seconds: 1_800_000_000)
    try require((calendar.refusal(of: now) == nil) == calendar.contains(now), "it refuses what it contains")
    var last = now
    for opening in calendar.next(after: now, count: 3) {
      try require(opening.start > last && opening.end ?? opening.start + .seconds(1) > opening.start, "not in order")
      last = opening.start
      try require(calendar.contains(opening.start), "nothing may begin at \(opening.start)")
      try require(!calendar.contains(opening.start + .seconds(-1)), "it is open before \(opening.start)")
      if let end = opening.end { try require(!calendar.contains(end), "it is open at the end \(end)") }
    }
  }
}
