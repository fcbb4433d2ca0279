/// Unpacks gzip-compressed tar archives from people one should not trust.
public enum ArchiveUnpacker {
  /// What was unpacked.
  public struct Summary: Sendable, Hashable {
    public var files: Int
    /// The bytes of all files.
    public var bytes: Int64

    public init(files: Int, bytes: Int64) {
      self.files = files
      self.bytes = bytes
    }
  }

  /// Unpacks the archive `file` into `folder`, which must not exist; its parent must.
  ///
  /// Either all of it appears under that name at once, or nothing does and nothing is left behind. Only regular files
  /// and folders are allowed, readable by their owner alone (0600, or 0700 for folders and executables); every other
  /// kind of entry, and everything beyond `limits`, refuses the whole archive. The archive's times and owners are
  /// dropped. Reads and writes on a thread of its own, and stops soon after the task is cancelled.
  @discardableResult
  public static func unpack(
    _ file: String, into folder: String, limits: ArchiveLimits = ArchiveLimits()
  ) async throws(ArchiveError) -> Summary {
    let result = await BlockingThread.run { cancellation in
      Result { () throws(ArchiveError) in
        try unpack(file, into: folder, limits: limits, isCancelled: { cancellation.isCancelled })
      }
    }
    guard let result else { throw ArchiveError(code: .cannotRead, message: "the system gives no further thread") }
    return try result.get()
  }

  private static func unpack(
    _ file: String, into folder: String, limits: ArchiveLimits, isCancelled: () -> Bool
  ) throws(ArchiveError) -> Summary {
    var reader = try ArchiveReader.open(file)
    let target = try UnpackingFolder.make(for: folder)
    var contents = ArchiveContents(limits: limits)
    var buffer = [UInt8](repeating: 0, count: 64 << 10)
    while let entry = try reader.next() {
      try throwIfCancelled(isCancelled)
      let path = try ArchivePath(entry.path, limits: limits)
      let kind = try admissibleKind(of: entry, path)
      if path.isRoot && kind == .folder { continue }
      guard !path.isRoot else {
        throw ArchiveError(code: .unsafePath, entry: ".", message: "the archive itself cannot be a file")
      }
      for folder in try contents.admit(path, kind: kind, size: entry.size) { try target.makeFolder(folder) }
      guard kind == .file else { continue }
      try target.makeFile(path.text, isExecutable: entry.isExecutable) { descriptor throws(ArchiveError) in
        var entryBytes: Int64 = 0
        while true {
          try throwIfCancelled(isCancelled)
          let count = try reader.read(into: &buffer)
          if count == 0 { break }
          entryBytes += Int64(count)
          try contents.wrote(count, to: path, entryBytes: entryBytes, compressedBytes: reader.compressedBytes)
          try UnpackingFolder.write(buffer[..<count], to: descriptor, entry: path.text)
        }
      }
    }
    guard contents.fileCount > 0 else { throw ArchiveError(code: .empty, message: "the archive holds no files") }
    try target.moveIntoPlace()
    return Summary(files: contents.fileCount, bytes: contents.totalBytes)
  }

  private static func admissibleKind(
    of entry: ArchiveReader.Entry, _ path: ArchivePath
  ) throws(ArchiveError) -> ArchiveContents.Kind {
    switch entry.kind {
    case .folder: return .folder
    case .other(let kind):
      throw ArchiveError(
        code: .unsupportedEntry, entry: path.text, message: "is \(kind); a bundle holds only files and folders")
    case .file:
      // The set-group-id bit of folders comes from where they were packed, says nothing, and is dropped.
      guard !entry.isPrivileged else {
        throw ArchiveError(
          code: .privilegedEntry, entry: path.text, message: "has a set-user-id or set-group-id bit")
      }
      guard !entry.isSparse else {
        throw ArchiveError(code: .sparseEntry, entry: path.text, message: "is sparse; pack the bundle without --sparse")
      }
      return .file
    }
  }

  private static func throwIfCancelled(_ isCancelled: () -> Bool) throws(ArchiveError) {
    if isCancelled() { throw ArchiveError(code: .cancelled, message: "unpacking was cancelled") }
  }
}
