import Cryptography
import Files
import Glibc
import HTTPTransport
import Synchronization
import Threads

/// Cuts what is to be stored into pieces. For one reader.
final class ContentReader: Sendable {
  /// In bytes; nil where only the end will tell.
  let size: Int?
  private let bucket: String
  private let key: String
  private let source: Source
  private let state = Mutex(State())

  private enum Source: Sendable {
    case bytes([UInt8])
    case file(SourceFile)
    case stream(@Sendable () async throws(ObjectStorageError) -> [UInt8]?)
  }

  private struct State {
    var position = 0
    /// Of a stream: read, and not yet handed on.
    var ahead: [UInt8] = []
    var hasEnded = false
  }

  /// Opens a file at once, so that an unreadable one fails before anything is sent.
  init(_ content: ObjectContent, bucket: String, key: String) async throws(ObjectStorageError) {
    self.bucket = bucket
    self.key = key
    switch content {
    case .bytes(let bytes): (source, size) = (.bytes(bytes), bytes.count)
    case .file(let path):
      let file = try await onOwnThread { () throws(ObjectStorageError) in
        do throws(FileFault) {
          return try SourceFile(path)
        } catch {
          throw .local(error, path: path, bucket: bucket, key: key)
        }
      }
      (source, size) = (.file(file), file.size)
    case .stream(let next): (source, size) = (.stream(next), nil)
    }
  }

  /// All of it, for one request.
  func whole(_ size: Int) async throws(ObjectStorageError) -> UploadBody {
    switch source {
    case .bytes(let bytes): UploadBody(bytes)
    case .file(let file): try await UploadBody(file: file.path, size: size, bucket: bucket, key: key)
    case .stream: UploadBody(try await piece(upTo: size) ?? [])
    }
  }

  /// Nil where there are more; what was read is kept for `piece`.
  func allBytes(upTo limit: Int) async throws(ObjectStorageError) -> [UInt8]? {
    guard case .stream(let next) = source else { return nil }
    try await readAhead(limit + 1, next)
    return state.withLock { $0.ahead.count <= limit ? $0.ahead : nil }
  }

  /// The next so many bytes, or what is left of them; nil at the end.
  func piece(upTo limit: Int) async throws(ObjectStorageError) -> [UInt8]? {
    guard !Task.isCancelled else { throw .cancelled(bucket: bucket, key: key) }
    switch source {
    case .bytes(let bytes):
      let range = advance(by: limit, of: bytes.count)
      return range.isEmpty ? nil : Array(bytes[range])
    case .file(let file):
      let range = advance(by: limit, of: file.size)
      return range.isEmpty ? nil : try await read(range, of: file)
    case .stream(let next):
      try await readAhead(limit, next)
      return state.withLock { state in
        guard !state.ahead.isEmpty else { return nil }
        let piece = Array(state.ahead.prefix(limit))
        state.ahead.removeFirst(piece.count)
        state.position += piece.count
        return piece
      }
    }
  }

  /// Whether `piece` has handed out all there is.
  func isAtEnd() async throws(ObjectStorageError) -> Bool {
    if case .stream(let next) = source {
      try await readAhead(1, next)
      return state.withLock { $0.ahead.isEmpty }
    }
    return state.withLock { $0.position } == size
  }

  private func advance(by count: Int, of size: Int) -> Range<Int> {
    state.withLock { state in
      let start = state.position
      state.position = min(start + count, size)
      return start..<state.position
    }
  }

  private func readAhead(
    _ count: Int, _ next: @Sendable () async throws(ObjectStorageError) -> [UInt8]?
  ) async throws(ObjectStorageError) {
    while state.withLock({ !$0.hasEnded && $0.ahead.count < count }) {
      guard !Task.isCancelled else { throw .cancelled(bucket: bucket, key: key) }
      let piece = try await next()
      state.withLock { state in
        if let piece { state.ahead += piece } else { state.hasEnded = true }
      }
    }
  }

  private func read(_ range: Range<Int>, of file: SourceFile) async throws(ObjectStorageError) -> [UInt8] {
    let (bucket, key) = (bucket, key)
    return try await onOwnThread { () throws(ObjectStorageError) in
      do throws(FileFault) {
        return try file.read(range)
      } catch {
        throw .local(error, path: file.path, bucket: bucket, key: key)
      }
    }
  }
}

/// An open file that is to be stored; it stays what it was, whatever takes its name meanwhile.
private final class SourceFile: Sendable {
  let path: String
  private let file: OpenFile

  init(_ path: String) throws(FileFault) {
    self.path = path
    file = try OpenFile(path: path)
  }

  var size: Int { file.size }

  func read(_ range: Range<Int>) throws(FileFault) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: range.count)
    var filled = 0
    while filled < bytes.count {
      let count = unsafe bytes[filled...].withUnsafeMutableBytes {
        unsafe pread(file.descriptor, $0.baseAddress, $0.count, off_t(range.lowerBound + filled))
      }
      if count < 0, errno == EINTR { continue }
      // Shorter than it was.
      guard count > 0 else { throw FileFault(count < 0 ? errno : EIO) }
      filled += count
    }
    return bytes
  }
}

/// What one request stores, with the digests that stores ask for.
struct UploadBody: Sendable {
  let body: HTTPRequest.Body
  let size: Int
  let sha256: SHA256Digest
  /// In base 64; nil where the system has no MD5.
  let md5: String?

  init(_ bytes: [UInt8]) {
    body = .bytes(bytes)
    size = bytes.count
    sha256 = SHA256.digest(of: bytes)
    md5 = MD5.digest(of: bytes).map { Base64.encode($0) }
  }

  /// Reads the file once, on a thread of its own.
  init(file path: String, size: Int, bucket: String, key: String) async throws(ObjectStorageError) {
    let digests = try await onOwnThread { () throws(ObjectStorageError) in
      do throws(FileFault) {
        var sha256 = SHA256()
        var md5 = MD5()
        try OpenFile(path: path).read { (piece) throws(FileFault) in
          sha256.update(piece)
          md5?.update(piece)
        }
        return Digests(sha256: sha256.finalize(), md5: md5.take()?.finalize())
      } catch {
        throw .local(error, path: path, bucket: bucket, key: key)
      }
    }
    body = .file(path: path)
    self.size = size
    sha256 = digests.sha256
    md5 = digests.md5.map { Base64.encode($0) }
  }

  private struct Digests: Sendable {
    var sha256: SHA256Digest
    var md5: [UInt8]?
  }
}
