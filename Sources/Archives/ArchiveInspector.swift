import Threads

/// Looks through gzip-compressed tar archives from people one should not trust, from the first byte to the last, and
/// writes nothing. What `ArchiveUnpacker` would refuse with these limits is refused here too.
public enum ArchiveInspector {
  /// What an archive holds.
  public struct Listing: Sendable, Hashable {
    /// Regular files, in the order of the archive: no part of a path is empty, `.` or `..`.
    public var files: [String]
    /// Of the files that were asked for, by path.
    public var contents: [String: [UInt8]]

    public init(files: [String], contents: [String: [UInt8]] = [:]) {
      self.files = files
      self.contents = contents
    }
  }

  /// Reads on a thread of its own, and stops soon after the task is cancelled.
  /// - Parameters:
  ///   - isKept: whether the content of the file with this path is wanted.
  ///   - maximumKeptBytes: of all wanted files together; more are `entryTooLarge`.
  public static func inspect(
    _ file: String, limits: ArchiveLimits = ArchiveLimits(), maximumKeptBytes: Int,
    keeping isKept: @escaping @Sendable (String) -> Bool
  ) async throws(ArchiveError) -> Listing {
    try await onOwnThread { cancellation throws(ArchiveError) in
      try inspect(
        file, limits: limits, maximumKeptBytes: maximumKeptBytes, isKept: isKept,
        isCancelled: { cancellation.isCancelled })
    }
  }

  private static func inspect(
    _ file: String, limits: ArchiveLimits, maximumKeptBytes: Int, isKept: (String) -> Bool, isCancelled: () -> Bool
  ) throws(ArchiveError) -> Listing {
    var reader = try ArchiveReader.open(file)
    var contents = ArchiveContents(limits: limits)
    var listing = Listing(files: [])
    var keptBytes = 0
    var buffer = [UInt8](repeating: 0, count: 64 << 10)
    while let entry = try reader.next() {
      if isCancelled() { throw ArchiveError.cancelled }
      let path = try ArchivePath(entry.path, limits: limits)
      let kind = try ArchiveUnpacker.admissibleKind(of: entry, path)
      if path.isRoot && kind == .folder { continue }
      guard !path.isRoot else { throw ArchiveError.rootIsFile }
      _ = try contents.admit(path, kind: kind, size: entry.size)
      guard kind == .file else { continue }
      listing.files.append(path.text)
      let keeps = isKept(path.text)
      if keeps { listing.contents[path.text] = [] }
      var entryBytes: Int64 = 0
      while true {
        if isCancelled() { throw ArchiveError.cancelled }
        let count = try reader.read(into: &buffer)
        if count == 0 { break }
        entryBytes += Int64(count)
        try contents.wrote(count, to: path, entryBytes: entryBytes, compressedBytes: reader.compressedBytes)
        guard keeps else { continue }
        keptBytes += count
        guard keptBytes <= maximumKeptBytes else {
          throw ArchiveError(
            code: .entryTooLarge, entry: path.text, message: "the file has more than \(maximumKeptBytes) bytes")
        }
        listing.contents[path.text]?.append(contentsOf: buffer[..<count])
      }
    }
    guard !listing.files.isEmpty else { throw ArchiveError.noFiles }
    return listing
  }
}

extension ArchiveError {
  static let cancelled = ArchiveError(code: .cancelled, message: "reading the archive was cancelled")
  static let rootIsFile = ArchiveError(
    code: .unsafePath, entry: ".", message: "the archive itself cannot be a file")
  static let noFiles = ArchiveError(code: .empty, message: "the archive holds no files")
}
