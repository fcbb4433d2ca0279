import DeploymentKinds
import SystemPackage
import Timing

#if canImport(Glibc)
  import Glibc
#endif

/// Keeps two runs of Compose or Helm off one target, across the Agent's death.
///
/// The lock belongs to the open file, and each process that changes the target gets that file as its standard input. So
/// when the Agent is killed, the lock lasts until the last process it started has ended, and its successor waits for that.
struct TargetLock: ~Copyable, Sendable {
  let file: FileDescriptor

  private init(file: FileDescriptor) { self.file = file }

  /// Takes the lock.
  /// - Returns: nil while a process of an earlier run holds it.
  static func take(_ path: String) throws(RuntimeFailure) -> TargetLock? {
    do {
      let file = try FileDescriptor.open(
        FilePath(path), .readWrite, options: [.create, .closeOnExec, .noFollow], permissions: .ownerReadWrite)
      if flock(file.rawValue, LOCK_EX | LOCK_NB) == 0 { return TargetLock(file: file) }
      let code = errno
      try file.close()
      if code == EWOULDBLOCK || code == EINTR { return nil }
      throw Errno(rawValue: code)
    } catch {
      throw RuntimeFailure(
        kind: .transient, reason: "WorkingDirectoryUnusable", message: "The Agent could not lock \(path): \(error)")
    }
  }

  /// Waits for the lock until the deadline.
  /// - Parameter title: what may hold it: `Compose run of project wrktalk`.
  static func take(
    _ path: String, title: String, deadline: Deadline, clock: any Clock<Duration>,
    progress: @Sendable (DesiredDeploymentStatus.Progress) async -> Void
  ) async throws(RuntimeFailure) -> TargetLock {
    var isAnnounced = false
    while deadline.remaining() > .zero {
      if let lock = try take(path) { return lock }
      if !isAnnounced {
        isAnnounced = true
        await progress(.init(step: .preparing, done: 0, total: 0, message: "waiting for an earlier \(title) to end"))
      }
      do { try await clock.sleep(for: .milliseconds(100)) } catch { throw .stopped }
    }
    throw RuntimeFailure(
      kind: .transient, reason: "TargetBusy", message: "An earlier \(title) has not ended; fuser \(path) shows it")
  }

  deinit { try? file.close() }
}
