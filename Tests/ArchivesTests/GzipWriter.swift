/// Writes gzip data by hand (RFC 1951 and 1952): plain blocks, and runs of zeros that shrink a thousandfold.
struct GzipWriter {
  private var bytes: [UInt8] = [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 255]

  /// Data as it is, uncompressed.
  mutating func store(_ data: [UInt8]) {
    var rest = data[...]
    while !rest.isEmpty {
      let block = rest.prefix(65_535)
      let length = UInt16(block.count)
      bytes += [0, UInt8(length & 0xFF), UInt8(length >> 8), UInt8(~length & 0xFF), UInt8(~length >> 8)]
      bytes += block
      rest = rest.dropFirst(block.count)
    }
  }

  /// So many zeros, rounded up to 1 plus a multiple of 258 × 4 × 8: a block whose own code spends two bits on a repetition
  /// of 258 zeros.
  mutating func zeros(_ count: Int) {
    var bits = BitWriter()
    bits.write(0, 1)  // not the last block
    bits.write(2, 2)  // with its own code
    bits.write(29, 5)  // 286 literals and lengths
    bits.write(0, 5)  // 1 distance
    bits.write(14, 4)  // 18 lengths of the code for lengths, in the order 16 17 18 0 8 7 9 6 10 5 11 4 12 3 13 2 14 1
    for length in [0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 2] { bits.write(length, 3) }
    // Which makes "0" mean a run of unused symbols, "10" a length of 1 and "11" a length of 2.
    bits.code("11")  // the literal 0
    bits.code("0")
    bits.write(138 - 11, 7)
    bits.code("0")
    bits.write(117 - 11, 7)
    bits.code("11")  // the end of the block
    bits.code("0")
    bits.write(28 - 11, 7)
    bits.code("10")  // the length 258
    bits.code("10")  // the distance 1
    // Now "0" means 258 repetitions, "10" a zero, "11" the end.
    bits.code("10")
    while !bits.isAligned { bits.code("0") }
    let groups = (count / 258 + 31) / 32
    bits.append(repeating: 0, count: groups * 8)
    bits.code("11")
    // An empty plain block, which begins at a byte again.
    bits.write(0, 3)
    bits.align()
    bytes += bits.bytes + [0, 0, 0xFF, 0xFF]
  }

  /// The finished gzip data. Its checksum is not made, as no reader here looks at it.
  consuming func finish() -> [UInt8] { bytes + [1, 0, 0, 0xFF, 0xFF] + [UInt8](repeating: 0, count: 8) }

  static func stored(_ data: [UInt8]) -> [UInt8] {
    var writer = GzipWriter()
    writer.store(data)
    return writer.finish()
  }
}

private struct BitWriter {
  var bytes: [UInt8] = []
  private var used = 0

  var isAligned: Bool { used % 8 == 0 }

  mutating func write(_ value: Int, _ width: Int) {
    for bit in 0..<width { append(value >> bit & 1) }
  }

  mutating func code(_ bits: String) {
    for bit in bits { append(bit == "1" ? 1 : 0) }
  }

  mutating func append(repeating byte: UInt8, count: Int) {
    bytes += [UInt8](repeating: byte, count: count)
    used += 8 * count
  }

  mutating func align() { used = (used + 7) / 8 * 8 }

  private mutating func append(_ bit: Int) {
    if used % 8 == 0 { bytes.append(0) }
    bytes[bytes.count - 1] |= UInt8(bit) << UInt8(used % 8)
    used += 1
  }
}
