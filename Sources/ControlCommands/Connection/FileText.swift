import SystemPackage

#if canImport(Glibc)
  import Glibc
#endif

/// Small files, read whole.
enum FileText {
  static let maximumLength = 4 << 20

  /// - Throws: `CommandFailure` where the file cannot be read or is larger than `maximumLength`.
  static func read(_ path: String) throws(CommandFailure) -> [UInt8] {
    do {
      let file = try FileDescriptor.open(FilePath(path), .readOnly)
      return try file.closeAfter { try read(file, name: path) }
    } catch let failure as CommandFailure {
      throw failure
    } catch {
      throw CommandFailure("\(path) cannot be read: \(error)")
    }
  }

  static func readStandardInput() throws(CommandFailure) -> [UInt8] {
    do {
      return try read(.standardInput, name: "standard input")
    } catch let failure as CommandFailure {
      throw failure
    } catch {
      throw CommandFailure("standard input cannot be read: \(error)")
    }
  }

  private static func read(_ file: FileDescriptor, name: String) throws -> [UInt8] {
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = try unsafe buffer.withUnsafeMutableBytes { try unsafe file.read(into: $0) }
      if count == 0 { return bytes }
      bytes += buffer[..<count]
      if bytes.count > maximumLength {
        throw CommandFailure("\(name) is larger than \(maximumLength >> 20) MiB; no manifest is that large")
      }
    }
  }

  /// Puts a file in another's place in one step.
  static func move(_ source: String, to target: String) throws(Errno) {
    guard unsafe rename(source, target) == 0 else { throw Errno(rawValue: errno) }
  }
}
