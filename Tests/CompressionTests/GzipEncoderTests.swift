import Compression
import Processes
import TestSupport
import Testing

@Suite struct GzipEncoderTests {
  @Test(arguments: [[], [0], [1, 200_000, 3], [70_000, 70_000, 0, 70_000]] as [[Int]])
  func whatIsCompressedInPiecesUnpacksToAllOfThem(_ sizes: [Int]) async throws {
    let pieces = sizes.enumerated().map { index, size in
      (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31 ^ $0 >> 7 ^ index) }
    }
    let encoder = GzipEncoder()
    var packed: [UInt8] = []
    for piece in pieces { packed += encoder.compress(piece) }
    packed += encoder.finish()
    #expect(try await Gunzip.unpacked(packed) == pieces.flatMap(\.self))
  }

  @Test func whatRepeatsItselfBecomesSmall() {
    #expect(GzipEncoder().finish([UInt8](repeating: 7, count: 1 << 20)).count < 10_000)
  }
}
