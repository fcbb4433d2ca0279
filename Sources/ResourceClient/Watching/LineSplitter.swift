/// Cuts a stream of bytes into lines, wherever the pieces it arrives in begin and end.
public struct LineSplitter: Sendable {
  public struct LineTooLong: Error, Hashable, Sendable {
    public var maximumLength: Int

    public init(maximumLength: Int) { self.maximumLength = maximumLength }
  }

  private let maximumLength: Int
  private var buffer: [UInt8] = []
  /// Everything before it was given out.
  private var start = 0
  /// Everything before it is known to hold no further line end.
  private var scanned = 0

  /// - Parameter maximumLength: of one line, in bytes.
  public init(maximumLength: Int) { self.maximumLength = maximumLength }

  public mutating func append(_ bytes: [UInt8]) {
    if start > 0 {
      buffer.removeSubrange(..<start)
      scanned -= start
      start = 0
    }
    buffer += bytes
  }

  /// The next whole line without its line end, or nil until more bytes are appended.
  public mutating func next() throws(LineTooLong) -> [UInt8]? {
    while scanned < buffer.count {
      if buffer[scanned] == 0x0A {
        let line = Array(buffer[start..<scanned])
        scanned += 1
        start = scanned
        if line.count > maximumLength { throw LineTooLong(maximumLength: maximumLength) }
        return line.last == 0x0D ? Array(line.dropLast()) : line
      }
      scanned += 1
    }
    if scanned - start > maximumLength { throw LineTooLong(maximumLength: maximumLength) }
    return nil
  }

  /// What stands after the last line end; for the end of the stream.
  public mutating func remainder() -> [UInt8] {
    defer {
      buffer = []
      start = 0
      scanned = 0
    }
    return Array(buffer[start...])
  }
}
