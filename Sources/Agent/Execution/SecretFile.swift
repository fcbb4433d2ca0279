import Glibc
import SystemPackage

/// A file with secrets in it: readable by its owner only, and overwritten before it is removed.
enum SecretFile {
  static func write(_ bytes: [UInt8], to path: String) throws(RuntimeFailure) {
    do {
      let file = try FileDescriptor.open(
        FilePath(path), .writeOnly, options: [.create, .exclusiveCreate, .noFollow, .closeOnExec],
        permissions: .ownerReadWrite)
      try file.closeAfter { _ = try file.writeAll(bytes) }
    } catch {
      erase(path)
      throw WorkingDirectory.failure((error as? Errno)?.rawValue ?? 0, "write \(path)")
    }
  }

  /// Overwrites and removes the file, where there is one.
  static func erase(_ path: String) {
    guard let file = try? FileDescriptor.open(FilePath(path), .readWrite, options: [.noFollow, .closeOnExec]) else {
      return
    }
    let length = (try? file.seek(offset: 0, from: .end)) ?? 0
    let zeros = [UInt8](repeating: 0, count: 64 << 10)
    var offset: Int64 = 0
    while offset < length {
      let count = Int(min(Int64(zeros.count), length - offset))
      guard (try? file.writeAll(toAbsoluteOffset: offset, zeros[..<count])) != nil else { break }
      offset += Int64(count)
    }
    _ = fsync(file.rawValue)
    try? file.close()
    _ = unsafe unlink(path)
  }
}
