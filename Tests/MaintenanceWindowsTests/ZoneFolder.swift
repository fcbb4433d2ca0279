import FoundationEssentials
import WireFormats

@testable import MaintenanceWindows

/// The time zone database of the machine.
enum ZoneFolder {
  static func bytes(_ name: String) throws -> [UInt8] {
    Array(try Data(contentsOf: URL(filePath: "/usr/share/zoneinfo/\(name)")))
  }

  static func rules(_ name: TimeZoneName) throws(TimeZoneFileError) -> TimeZoneRules {
    guard let bytes = try? bytes(name.description) else { throw TimeZoneFileError("there is no such zone") }
    return try TimeZoneRules(file: bytes)
  }

  static func rules(_ name: String) throws -> TimeZoneRules { try TimeZoneRules(file: bytes(name)) }

  static func calendar(_ json: JSONValue) throws -> MaintenanceCalendar {
    try MaintenanceCalendar(reading: json) { name throws(TimeZoneFileError) in try rules(name) }
  }

  static func time(_ text: String) throws -> Timestamp {
    guard let time = Timestamp(text) else { throw TimeZoneFileError("\(text) is not a time") }
    return time
  }
}
