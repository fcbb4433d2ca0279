import FoundationEssentials
import MaintenanceWindows

/// The time zone database of this machine.
struct ZoneFiles: Sendable {
  /// Where systems keep it; the first that has a zone counts. An update of it counts at once.
  var folders = ["/usr/share/zoneinfo", "/usr/lib/zoneinfo", "/usr/share/lib/zoneinfo", "/etc/zoneinfo"]

  /// Reads a small file; not for a thread of Swift's tasks.
  func rules(_ name: TimeZoneName) throws(TimeZoneFileError) -> TimeZoneRules {
    for folder in folders {
      // Nil for a folder, too.
      guard let data = FileManager.default.contents(atPath: "\(folder)/\(name)") else { continue }
      return try TimeZoneRules(file: Array(data))
    }
    guard folders.contains(where: { FileManager.default.fileExists(atPath: "\($0)/Europe/Berlin") }) else {
      throw TimeZoneFileError("this machine has no time zone database: install its package tzdata")
    }
    throw TimeZoneFileError("there is no such time zone in this machine's database")
  }
}
