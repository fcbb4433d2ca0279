/// What was unpacked so far, and whether a next entry is still allowed. Pure: it touches no file.
struct ArchiveContents {
  enum Kind: Equatable {
    case file
    case folder
  }

  private struct Known {
    var path: String
    var kind: Kind
  }

  let limits: ArchiveLimits
  private(set) var entryCount = 0
  private(set) var fileCount = 0
  private(set) var totalBytes: Int64 = 0
  /// By the path in lower case. Strings compare by what they show, so that two spellings of one letter meet here too.
  private var known: [String: Known] = [:]

  init(limits: ArchiveLimits) { self.limits = limits }

  /// Admits an entry.
  /// - Returns: the folders to be made first, from the outermost, and the entry itself where it is a new folder.
  mutating func admit(_ path: ArchivePath, kind: Kind, size: Int64) throws(ArchiveError) -> [String] {
    entryCount += 1
    guard entryCount <= limits.maximumEntries else {
      throw ArchiveError(
        code: .tooManyEntries, message: "the archive holds more than \(limits.maximumEntries) files and folders")
    }
    var newFolders: [String] = []
    let lineage = path.lineage
    for (index, ancestor) in lineage.enumerated() {
      let isLast = index == lineage.count - 1
      let wanted: Kind = isLast ? kind : .folder
      if let earlier = known[ancestor.lowercased()] {
        try check(path, against: earlier, at: ancestor, wanted: wanted)
      } else {
        known[ancestor.lowercased()] = Known(path: ancestor, kind: wanted)
        if wanted == .folder { newFolders.append(ancestor) }
      }
    }
    // Folders that no entry names count too: an archive of deep paths may not make more of them than allowed.
    guard known.count <= limits.maximumEntries else {
      throw ArchiveError(
        code: .tooManyEntries, message: "the archive makes more than \(limits.maximumEntries) files and folders")
    }
    if kind == .file {
      fileCount += 1
      try checkSize(path.text, entryBytes: size, totalBytes: totalBytes.addingReportingOverflow(max(size, 0)))
    }
    return newFolders
  }

  private func check(
    _ path: ArchivePath, against earlier: Known, at ancestor: String, wanted: Kind
  ) throws(ArchiveError) {
    guard Array(earlier.path.utf8) == Array(ancestor.utf8) else {
      throw ArchiveError(
        code: .duplicateEntry, entry: path.text,
        message: "differs from \"\(earlier.path)\" only in upper and lower case or in the spelling of letters")
    }
    guard earlier.kind == .folder && wanted == .folder else {
      throw ArchiveError(
        code: .duplicateEntry, entry: path.text,
        message: earlier.kind == wanted ? "stands twice in the archive" : "is both a file and a folder")
    }
  }

  /// Counts bytes written for one file.
  /// - Parameters:
  ///   - entryBytes: the file's bytes so far, with these.
  ///   - compressedBytes: what was read of the archive so far.
  mutating func wrote(
    _ count: Int, to path: ArchivePath, entryBytes: Int64, compressedBytes: Int64
  ) throws(ArchiveError) {
    totalBytes += Int64(count)
    try checkSize(path.text, entryBytes: entryBytes, totalBytes: (totalBytes, false))
    try checkRatio(unpackedBytes: totalBytes, compressedBytes: compressedBytes, entry: path.text)
  }

  private func checkSize(
    _ entry: String, entryBytes: Int64, totalBytes: (partialValue: Int64, overflow: Bool)
  ) throws(ArchiveError) {
    guard (0...limits.maximumEntryBytes).contains(entryBytes) else {
      throw ArchiveError(
        code: .entryTooLarge, entry: entry, message: "the file has more than \(limits.maximumEntryBytes) bytes")
    }
    guard !totalBytes.overflow && totalBytes.partialValue <= limits.maximumTotalBytes else {
      throw ArchiveError(
        code: .tooLarge, entry: entry, message: "the archive unpacks to more than \(limits.maximumTotalBytes) bytes")
    }
  }

  func checkRatio(unpackedBytes: Int64, compressedBytes: Int64, entry: String?) throws(ArchiveError) {
    let (allowed, overflows) = max(compressedBytes, 1).multipliedReportingOverflow(
      by: Int64(limits.maximumCompressionRatio))
    guard overflows || unpackedBytes <= max(limits.ratioFreeBytes, allowed) else {
      throw ArchiveError(
        code: .suspiciousCompression, entry: entry,
        message: "the data grows more than \(limits.maximumCompressionRatio)-fold when unpacked")
    }
  }
}
