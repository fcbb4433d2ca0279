import Compression
import Testing

struct GzipDecoderTests {
  private static func packed(_ bytes: [UInt8]) -> [UInt8] { GzipEncoder(level: 6).finish(bytes) }

  @Test(arguments: [0, 1, 1000, 65_535, 65_536, 65_537, 1_000_000])
  func whatWasPackedIsUnpacked(_ count: Int) throws {
    let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* $0 >> 3) }
    #expect(try GzipDecoder.decompress(Self.packed(bytes), maximumByteCount: count) == bytes)
  }

  @Test func noMoreIsUnpackedThanIsAllowed() {
    let packed = Self.packed([UInt8](repeating: 0, count: 10_000_000))
    #expect(packed.count < 20_000)
    #expect(throws: GzipError.tooLarge) { try GzipDecoder.decompress(packed, maximumByteCount: 9_999_999) }
  }

  @Test func whatIsNotOneWholeStreamIsRefused() {
    let packed = Self.packed(Array("a text that is packed".utf8))
    for count in 0..<packed.count {
      #expect(throws: GzipError.malformed) {
        try GzipDecoder.decompress(Array(packed.prefix(count)), maximumByteCount: 100)
      }
    }
    for index in packed.indices where index > 9 {
      var damaged = packed
      damaged[index] ^= 0x55
      #expect(throws: GzipError.self) { try GzipDecoder.decompress(damaged, maximumByteCount: 100) }
    }
    #expect(throws: GzipError.malformed) { try GzipDecoder.decompress(packed + [0], maximumByteCount: 100) }
    #expect(throws: GzipError.malformed) { try GzipDecoder.decompress(packed + packed, maximumByteCount: 100) }
  }
}
