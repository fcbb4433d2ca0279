import Glibc

/// An open folder. Names are looked up in it, not in a path that somebody may change meanwhile, and never through a
/// symbolic link.
struct Directory: ~Copyable {
  let descriptor: Int32

  /// The folder itself may be reached through links: it is the configuration's.
  init(path: String) throws(FileFault) {
    descriptor = unsafe open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { throw FileFault(errno) }
  }

  private init(descriptor: Int32) { self.descriptor = descriptor }

  deinit { close(descriptor) }

  func subdirectory(_ name: String, creating: Bool = false) throws(FileFault) -> Directory {
    if creating, unsafe mkdirat(descriptor, name, 0o700) != 0, errno != EEXIST { throw FileFault(errno) }
    let child = unsafe openat(descriptor, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
    guard child >= 0 else { throw FileFault(errno) }
    return Directory(descriptor: child)
  }

  /// A regular file for reading.
  func openFile(_ name: String) throws(FileFault) -> OpenFile {
    // Not blocking: a named pipe of that name must not hold the program.
    try OpenFile(descriptor: unsafe openat(descriptor, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC))
  }

  /// Names with their kinds, without `.` and `..`.
  func entries() throws(FileFault) -> [(name: String, isDirectory: Bool)] {
    let copy = unsafe openat(descriptor, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard copy >= 0 else { throw FileFault(errno) }
    guard let stream = unsafe fdopendir(copy) else {
      close(copy)
      throw FileFault(errno)
    }
    defer { unsafe closedir(stream) }
    var entries: [(name: String, isDirectory: Bool)] = []
    while let entry = unsafe readdir(stream) {
      let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) {
        unsafe $0.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
      }
      guard name != ".", name != "..", let kind = kind(of: name) else { continue }
      switch kind {
      case S_IFDIR: entries.append((name, true))
      case S_IFREG: entries.append((name, false))
      default: continue
      }
    }
    return entries
  }

  private func kind(of name: String) -> mode_t? {
    var status = stat()
    guard unsafe fstatat(descriptor, name, &status, AT_SYMLINK_NOFOLLOW) == 0 else { return nil }
    return status.st_mode & S_IFMT
  }
}

/// An open regular file, for reading.
struct OpenFile: ~Copyable {
  let descriptor: Int32
  let size: Int
  /// Of size and time of change.
  let etag: String

  init(path: String) throws(FileFault) {
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
    let nanoseconds = Int64(status.st_mtim.tv_sec) * 1_000_000_000 + Int64(status.st_mtim.tv_nsec)
    etag = "\(String(nanoseconds, radix: 16))-\(String(size, radix: 16))"
  }

  deinit { close(descriptor) }

  /// Hands over the content in pieces.
  func read(_ consume: ([UInt8]) throws(FileFault) -> Void) throws(FileFault) {
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
struct FileFault: Error, Hashable {
  let number: Int32

  init(_ number: Int32) { self.number = number }

  var text: String { unsafe String(cString: strerror(number)) }

  var isDiskFull: Bool { number == ENOSPC || number == EDQUOT || number == EFBIG }

  /// There is no such object: its file or a folder of its key is missing, or something else has that name.
  var isNotFound: Bool { [ENOENT, ENOTDIR, EISDIR, ELOOP].contains(number) }
}
