import Files
import FoundationEssentials

/// The file through which a running Agent tells `wrktalk-agent health` that it is well.
struct HealthFile: Sendable {
  let path: String

  /// Nil where there is none that can be read.
  func read() -> String? {
    FileManager.default.contents(atPath: path).map { String(decoding: $0, as: UTF8.self) }
  }

  /// Puts a new file in the place of the old one, so that nobody reads half of it.
  func write(_ record: HealthRecord) throws {
    let folder = path.split(separator: "/").dropLast().map { "/\($0)" }.joined()
    try FileManager.default.createDirectory(
      atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    var file = try ReplacementFile(path: path, isReadableByAll: true)
    try file.write(Array(record.text.utf8))
    // What a power cut takes with it, nobody misses.
    try file.commit(isDurable: false)
  }

  /// What an Agent before this one left says nothing about this one, whose process may have the same identifier.
  func remove() { try? FileManager.default.removeItem(atPath: path) }
}
