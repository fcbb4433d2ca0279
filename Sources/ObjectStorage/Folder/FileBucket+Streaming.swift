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
      guard !Task.isCancelled else { throw .cancelled(bucket: name, key: key) }
      return try await onDisk(key) { () throws(FileFault) in .success(try reader.next()) }
    }
  }

  func put(
    _ key: String, stream next: @Sendable () async throws(ObjectStorageError) -> [UInt8]?
  ) async throws(ObjectStorageError) {
    let file = try await onDisk(key) { () throws(FileFault) in .success(UnfinishedFile(try create(key))) }
    while let piece = try await next() {
      guard !Task.isCancelled else { throw .cancelled(bucket: name, key: key) }
      try await onDisk(key) { () throws(FileFault) in .success(try file.write(piece)) }
    }
    try await onDisk(key) { () throws(FileFault) in .success(try file.commit()) }
  }
}

/// A file that is written piece by piece, each on whichever thread; gone where it is not committed.
private final class UnfinishedFile: Sendable {
  private let file: Mutex<ReplacementFile>

  init(_ file: consuming ReplacementFile) { self.file = Mutex(file) }

  func write(_ bytes: [UInt8]) throws(FileFault) {
    try file.withLock { (file) throws(FileFault) in try file.write(bytes) }
  }

  func commit() throws(FileFault) { try file.withLock { (file) throws(FileFault) in try file.commit() } }
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
