import CLibArchive
import Glibc

/// A gzip-compressed tar archive being read with libarchive, which knows no other format or filter here.
struct ArchiveReader: ~Copyable {
  struct Entry {
    /// As it stands in the archive.
    var path: [UInt8]
    var kind: Kind
    var size: Int64
    /// Permission bits and the sticky bit; bits that would give another user's rights are left out.
    var mode: mode_t
    var isSparse: Bool
  }

  enum Kind: Equatable {
    case file
    case folder
    /// Named for people: "a symbolic link".
    case other(String)
  }

  private let handle: OpaquePointer
  private let file: Int32
  /// What was unpacked when the last entry's data ended.
  private var endOfData: Int64 = 0

  private init(handle: OpaquePointer, file: Int32) {
    self.handle = handle
    self.file = file
  }

  /// Opens `path` and checks that it is a regular file that begins as gzip does.
  static func open(_ path: String) throws(ArchiveError) -> ArchiveReader {
    let file = Glibc.open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard file >= 0 else {
      throw ArchiveError(code: .cannotRead, message: "cannot open the archive: \(systemMessage(errno))")
    }
    guard let handle = archive_read_new() else {
      close(file)
      throw ArchiveError(code: .cannotRead, message: "out of memory")
    }
    let reader = ArchiveReader(handle: handle, file: file)
    try checkIsGzip(file)
    // The filter is named instead of found out, so that gzip inside gzip is not unpacked.
    let steps = [
      archive_read_append_filter(handle, ARCHIVE_FILTER_GZIP), archive_read_support_format_tar(handle),
      archive_read_open_fd(handle, file, 64 << 10),
    ]
    guard steps.allSatisfy({ $0 == ARCHIVE_OK || $0 == ARCHIVE_WARN }) else { throw reader.damage() }
    return reader
  }

  deinit {
    archive_read_free(handle)
    close(file)
  }

  private static func checkIsGzip(_ file: Int32) throws(ArchiveError) {
    var status = stat()
    guard fstat(file, &status) == 0 else {
      throw ArchiveError(code: .cannotRead, message: "cannot read the archive: \(systemMessage(errno))")
    }
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw ArchiveError(code: .cannotRead, message: "the archive is no regular file")
    }
    var magic: [UInt8] = [0, 0, 0]
    let count = pread(file, &magic, 3, 0)
    guard count >= 0 else {
      throw ArchiveError(code: .cannotRead, message: "cannot read the archive: \(systemMessage(errno))")
    }
    guard count == 3, magic == [0x1F, 0x8B, 0x08] else {
      throw ArchiveError(
        code: .notGzip,
        message:
          "the file is not compressed with gzip; a bundle is a .tgz made with tar -czf, and a chart one made with helm package"
      )
    }
  }

  /// How many compressed bytes were used so far.
  var compressedBytes: Int64 { archive_filter_bytes(handle, -1) }
  /// How many bytes these unpacked to.
  var unpackedBytes: Int64 { archive_filter_bytes(handle, 0) }

  /// The next entry; nil at the proper end of the archive.
  mutating func next() throws(ArchiveError) -> Entry? {
    var entry: OpaquePointer?
    let result = archive_read_next_header(handle, &entry)
    if result == ARCHIVE_EOF {
      // Archives end with two blocks of zeros. Where less is left than one, the rest was cut off.
      guard unpackedBytes - endOfData >= 512 else {
        throw ArchiveError(code: .damaged, message: "the archive is cut off: its end marker is missing")
      }
      return nil
    }
    // A warning is given where a name cannot be said in the process's locale; it is read as bytes below.
    guard let entry, result == ARCHIVE_OK || result == ARCHIVE_WARN else { throw damage() }
    guard archive_format(handle) & ARCHIVE_FORMAT_BASE_MASK == ARCHIVE_FORMAT_TAR else { throw notTar() }
    endOfData = unpackedBytes
    let mode = archive_entry_mode(entry)
    return Entry(
      path: Self.path(of: entry), kind: Self.kind(of: entry), size: archive_entry_size(entry),
      mode: mode & 0o1777, isSparse: archive_entry_sparse_count(entry) > 0)
  }

  /// Reads the current entry's data into `buffer`; returns how many bytes, 0 at the entry's end.
  mutating func read(into buffer: inout [UInt8]) throws(ArchiveError) -> Int {
    let count = buffer.withUnsafeMutableBytes { archive_read_data(handle, $0.baseAddress, $0.count) }
    guard count >= 0 else { throw damage() }
    endOfData = unpackedBytes
    return count
  }

  private static func path(of entry: OpaquePointer) -> [UInt8] {
    guard let path = archive_entry_pathname_utf8(entry) ?? archive_entry_pathname(entry) else { return [] }
    return Array(UnsafeRawBufferPointer(start: path, count: strlen(path)))
  }

  private static func kind(of entry: OpaquePointer) -> Kind {
    if archive_entry_hardlink(entry) != nil || archive_entry_hardlink_utf8(entry) != nil {
      return .other("a hard link")
    }
    let type = UInt32(archive_entry_filetype(entry))
    return switch type {
    case S_IFREG: .file
    case S_IFDIR: .folder
    case S_IFLNK: .other("a symbolic link")
    case S_IFCHR: .other("a character device")
    case S_IFBLK: .other("a block device")
    case S_IFIFO: .other("a named pipe")
    case S_IFSOCK: .other("a socket")
    default: .other("of an unknown type")
    }
  }

  private func notTar() -> ArchiveError {
    ArchiveError(
      code: .notTar,
      message:
        "the compressed data is no tar archive, or cut off in its beginning; a bundle is a .tgz made with tar -czf, and a chart one made with helm package"
    )
  }

  private func damage() -> ArchiveError {
    let detail = archive_error_string(handle).map { String(cString: $0) } ?? "unknown error"
    if detail.hasPrefix("Unrecognized archive format") { return notTar() }
    return ArchiveError(
      code: .damaged,
      message: "the archive is cut off or damaged (\(ArchivePath.printable(Array(detail.utf8)))); upload it again")
  }
}

/// What an error number of the operating system means.
func systemMessage(_ number: Int32) -> String { String(cString: strerror(number)) }
