import Archives
import Testing

@Suite struct GzipTests {
  @Test(arguments: [0, 1, 100, 65_536, 1_000_003])
  func whatWasCompressedComesBack(_ count: Int) throws {
    let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* $0 >> 7) }
    let packed = try Gzip.compress(bytes)
    #expect(try Gzip.decompress(packed, limit: count) == bytes)
  }

  @Test func noiseGrowsButIsKept() throws {
    var generator = SystemRandomNumberGenerator()
    let bytes = (0..<300_000).map { _ in UInt8.random(in: 0...255, using: &generator) }
    #expect(try Gzip.decompress(try Gzip.compress(bytes), limit: bytes.count) == bytes)
  }

  @Test func whatWasCompressedTwiceIsUnpackedOnce() throws {
    let once = try Gzip.compress(Array("hello".utf8))
    #expect(try Gzip.decompress(Gzip.compress(once), limit: 1000) == once)
  }

  @Test func moreThanTheLimitIsRefused() throws {
    let packed = try Gzip.compress([UInt8](repeating: 0, count: 1_000_000))
    #expect(packed.count < 10_000)
    #expect { try Gzip.decompress(packed, limit: 999_999) } throws: { ($0 as? ArchiveError)?.code == .tooLarge }
  }

  @Test func whatIsNoGzipOrWasCutOffIsRefused() throws {
    let packed = try Gzip.compress((0..<10_000).map { UInt8(truncatingIfNeeded: $0 % 251) })
    #expect { try Gzip.decompress([], limit: 10) } throws: { ($0 as? ArchiveError)?.code == .notGzip }
    #expect { try Gzip.decompress(Array("text".utf8), limit: 10) } throws: { ($0 as? ArchiveError)?.code == .notGzip }
    for length in [3, 10, 20, packed.count / 2] {
      #expect { try Gzip.decompress(Array(packed[..<length]), limit: 1 << 20) } throws: {
        ($0 as? ArchiveError)?.code == .damaged
      }
    }
  }
}
