import CLibZ

/// Compresses bytes that come piece by piece into one gzip stream (RFC 1952).
public final class GzipEncoder {
  // zlib keeps a pointer to it: it must stay where it is.
  private let stream: UnsafeMutablePointer<z_stream>

  /// - Parameter level: from 1, the fastest, to 9, the smallest.
  public init(level: Int32 = 1) {
    precondition((1...9).contains(level), "gzip has the levels 1 to 9")
    stream = .allocate(capacity: 1)
    stream.initialize(to: z_stream())
    // 15 bits of window, and 16 for a gzip header. Fails only without memory, where Swift's own allocations trap too.
    let result = deflateInit2_(
      stream, level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
    precondition(result == Z_OK, "no memory for compression")
  }

  deinit {
    deflateEnd(stream)
    stream.deallocate()
  }

  /// What is to be sent for these bytes; a part may be held back until more comes.
  public func compress(_ bytes: [UInt8]) -> [UInt8] { run(bytes, Z_NO_FLUSH) }

  /// What is to be sent for the last bytes, with the end of the stream. Nothing may follow.
  public func finish(_ bytes: [UInt8] = []) -> [UInt8] { run(bytes, Z_FINISH) }

  private func run(_ bytes: [UInt8], _ flush: Int32) -> [UInt8] {
    var output: [UInt8] = []
    var input = bytes
    input.withUnsafeMutableBufferPointer { buffer in
      var rest = buffer.count
      stream.pointee.next_in = buffer.baseAddress
      repeat {
        let count = min(rest, 1 << 30)
        stream.pointee.avail_in = UInt32(count)
        rest -= count
        deflate(rest == 0 ? flush : Z_NO_FLUSH, into: &output)
      } while rest > 0
      stream.pointee.next_in = nil
    }
    return output
  }

  private func deflate(_ flush: Int32, into output: inout [UInt8]) {
    repeat {
      let piece = [UInt8](unsafeUninitializedCapacity: 64 << 10) { buffer, count in
        stream.pointee.next_out = buffer.baseAddress
        stream.pointee.avail_out = UInt32(buffer.count)
        _ = CLibZ.deflate(stream, flush)
        count = buffer.count - Int(stream.pointee.avail_out)
      }
      output += piece
    } while stream.pointee.avail_out == 0
  }
}
