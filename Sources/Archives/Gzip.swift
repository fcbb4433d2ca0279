import CLibArchive
import Glibc

/// Data in gzip's form (RFC 1952), wholly in memory.
public enum Gzip {
  /// - Parameter limit: more unpacked bytes than that are an error, so that a small input cannot fill the memory.
  /// - Throws: `notGzip`, `damaged` or `tooLarge`.
  public static func decompress(_ bytes: [UInt8], limit: Int) throws(ArchiveError) -> [UInt8] {
    // The raw format takes anything; only this says that it was compressed.
    guard bytes.starts(with: [0x1F, 0x8B]) else {
      throw ArchiveError(code: .notGzip, message: "the data is not in gzip's form")
    }
    guard let reader = archive_read_new() else {
      throw ArchiveError(code: .cannotRead, message: "there is no memory to unpack it")
    }
    defer { archive_read_free(reader) }
    // The filter is named instead of found out, so that gzip inside gzip is not unpacked.
    guard archive_read_append_filter(reader, ARCHIVE_FILTER_GZIP) == ARCHIVE_OK else { throw damaged }
    archive_read_support_format_raw(reader)
    archive_read_support_format_empty(reader)
    return try bytes.withUnsafeBufferPointer { input throws(ArchiveError) -> [UInt8] in
      var entry: OpaquePointer?
      guard archive_read_open_memory(reader, input.baseAddress, input.count) == ARCHIVE_OK else { throw damaged }
      let header = archive_read_next_header(reader, &entry)
      if header == ARCHIVE_EOF {
        // What ends before its data begins looks empty, too; of nothing, checksum and length are zero.
        guard archive_errno(reader) == 0, bytes.count >= 20, bytes.suffix(8).allSatisfy({ $0 == 0 }) else {
          throw damaged
        }
        return []
      }
      guard header == ARCHIVE_OK else { throw damaged }
      var output: [UInt8] = []
      var chunk = [UInt8](repeating: 0, count: 64 << 10)
      while true {
        let count = chunk.withUnsafeMutableBytes { archive_read_data(reader, $0.baseAddress, $0.count) }
        if count == 0 { return output }
        guard count > 0 else { throw damaged }
        guard output.count + count <= limit else {
          throw ArchiveError(code: .tooLarge, message: "the data unpacks to more than \(limit) bytes")
        }
        output += chunk[..<count]
      }
    }
  }

  public static func compress(_ bytes: [UInt8]) throws(ArchiveError) -> [UInt8] {
    guard let writer = archive_write_new(), let entry = archive_entry_new() else {
      throw ArchiveError(code: .cannotWrite, message: "there is no memory to pack it")
    }
    defer {
      archive_entry_free(entry)
      archive_write_free(writer)
    }
    let regularFile: mode_t = S_IFREG
    // What does not shrink grows by a few bytes each 32 KiB, and by the head and the tail.
    var output = [UInt8](repeating: 0, count: bytes.count + bytes.count / 1000 + 1024)
    let length = output.withUnsafeMutableBytes { buffer -> Int? in
      var used = 0
      archive_write_add_filter_gzip(writer)
      archive_write_set_format_raw(writer)
      // Without this the output is filled up to whole blocks.
      archive_write_set_bytes_in_last_block(writer, 1)
      archive_entry_set_filetype(entry, UInt32(regularFile))
      guard archive_write_open_memory(writer, buffer.baseAddress, buffer.count, &used) == ARCHIVE_OK,
        archive_write_header(writer, entry) == ARCHIVE_OK
      else { return nil }
      let written = bytes.withUnsafeBytes { archive_write_data(writer, $0.baseAddress, $0.count) }
      guard written == bytes.count, archive_write_close(writer) == ARCHIVE_OK else { return nil }
      return used
    }
    guard let length else { throw ArchiveError(code: .cannotWrite, message: "the data could not be packed") }
    return Array(output[..<length])
  }

  private static var damaged: ArchiveError {
    ArchiveError(code: .damaged, message: "the compressed data is damaged or cut off")
  }
}
