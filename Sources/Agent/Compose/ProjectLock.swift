import SystemPackage

#if canImport(Glibc)
  import Glibc
#endif

/// Keeps two Compose runs off one project, across the Agent's death.
///
/// The lock belongs to the open file, and each Compose process gets that file as its standard input. So when the Agent
/// is killed, the lock lasts until the last Compose process it started has ended, and its successor waits for that.
struct ProjectLock: ~Copyable, Sendable {
  let file: FileDescriptor

  private init(file: FileDescriptor) { self.file = file }

  /// Takes the lock.
  /// - Returns: nil while a Compose process of an earlier run holds it.
  static func take(_ path: String) throws(RuntimeFailure) -> ProjectLock? {
    do {
      let file = try FileDescriptor.open(
        FilePath(path), .readWrite, options: [.create, .closeOnExec, .noFollow], permissions: .ownerReadWrite)
      if flock(file.rawValue, LOCK_EX | LOCK_NB) == 0 { return ProjectLock(file: file) }
      let code = errno
      try file.close()
      if code == EWOULDBLOCK || code == EINTR { return nil }
      throw Errno(rawValue: code)
    } catch {
      throw RuntimeFailure(
        kind: .transient, reason: "WorkingDirectoryUnusable", message: "The Agent could not lock \(path): \(error)")
    }
  }

  deinit { try? file.close() }
}
