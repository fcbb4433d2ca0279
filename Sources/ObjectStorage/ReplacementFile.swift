import Cryptography
import Glibc

/// A file that takes its name only when it is complete and on the disk; until then, and on failure, nothing is seen of it.
struct ReplacementFile: ~Copyable {
  /// Begins the name of every unfinished file.
  static let prefix = ".wrktalk-partial-"

  private let directory: Directory
  private let temporaryName: String
  private let name: String
  private let descriptor: Int32
  private var isCommitted = false

  init(in directory: consuming Directory, name: String) throws(FileFault) {
    temporaryName = Self.prefix + Hexadecimal.encode(SecureRandom.bytes(count: 8))
    descriptor = unsafe openat(
      directory.descriptor, temporaryName, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
    let result = errno
    self.directory = directory
    self.name = name
    guard descriptor >= 0 else { throw FileFault(result) }
  }

  init(path: String) throws(FileFault) {
    guard let slash = path.lastIndex(of: "/") else {
      try self.init(in: Directory(path: "."), name: path)
      return
    }
    try self.init(
      in: Directory(path: slash == path.startIndex ? "/" : String(path[..<slash])),
      name: String(path[path.index(after: slash)...]))
  }

  deinit {
    guard descriptor >= 0 else { return }
    close(descriptor)
    if !isCommitted { unsafe unlinkat(directory.descriptor, temporaryName, 0) }
  }

  func write(_ bytes: [UInt8]) throws(FileFault) {
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

  /// The content first, then the name, then the folder: after a power cut there is the old file or the new one.
  mutating func commit() throws(FileFault) {
    guard fsync(descriptor) == 0,
      unsafe renameat(directory.descriptor, temporaryName, directory.descriptor, name) == 0
    else { throw FileFault(errno) }
    isCommitted = true
    guard fsync(directory.descriptor) == 0 else { throw FileFault(errno) }
  }
}
