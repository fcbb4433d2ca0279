import CLibArchive
import Glibc

/// Makes gzip-compressed tar archives, wholly in memory: the same files give the same bytes.
public enum ArchivePacker {
  public struct File: Sendable, Hashable {
    /// Relative, in ASCII, with slashes between its parts.
    public var path: String
    public var content: [UInt8]

    public init(path: String, content: [UInt8]) {
      self.path = path
      self.content = content
    }
  }

  /// - Parameter modifiedAt: of every file, in seconds since 1970.
  /// - Throws: `unsafePath` for a path that would lead outside of the folder that the archive is unpacked into, or `cannotWrite`.
  public static func pack(_ files: [File], modifiedAt: Int64) throws(ArchiveError) -> [UInt8] {
    for file in files {
      let parts = file.path.split(separator: "/", omittingEmptySubsequences: false)
      guard file.path.utf8.allSatisfy({ (0x20...0x7E).contains($0) }),
        !parts.contains(where: { $0.isEmpty || $0 == "." || $0 == ".." })
      else {
        throw ArchiveError(
          code: .unsafePath, entry: file.path, message: "the path must be relative, in ASCII, and lead nowhere else")
      }
    }
    guard let writer = archive_write_new(), let entry = archive_entry_new() else {
      throw ArchiveError(code: .cannotWrite, message: "there is no memory to pack it")
    }
    defer {
      archive_entry_free(entry)
      archive_write_free(writer)
    }
    // Each file has a head, perhaps with a long name, and is filled up to whole blocks; what does not shrink grows a little.
    let raw = files.reduce(64 << 10) { $0 + $1.content.count + $1.path.utf8.count + 8192 }
    var output = [UInt8](repeating: 0, count: raw + raw / 1000 + 1024)
    let length = output.withUnsafeMutableBytes { buffer -> Int? in
      var used = 0
      archive_write_add_filter_gzip(writer)
      archive_write_set_format_pax_restricted(writer)
      // The head of gzip holds no time then.
      archive_write_set_filter_option(writer, "gzip", "timestamp", nil)
      archive_write_set_bytes_in_last_block(writer, 1)
      guard archive_write_open_memory(writer, buffer.baseAddress, buffer.count, &used) == ARCHIVE_OK else { return nil }
      for file in files where !add(file, modifiedAt, entry, to: writer) { return nil }
      return archive_write_close(writer) == ARCHIVE_OK ? used : nil
    }
    guard let length else { throw ArchiveError(code: .cannotWrite, message: "the files could not be packed") }
    return Array(output[..<length])
  }

  private static func add(
    _ file: File, _ modifiedAt: Int64, _ entry: OpaquePointer, to writer: OpaquePointer
  ) -> Bool {
    let regularFile: mode_t = S_IFREG
    archive_entry_clear(entry)
    archive_entry_set_pathname(entry, file.path)
    archive_entry_set_filetype(entry, UInt32(regularFile))
    archive_entry_set_perm(entry, 0o600)
    archive_entry_set_size(entry, Int64(file.content.count))
    archive_entry_set_mtime(entry, time_t(modifiedAt), 0)
    guard archive_write_header(writer, entry) == ARCHIVE_OK else { return false }
    let written = file.content.withUnsafeBytes { archive_write_data(writer, $0.baseAddress, $0.count) }
    return written == file.content.count
  }
}
