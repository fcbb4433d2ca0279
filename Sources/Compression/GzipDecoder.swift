import CLibZ

/// Why bytes could not be unpacked.
public enum GzipError: Error, Sendable, Hashable {
  /// They are not one whole gzip stream.
  case malformed
  /// They unpack to more than was allowed.
  case tooLarge
}

public enum GzipDecoder {
  /// What one gzip stream (RFC 1952) holds.
  /// - Parameter maximumByteCount: of what it unpacks to; a small stream may hold very much.
  public static func decompress(_ bytes: [UInt8], maximumByteCount: Int) throws(GzipError) -> [UInt8] {
    var stream = z_stream()
    // 15 bits of window, and 16 for a gzip header.
    guard inflateInit2_(&stream, 15 + 16, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else {
      throw .malformed
    }
    defer { inflateEnd(&stream) }
    guard bytes.count <= Int(UInt32.max) else { throw .tooLarge }
    var input = bytes
    let result: Result<[UInt8], GzipError> = input.withUnsafeMutableBufferPointer { buffer in
      stream.next_in = buffer.baseAddress
      stream.avail_in = UInt32(buffer.count)
      var output: [UInt8] = []
      while true {
        var code = Z_OK
        let piece = [UInt8](unsafeUninitializedCapacity: 64 << 10) { room, count in
          stream.next_out = room.baseAddress
          stream.avail_out = UInt32(room.count)
          code = inflate(&stream, Z_NO_FLUSH)
          count = room.count - Int(stream.avail_out)
        }
        guard piece.count <= maximumByteCount - output.count else { return .failure(.tooLarge) }
        output += piece
        if code == Z_STREAM_END { return stream.avail_in == 0 ? .success(output) : .failure(.malformed) }
        guard code == Z_OK, !piece.isEmpty || stream.avail_in > 0 else { return .failure(.malformed) }
      }
    }
    return try result.get()
  }
}
