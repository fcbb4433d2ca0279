import Cryptography
import Files
import Glibc
import ResourceModel
import Synchronization
import Threads

/// What an upload is kept in until it is checked: a file that has no name. Nothing can be left behind of it, however
/// the upload or the program ends.
final class UploadFile: Sendable {
  /// Begins the name that the file has for a moment, until it is open.
  static let prefix = ".wrktalk-upload-"

  private struct State: ~Copyable {
    var hash: SHA256? = SHA256()
    var byteCount = 0
  }

  private let descriptor: Int32
  private let state = Mutex(State())

  /// - Parameter folder: a folder on the disk that has room for uploads.
  init(in folder: String) throws(StatusError) {
    let path = "\(folder)/\(Self.prefix)\(Hexadecimal.encode(SecureRandom.bytes(count: 8)))"
    descriptor = unsafe open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw Self.failure(errno) }
    unsafe unlink(path)
  }

  deinit { close(descriptor) }

  /// By which anything in this process can open the file anew, from its beginning.
  var path: String { "/proc/self/fd/\(descriptor)" }

  var byteCount: Int { state.withLock { $0.byteCount } }

  func append(_ bytes: [UInt8]) async throws(StatusError) {
    try await onOwnThread { () throws(StatusError) in
      try self.state.withLock { (state) throws(StatusError) in
        var written = 0
        while written < bytes.count {
          let count = unsafe bytes[written...].withUnsafeBytes {
            unsafe Glibc.write(self.descriptor, $0.baseAddress, $0.count)
          }
          if count < 0, errno == EINTR { continue }
          guard count > 0 else { throw Self.failure(errno) }
          written += count
        }
        state.hash?.update(bytes)
        state.byteCount += bytes.count
      }
    }
  }

  /// Of all that was appended; nothing can be appended after that.
  func digest() -> SHA256Digest {
    state.withLock { state in
      let hash = state.hash.take() ?? SHA256()
      return hash.finalize()
    }
  }

  private static func failure(_ number: Int32) -> StatusError {
    let fault = FileFault(number)
    return StatusError(
      .serviceUnavailable,
      fault.isDiskFull
        ? "the server's disk has no room for the upload; free some space in its data folder"
        : "the server cannot keep the upload in its data folder: \(fault.text)",
      retryAfterSeconds: 60)
  }

  /// Makes the folder where it is missing, and removes the names that a process left which was killed in the moment
  /// between making a file and taking its name: empty files. One that another process is making now needs its name no
  /// more either.
  static func prepare(_ folder: String) throws {
    if unsafe mkdir(folder, 0o700) != 0, errno != EEXIST { throw FileFault(errno) }
    let folder = try Directory(path: folder)
    for name in try folder.names() where name.hasPrefix(prefix) { try folder.removeFile(name) }
  }
}
