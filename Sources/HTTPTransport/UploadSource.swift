import Glibc

/// The bytes of a request body, read by position so that a request on a connection that died can be sent again.
final class UploadSource: Sendable {
  private enum Content {
    case bytes([UInt8])
    case file(descriptor: Int32)
  }

  let size: Int
  private let content: Content

  /// Opens the file at once, so that an unreadable one fails before anything is sent.
  init?(_ request: HTTPRequest) throws(HTTPTransportError) {
    switch request.body {
    case .none:
      // A method that has a body by its meaning says `Content-Length: 0`; servers answer 411 otherwise.
      guard ["POST", "PUT", "PATCH"].contains(request.method) else { return nil }
      self.content = .bytes([])
      self.size = 0
    case .bytes(let bytes):
      self.content = .bytes(bytes)
      self.size = bytes.count
    case .file(let path):
      let descriptor = open(path, O_RDONLY | O_CLOEXEC)
      guard descriptor >= 0 else {
        throw HTTPTransportError(
          code: .fileUnreadable, message: "cannot open \(path) for upload: \(String(cString: strerror(errno)))")
      }
      var status = stat()
      guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
        close(descriptor)
        throw HTTPTransportError(code: .fileUnreadable, message: "cannot upload \(path): it is not a regular file")
      }
      self.content = .file(descriptor: descriptor)
      self.size = Int(status.st_size)
    }
  }

  deinit {
    if case .file(let descriptor) = content { close(descriptor) }
  }

  /// Copies at most `buffer.count` bytes from `offset` on; nil when they cannot be read (also: the file became shorter).
  func read(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) -> Int? {
    let wanted = min(buffer.count, size - offset)
    guard wanted > 0 else { return 0 }
    switch content {
    case .bytes(let bytes):
      bytes.withUnsafeBytes { buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[offset..<offset + wanted])) }
      return wanted
    case .file(let descriptor):
      let count = pread(descriptor, buffer.baseAddress, wanted, off_t(offset))
      return count > 0 ? count : nil
    }
  }
}
