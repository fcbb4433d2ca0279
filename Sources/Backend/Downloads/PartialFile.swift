import Cryptography
import Files
import Glibc
import Synchronization
import Threads

/// An artifact on its way to this disk. What has come of it stays, so that a download that broke off goes on where it was.
final class PartialFile: Sendable {
  private struct State: ~Copyable {
    var hash: SHA256? = SHA256()
    var byteCount: Int64 = 0
  }

  private let descriptor: Int32
  private let state = Mutex(State())

  /// Opens or makes the file, and reads what is in it. To be called on a thread that may wait.
  init(path: String) throws(FileFault) {
    descriptor = unsafe open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw FileFault(errno) }
    var buffer = [UInt8](repeating: 0, count: 256 << 10)
    while true {
      let count = unsafe Glibc.read(descriptor, &buffer, buffer.count)
      if count == 0 { return }
      if count < 0 {
        if errno == EINTR { continue }
        throw FileFault(errno)
      }
      state.withLock { state in
        state.hash?.update(Array(buffer[..<count]))
        state.byteCount += Int64(count)
      }
    }
  }

  deinit { close(descriptor) }

  var byteCount: Int64 { state.withLock { $0.byteCount } }

  func append(_ bytes: [UInt8]) async throws(FileFault) {
    try await onOwnThread { () throws(FileFault) in
      try self.state.withLock { (state) throws(FileFault) in
        var written = 0
        while written < bytes.count {
          let count = unsafe bytes[written...].withUnsafeBytes {
            unsafe pwrite(self.descriptor, $0.baseAddress, $0.count, off_t(state.byteCount) + off_t(written))
          }
          if count < 0, errno == EINTR { continue }
          guard count > 0 else { throw FileFault(errno) }
          written += count
        }
        state.hash?.update(bytes)
        state.byteCount += Int64(bytes.count)
      }
    }
  }

  /// Empties the file.
  func restart() throws(FileFault) {
    try state.withLock { (state) throws(FileFault) in
      guard ftruncate(descriptor, 0) == 0 else { throw FileFault(errno) }
      state = State()
    }
  }

  /// Waits until the disk has it.
  /// - Returns: the digest of all that is in it. Nothing can be appended after that.
  func finish() async throws(FileFault) -> SHA256Digest {
    try await onOwnThread { () throws(FileFault) in
      guard fsync(self.descriptor) == 0 else { throw FileFault(errno) }
      return self.state.withLock { state in
        let hash = state.hash.take() ?? SHA256()
        return hash.finalize()
      }
    }
  }
}
