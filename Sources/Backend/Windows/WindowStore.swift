import Database
import MaintenanceWindows
import WireFormats

/// The calendar of maintenance windows, in `deployment_config`.
struct WindowStore: Sendable {
  let zones: ZoneFiles

  /// - Throws: `CalendarError` where what is kept cannot be read, such as for a zone that the machine's database has no more.
  func calendar(_ connection: any SQLConnection) throws -> MaintenanceCalendar {
    try calendar(reading: try Self.json(connection))
  }

  func calendar(reading json: JSONValue) throws(CalendarError) -> MaintenanceCalendar {
    try MaintenanceCalendar(reading: json) { name throws(TimeZoneFileError) in try zones.rules(name) }
  }

  /// As an admin wrote it.
  static func json(_ connection: any SQLConnection) throws -> JSONValue {
    let text = try connection.query("SELECT CAST(c.windows AS text) FROM deployment_config AS c WHERE c.id = 1").first?[
      0
    ]
    .text
    return try text.map { try JSONValue(parsing: Array($0.utf8)) } ?? MaintenanceCalendar.always.json
  }

  static func write(_ calendar: MaintenanceCalendar, at now: Timestamp, _ connection: any SQLConnection) throws {
    let dialect = connection.dialect
    try connection.execute(
      """
      UPDATE deployment_config SET windows = \(dialect.json("$1")),
        "updatedAt" = \(dialect.time("$2")) WHERE id = 1
      """, [.text(calendar.json.text), now.column])
  }
}
