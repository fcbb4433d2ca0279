/// Keeps the end of a stream of bytes and cuts it into lines.
struct OutputCollector {
  /// A longer line is handed over in pieces of this many bytes.
  static let maximumLineBytes = 16 << 10

  private let limit: Int
  private var tail: [UInt8] = []
  private var droppedByteCount = 0
  private var line: [UInt8] = []

  init(limit: Int) { self.limit = max(limit, 0) }

  /// - Returns: The lines that these bytes complete.
  mutating func append(_ bytes: [UInt8]) -> [String] {
    tail.append(contentsOf: bytes)
    // Dropping only when twice the limit is there keeps the cost of a byte constant.
    if tail.count > 2 * limit { dropExcess() }
    var lines: [String] = []
    for byte in bytes {
      if byte == UInt8(ascii: "\n") {
        lines.append(takeLine())
      } else {
        line.append(byte)
        if line.count == Self.maximumLineBytes { lines.append(takeLine()) }
      }
    }
    return lines
  }

  /// The last line, if the stream did not end with a line feed.
  mutating func finish() -> String? { line.isEmpty ? nil : takeLine() }

  var captured: CapturedOutput {
    var copy = self
    copy.dropExcess()
    return CapturedOutput(bytes: copy.tail, droppedByteCount: copy.droppedByteCount)
  }

  private mutating func dropExcess() {
    let excess = tail.count - limit
    guard excess > 0 else { return }
    tail.removeFirst(excess)
    droppedByteCount += excess
  }

  private mutating func takeLine() -> String {
    defer { line.removeAll(keepingCapacity: true) }
    if line.last == UInt8(ascii: "\r") { line.removeLast() }
    return String(decoding: line, as: UTF8.self)
  }
}
