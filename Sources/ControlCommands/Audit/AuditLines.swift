import AuditChain
import SystemPackage
import WireFormats

/// An export of the audit, read set by set, however long it is.
enum AuditLines {
  /// Of one entry.
  static let maximumLineLength = 128 << 10
  private static let setCount = 500

  /// - Parameters:
  ///   - path: `-` for standard input.
  ///   - body: called with one set of entries after the other.
  static func read(_ path: String, _ body: ([AuditRecord]) throws(CommandFailure) -> Void) throws(CommandFailure) {
    do {
      if path == "-" { return try read(.standardInput, "standard input", body) }
      let file = try FileDescriptor.open(FilePath(path), .readOnly)
      try file.closeAfter { try read(file, path, body) }
    } catch let failure as CommandFailure {
      throw failure
    } catch {
      throw CommandFailure("\(printable(path)) cannot be read: \(error)")
    }
  }

  private static func read(
    _ file: FileDescriptor, _ name: String, _ body: ([AuditRecord]) throws(CommandFailure) -> Void
  ) throws {
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    var line: [UInt8] = []
    var number = 0
    var records: [AuditRecord] = []
    func take() throws(CommandFailure) {
      number += 1
      defer { line.removeAll(keepingCapacity: true) }
      if line.isEmpty { return }
      guard let json = try? JSONValue(parsing: line), let record = AuditRecord(json: json) else {
        throw CommandFailure("line \(number) of \(printable(name)) is not an entry of the audit")
      }
      records.append(record)
      if records.count >= setCount {
        try body(records)
        records.removeAll(keepingCapacity: true)
      }
    }
    while true {
      let count = try unsafe buffer.withUnsafeMutableBytes { try unsafe file.read(into: $0) }
      if count == 0 { break }
      for byte in buffer[..<count] {
        if byte == 0x0A {
          try take()
        } else {
          line.append(byte)
          guard line.count <= maximumLineLength else {
            throw CommandFailure("line \(number + 1) of \(printable(name)) is too long for an entry of the audit")
          }
        }
      }
    }
    if !line.isEmpty { try take() }
    try body(records)
  }
}
