import Glibc
import Threads

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
  /// and folders are allowed; every other kind of entry, and everything beyond `limits`, refuses the whole archive. They
  /// keep their permissions and the sticky bit, but that their owner may always read them, and change folders. The
  /// archive's times and owners, and bits that would give another user's rights, are dropped: so put `folder` where others
  /// do not reach it. Reads and writes on a thread of its own, and stops soon after the task is cancelled.
  @discardableResult
  public static func unpack(
    _ file: String, into folder: String, limits: ArchiveLimits = ArchiveLimits()
  ) async throws(ArchiveError) -> Summary {
    try await onOwnThread { cancellation throws(ArchiveError) in
      try unpack(file, into: folder, limits: limits, isCancelled: { cancellation.isCancelled })
    }
  }

  private static func unpack(
    _ file: String, into folder: String, limits: ArchiveLimits, isCancelled: () -> Bool
  ) throws(ArchiveError) -> Summary {
    var reader = try ArchiveReader.open(file)
    let target = try UnpackingFolder.make(for: folder)
    var contents = ArchiveContents(limits: limits)
    var buffer = [UInt8](repeating: 0, count: 64 << 10)
    var folderModes: [String: mode_t] = [:]
    while let entry = try reader.next() {
      try throwIfCancelled(isCancelled)
      let path = try ArchivePath(entry.path, limits: limits)
      let kind = try admissibleKind(of: entry, path)
      if path.isRoot && kind == .folder { continue }
      guard !path.isRoot else { throw ArchiveError.rootIsFile }
      for folder in try contents.admit(path, kind: kind, size: entry.size) {
        try target.makeFolder(folder)
        folderModes[folder] = 0o755
      }
      guard kind == .file else {
        folderModes[path.text] = entry.mode | 0o700
        continue
      }
      try target.makeFile(path.text, mode: entry.mode | 0o400) { descriptor throws(ArchiveError) in
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
    guard contents.fileCount > 0 else { throw ArchiveError.noFiles }
    for (folder, mode) in folderModes { try target.setMode(of: folder, mode) }
    try target.moveIntoPlace()
    return Summary(files: contents.fileCount, bytes: contents.totalBytes)
  }

  static func admissibleKind(
    of entry: ArchiveReader.Entry, _ path: ArchivePath
  ) throws(ArchiveError) -> ArchiveContents.Kind {
    switch entry.kind {
    case .folder: return .folder
    case .other(let kind):
      throw ArchiveError(
        code: .unsupportedEntry, entry: path.text, message: "is \(kind); a bundle holds only files and folders")
    case .file:
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
