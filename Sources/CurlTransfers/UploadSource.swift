import Glibc

/// The bytes that a transfer sends, read by position so that a request on a connection that died can be sent again.
package final class UploadSource: Sendable {
  private enum Content {
    case bytes([UInt8])
    case file(descriptor: Int32)
  }

  package let size: Int
  private let content: Content

  package init(_ bytes: [UInt8]) {
    content = .bytes(bytes)
    size = bytes.count
  }

  /// Opens the file at once, so that an unreadable one fails before anything is sent.
  package init(path: String) throws(TransferError) {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      throw TransferError(
        code: .fileUnreadable, message: "cannot open \(path) for upload: \(String(cString: strerror(errno)))")
    }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      close(descriptor)
      throw TransferError(code: .fileUnreadable, message: "cannot upload \(path): it is not a regular file")
    }
    content = .file(descriptor: descriptor)
    size = Int(status.st_size)
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
