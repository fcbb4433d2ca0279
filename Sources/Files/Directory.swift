package import Glibc
import WireFormats

/// An open folder. Names are looked up in it, not in a path that somebody may change meanwhile, and never through a
/// symbolic link.
package struct Directory: ~Copyable {
  package let descriptor: Int32

  /// The folder itself may be reached through links: it is the configuration's.
  package init(path: String) throws(FileFault) {
    descriptor = unsafe open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { throw FileFault(errno) }
  }

  private init(descriptor: Int32) { self.descriptor = descriptor }

  deinit { close(descriptor) }

  package func subdirectory(_ name: String, creating: Bool = false) throws(FileFault) -> Directory {
    if creating, unsafe mkdirat(descriptor, name, 0o700) != 0, errno != EEXIST { throw FileFault(errno) }
    let child = unsafe openat(descriptor, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
    guard child >= 0 else { throw FileFault(errno) }
    return Directory(descriptor: child)
  }

  /// A regular file for reading.
  package func openFile(_ name: String) throws(FileFault) -> OpenFile {
    // Not blocking: a named pipe of that name must not hold the program.
    try OpenFile(descriptor: unsafe openat(descriptor, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC))
  }

  /// Regular files and folders, without `.` and `..`.
  package func entries() throws(FileFault) -> [(name: String, isDirectory: Bool)] {
    try names().compactMap { name in
      switch status(of: name)?.kind {
      case S_IFDIR?: (name, true)
      case S_IFREG?: (name, false)
      default: nil
      }
    }
  }

  /// All names, without `.` and `..`.
  package func names() throws(FileFault) -> [String] {
    let copy = unsafe openat(descriptor, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard copy >= 0 else { throw FileFault(errno) }
    guard let stream = unsafe fdopendir(copy) else {
      close(copy)
      throw FileFault(errno)
    }
    defer { unsafe closedir(stream) }
    var names: [String] = []
    while let entry = unsafe readdir(stream) {
      let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) {
        unsafe $0.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
      }
      if name != ".", name != ".." { names.append(name) }
    }
    return names
  }

  /// Of what bears the name, be it a link; nil where nothing does.
  package func status(of name: String) -> stat? {
    var status = stat()
    guard unsafe fstatat(descriptor, name, &status, AT_SYMLINK_NOFOLLOW) == 0 else { return nil }
    return status
  }

  /// Of the folder itself.
  package func status() throws(FileFault) -> stat {
    var status = stat()
    guard unsafe fstat(descriptor, &status) == 0 else { throw FileFault(errno) }
    return status
  }

  /// Waits until no other open folder has this lock, and has it until this one is closed.
  package func lock() throws(FileFault) {
    while flock(descriptor, LOCK_EX) != 0 {
      guard errno == EINTR else { throw FileFault(errno) }
    }
  }

  /// What a symbolic link says.
  package func linkTarget(of name: String) throws(FileFault) -> String {
    var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
    let count = unsafe readlinkat(descriptor, name, &buffer, buffer.count)
    guard count >= 0 else { throw FileFault(errno) }
    return String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  package func create(_ name: String, mode: mode_t) throws(FileFault) {
    if unsafe mkdirat(descriptor, name, mode) != 0, errno != EEXIST { throw FileFault(errno) }
  }

  package func setMode(_ mode: mode_t) throws(FileFault) {
    guard fchmod(descriptor, mode) == 0 else { throw FileFault(errno) }
  }

  /// Gives a file another name, in the place of what bears it.
  package func rename(_ name: String, to newName: String) throws(FileFault) {
    guard unsafe renameat(descriptor, name, descriptor, newName) == 0 else { throw FileFault(errno) }
  }

  /// Removes a file or link; nothing where there is none.
  package func removeFile(_ name: String) throws(FileFault) {
    if unsafe unlinkat(descriptor, name, 0) != 0, errno != ENOENT { throw FileFault(errno) }
  }

  /// Removes what bears the name with all that is in it; a link alone, not what it names.
  package func removeTree(_ name: String) throws(FileFault) {
    guard let status = status(of: name) else { return }
    guard status.kind == S_IFDIR else { return try removeFile(name) }
    try removeContents(of: name)
    guard unsafe unlinkat(descriptor, name, AT_REMOVEDIR) == 0 else { throw FileFault(errno) }
  }

  private func removeContents(of name: String) throws(FileFault) {
    let folder = try subdirectory(name)
    for entry in try folder.names() { try folder.removeTree(entry) }
  }

  /// Overwrites a regular file with zeros and removes it.
  package func eraseFile(_ name: String) throws(FileFault) {
    let file = unsafe openat(descriptor, name, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
    guard file >= 0 else { throw FileFault(errno) }
    defer { close(file) }
    var status = stat()
    guard unsafe fstat(file, &status) == 0, status.kind == S_IFREG else { throw FileFault(EISDIR) }
    let zeros = [UInt8](repeating: 0, count: 64 << 10)
    var offset = 0
    while offset < status.st_size {
      let count = unsafe pwrite(file, zeros, min(zeros.count, Int(status.st_size) - offset), off_t(offset))
      guard count > 0 else { break }
      offset += count
    }
    _ = fsync(file)
    try removeFile(name)
  }
}

extension stat {
  /// `S_IFDIR`, `S_IFREG`, `S_IFLNK` …
  package var kind: mode_t { st_mode & S_IFMT }
}

/// An open regular file, for reading.
package struct OpenFile: ~Copyable {
  package let descriptor: Int32
  package let size: Int
  /// Of size and time of change.
  package let etag: String

  package init(path: String) throws(FileFault) {
    try self.init(descriptor: unsafe open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC))
  }

  fileprivate init(descriptor: Int32) throws(FileFault) {
    guard descriptor >= 0 else { throw FileFault(errno) }
    var status = stat()
    guard unsafe fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      close(descriptor)
      throw FileFault(EISDIR)
    }
    self.descriptor = descriptor
    size = Int(status.st_size)
    let nanoseconds = Int64(status.st_mtim.tv_sec).multipliedSaturated(by: 1_000_000_000)
      .addingSaturated(Int64(status.st_mtim.tv_nsec))
    etag = "\(String(nanoseconds, radix: 16))-\(String(size, radix: 16))"
  }

  deinit { close(descriptor) }

  /// Hands over the content in pieces.
  package func read(_ consume: ([UInt8]) throws(FileFault) -> Void) throws(FileFault) {
    var buffer = [UInt8](repeating: 0, count: 256 << 10)
    while true {
      let count = unsafe Glibc.read(descriptor, &buffer, buffer.count)
      if count == 0 { return }
      if count > 0 {
        try consume(count == buffer.count ? buffer : Array(buffer[..<count]))
      } else if errno != EINTR {
        throw FileFault(errno)
      }
    }
  }
}

/// What the operating system said about a file.
package struct FileFault: Error, Hashable {
  package let number: Int32

  package init(_ number: Int32) { self.number = number }

  package var text: String { unsafe String(cString: strerror(number)) }

  package var isDiskFull: Bool { number == ENOSPC || number == EDQUOT || number == EFBIG }

  /// There is no such object: its file or a folder of its key is missing, or something else has that name.
  package var isNotFound: Bool { [ENOENT, ENOTDIR, EISDIR, ELOOP].contains(number) }
}
