import Glibc

/// A piece of a body.
public enum UploadPart: Sendable {
  case bytes([UInt8])
  /// Streams a file, so that a large one is never held in memory.
  case file(path: String)
}

/// The bytes that a transfer sends, read by position so that a request on a connection that died can be sent again.
package final class UploadSource: Sendable {
  private enum Content {
    case bytes([UInt8])
    case file(descriptor: Int32)
  }

  private struct Segment {
    var start: Int
    var size: Int
    var content: Content
  }

  package let size: Int
  /// In their order; none is empty.
  private let segments: [Segment]
  private let onProgress: @Sendable (_ sentBytes: Int) -> Void

  package convenience init(_ bytes: [UInt8]) {
    self.init([Segment(start: 0, size: bytes.count, content: .bytes(bytes))]) { _ in }
  }

  /// Opens the file at once, so that an unreadable one fails before anything is sent.
  package convenience init(path: String) throws(TransferError) {
    try self.init(parts: [.file(path: path)])
  }

  /// Opens the files at once, so that an unreadable one fails before anything is sent.
  /// - Parameter onProgress: called with how many bytes were read, on the thread that sends them.
  package convenience init(
    parts: [UploadPart], onProgress: @escaping @Sendable (_ sentBytes: Int) -> Void = { _ in }
  ) throws(TransferError) {
    var segments: [Segment] = []
    var end = 0
    do throws(TransferError) {
      for part in parts {
        var segment = Segment(start: end, size: 0, content: .bytes([]))
        switch part {
        case .bytes(let bytes): (segment.size, segment.content) = (bytes.count, .bytes(bytes))
        case .file(let path):
          let file = try Self.open(path)
          (segment.size, segment.content) = (file.size, .file(descriptor: file.descriptor))
        }
        end += segment.size
        segments.append(segment)
      }
    } catch {
      Self.close(segments)
      throw error
    }
    self.init(segments, onProgress: onProgress)
  }

  private init(_ segments: [Segment], onProgress: @escaping @Sendable (_ sentBytes: Int) -> Void) {
    self.segments = segments
    self.onProgress = onProgress
    size = segments.last.map { $0.start + $0.size } ?? 0
  }

  deinit { Self.close(segments) }

  private static func open(_ path: String) throws(TransferError) -> (descriptor: Int32, size: Int) {
    let descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      throw TransferError(
        code: .fileUnreadable, message: "cannot open \(path) for upload: \(String(cString: strerror(errno)))")
    }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      Glibc.close(descriptor)
      throw TransferError(code: .fileUnreadable, message: "cannot upload \(path): it is not a regular file")
    }
    return (descriptor, Int(status.st_size))
  }

  private static func close(_ segments: [Segment]) {
    for segment in segments {
      if case .file(let descriptor) = segment.content { Glibc.close(descriptor) }
    }
  }

  /// Copies at most `buffer.count` bytes from `offset` on; nil when they cannot be read (also: the file became shorter).
  func read(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) -> Int? {
    guard let segment = segments.first(where: { offset < $0.start + $0.size }) else { return 0 }
    let position = offset - segment.start
    let wanted = min(buffer.count, segment.size - position)
    guard wanted > 0 else { return 0 }
    switch segment.content {
    case .bytes(let bytes):
      bytes.withUnsafeBytes {
        buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[position..<position + wanted]))
      }
      onProgress(offset + wanted)
      return wanted
    case .file(let descriptor):
      let count = pread(descriptor, buffer.baseAddress, wanted, off_t(position))
      guard count > 0 else { return nil }
      onProgress(offset + count)
      return count
    }
  }
}
