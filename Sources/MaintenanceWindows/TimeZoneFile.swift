/// Why bytes are not a file of the time zone database.
public struct TimeZoneFileError: Error, Sendable, Hashable, CustomStringConvertible {
  public var message: String

  public init(_ message: String) { self.message = message }

  public var description: String { message }
}

/// Reads the files of `/usr/share/zoneinfo` (TZif, RFC 9636). Of the versions 2 to 4: those before have no times after 2037.
enum TimeZoneFile {
  /// The largest of the database has less than 4 KB.
  static let maximumByteCount = 64 << 10
  private static let headerByteCount = 44

  private struct Header {
    var version: UInt8
    var utcIndicators: Int
    var standardIndicators: Int
    var leapSeconds: Int
    var transitions: Int
    var types: Int
    var nameBytes: Int

    func byteCount(timeSize: Int) -> Int {
      transitions * (timeSize + 1) + types * 6 + nameBytes + leapSeconds * (timeSize + 4) + standardIndicators
        + utcIndicators
    }
  }

  static func read(_ bytes: [UInt8]) throws(TimeZoneFileError) -> TimeZoneRules {
    guard bytes.count <= maximumByteCount else {
      throw TimeZoneFileError("it is longer than \(maximumByteCount) bytes")
    }
    var reader = BlockReader(bytes: bytes[...])
    let first = try header(&reader)
    guard first.version >= UInt8(ascii: "2") else {
      throw TimeZoneFileError("it is of version 1, which has no times after 2037")
    }
    try reader.skip(first.byteCount(timeSize: 4))
    let header = try header(&reader)
    guard header.version == first.version else { throw TimeZoneFileError("its two headers differ in their version") }
    return try rules(header, &reader)
  }

  private static func header(_ reader: inout BlockReader) throws(TimeZoneFileError) -> Header {
    guard try reader.take(4).elementsEqual("TZif".utf8) else { throw TimeZoneFileError("it does not begin with TZif") }
    let version = try reader.take(1).first ?? 0
    try reader.skip(15)
    var counts: [Int] = []
    for _ in 0..<6 {
      let count = Int(try reader.unsigned32())
      guard count <= maximumByteCount else { throw TimeZoneFileError("it ends before what its header announces") }
      counts.append(count)
    }
    let header = Header(
      version: version, utcIndicators: counts[0], standardIndicators: counts[1], leapSeconds: counts[2],
      transitions: counts[3], types: counts[4], nameBytes: counts[5])
    guard (1...256).contains(header.types), [0, header.types].contains(header.utcIndicators),
      [0, header.types].contains(header.standardIndicators), header.nameBytes > 0
    else { throw TimeZoneFileError("the counts of its header do not fit each other") }
    return header
  }

  private static func rules(_ header: Header, _ reader: inout BlockReader) throws(TimeZoneFileError) -> TimeZoneRules {
    // Those files count their seconds otherwise than clocks do.
    guard header.leapSeconds == 0 else { throw TimeZoneFileError("it counts leap seconds, as files under right/ do") }
    var times: [Int64] = []
    for _ in 0..<header.transitions {
      let time = Int64(bitPattern: try reader.unsigned64())
      guard time > times.last ?? .min else { throw TimeZoneFileError("its transitions are not in their order") }
      times.append(time)
    }
    let indices = try reader.take(header.transitions)
    var offsets: [Int64] = []
    for _ in 0..<header.types {
      let offset = Int64(Int32(bitPattern: try reader.unsigned32()))
      let flags = Array(try reader.take(2))
      guard abs(offset) < TimeZoneRules.offsetBound, flags[0] <= 1, Int(flags[1]) < header.nameBytes else {
        throw TimeZoneFileError("one of its local times is out of range")
      }
      offsets.append(offset)
    }
    try reader.skip(header.nameBytes + header.standardIndicators + header.utcIndicators)
    var transitions: [TimeZoneRules.Transition] = []
    for (time, index) in zip(times, indices) {
      guard Int(index) < offsets.count else { throw TimeZoneFileError("a transition leads to no local time") }
      transitions.append(TimeZoneRules.Transition(at: time, offset: offsets[Int(index)]))
    }
    let footer = try reader.line()
    return TimeZoneRules(
      initialOffset: offsets[0], transitions: transitions, rule: footer.isEmpty ? nil : try RecurringClockChange(footer)
    )
  }
}

extension TimeZoneRules {
  /// - Parameter bytes: of a file of the time zone database.
  /// - Throws: `TimeZoneFileError`.
  public init(file bytes: [UInt8]) throws(TimeZoneFileError) { self = try TimeZoneFile.read(bytes) }
}

private struct BlockReader {
  var bytes: ArraySlice<UInt8>

  mutating func take(_ count: Int) throws(TimeZoneFileError) -> ArraySlice<UInt8> {
    guard count <= bytes.count else { throw TimeZoneFileError("it ends before what its header announces") }
    defer { bytes = bytes.dropFirst(count) }
    return bytes.prefix(count)
  }

  mutating func skip(_ count: Int) throws(TimeZoneFileError) { _ = try take(count) }

  mutating func unsigned32() throws(TimeZoneFileError) -> UInt32 {
    try take(4).reduce(0) { $0 << 8 | UInt32($1) }
  }

  mutating func unsigned64() throws(TimeZoneFileError) -> UInt64 {
    try take(8).reduce(0) { $0 << 8 | UInt64($1) }
  }

  /// What lies between two ends of lines.
  mutating func line() throws(TimeZoneFileError) -> ArraySlice<UInt8> {
    guard try take(1).first == 0x0A, let end = bytes.firstIndex(of: 0x0A) else {
      throw TimeZoneFileError("it has no rule at its end")
    }
    let line = bytes[..<end]
    guard line.count <= 256 else { throw TimeZoneFileError("the rule at its end is longer than 256 bytes") }
    return line
  }
}
