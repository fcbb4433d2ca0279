import Cryptography
import Glibc

/// A file that takes its name only when it is complete and on the disk; until then, and on failure, nothing is seen of it.
package struct ReplacementFile: ~Copyable {
  /// Begins the name of every unfinished file.
  package static let prefix = ".wrktalk-partial-"

  private let directory: Directory
  private let temporaryName: String
  private let name: String
  private let descriptor: Int32
  private var isCommitted = false

  /// - Parameter isReadableByAll: otherwise it is its owner's alone.
  package init(in directory: consuming Directory, name: String, isReadableByAll: Bool = false) throws(FileFault) {
    temporaryName = Self.prefix + Hexadecimal.encode(SecureRandom.bytes(count: 8))
    descriptor = unsafe openat(
      directory.descriptor, temporaryName, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
      isReadableByAll ? 0o644 : 0o600)
    let result = errno
    self.directory = directory
    self.name = name
    guard descriptor >= 0 else { throw FileFault(result) }
  }

  package init(path: String, isReadableByAll: Bool = false) throws(FileFault) {
    guard let slash = path.lastIndex(of: "/") else {
      try self.init(in: Directory(path: "."), name: path, isReadableByAll: isReadableByAll)
      return
    }
    try self.init(
      in: Directory(path: slash == path.startIndex ? "/" : String(path[..<slash])),
      name: String(path[path.index(after: slash)...]), isReadableByAll: isReadableByAll)
  }

  deinit {
    guard descriptor >= 0 else { return }
    close(descriptor)
    if !isCommitted { unsafe unlinkat(directory.descriptor, temporaryName, 0) }
  }

  package func write(_ bytes: [UInt8]) throws(FileFault) {
    var written = 0
    while written < bytes.count {
      let count = unsafe bytes[written...].withUnsafeBytes {
        unsafe Glibc.write(descriptor, $0.baseAddress, $0.count)
      }
      if count >= 0 {
        written += count
      } else if errno != EINTR {
        throw FileFault(errno)
      }
    }
  }

  /// As `commit`, but where something bears the name already it stays, and `EEXIST` is thrown.
  package func commitNew() throws(FileFault) {
    guard fsync(descriptor) == 0,
      unsafe linkat(directory.descriptor, temporaryName, directory.descriptor, name, 0) == 0,
      fsync(directory.descriptor) == 0
    else { throw FileFault(errno) }
  }

  /// The content first, then the name, then the folder: after a power cut there is the old file or the new one.
  /// - Parameter isDurable: false does not wait for the disk.
  package mutating func commit(isDurable: Bool = true) throws(FileFault) {
    guard !isDurable || fsync(descriptor) == 0,
      unsafe renameat(directory.descriptor, temporaryName, directory.descriptor, name) == 0
    else { throw FileFault(errno) }
    isCommitted = true
    guard !isDurable || fsync(directory.descriptor) == 0 else { throw FileFault(errno) }
  }
}
