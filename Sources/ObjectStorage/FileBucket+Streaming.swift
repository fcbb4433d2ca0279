import Files
import Glibc
import Synchronization

extension FileBucket {
  public func read(_ key: String, range: Range<Int>?) async throws(ObjectStorageError) -> ObjectStream {
    try check(key)
    let reader = try await onDisk(key) { () throws(FileFault) -> Result<RangeReader, ObjectStorageError> in
      let file = try open(key)
      let range = range ?? 0..<file.size
      guard range.upperBound <= file.size else { return .failure(endsBefore(range, key)) }
      let info = ObjectInfo(key: key, size: file.size, etag: file.etag)
      return .success(RangeReader(file, info: info, range: range))
    }
    return ObjectStream(info: reader.info) { () async throws(ObjectStorageError) -> [UInt8]? in
      guard !Task.isCancelled else {
        throw ObjectStorageError(code: .cancelled, bucket: name, key: key, detail: "the task was cancelled")
      }
      return try await onDisk(key) { () throws(FileFault) in .success(try reader.next()) }
    }
  }
}

/// Reads a part of an open file, piece by piece. The file stays what it was, whatever takes its name meanwhile.
private final class RangeReader: Sendable {
  private static let pieceByteCount = 256 << 10

  let info: ObjectInfo
  private let file: OpenFile
  private let rest: Mutex<Range<Int>>

  init(_ file: consuming OpenFile, info: ObjectInfo, range: Range<Int>) {
    self.file = file
    self.info = info
    rest = Mutex(range)
  }

  func next() throws(FileFault) -> [UInt8]? {
    try rest.withLock { (rest) throws(FileFault) -> [UInt8]? in
      guard !rest.isEmpty else { return nil }
      var buffer = [UInt8](repeating: 0, count: min(rest.count, Self.pieceByteCount))
      while true {
        let count = unsafe pread(file.descriptor, &buffer, buffer.count, off_t(rest.lowerBound))
        if count < 0, errno == EINTR { continue }
        // Shorter than it was: whoever reads must not take it for whole.
        guard count > 0 else { throw FileFault(count < 0 ? errno : EIO) }
        buffer.removeLast(buffer.count - count)
        rest = (rest.lowerBound + count)..<rest.upperBound
        return buffer
      }
    }
  }
}
