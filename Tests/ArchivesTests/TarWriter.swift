/// Writes tar archives by hand, so that they may hold what no packer would put in.
struct TarWriter {
  private(set) var bytes: [UInt8] = []

  struct Header {
    var path: [UInt8]
    var type: Character = "0"
    var mode = 0o644
    /// What the header says; the data's true size where nil.
    var size: Int64?
    var linkTarget = ""
  }

  mutating func file(_ path: String, _ text: String = "text", mode: Int = 0o644) {
    add(Header(path: Array(path.utf8), mode: mode), data: Array(text.utf8))
  }

  mutating func folder(_ path: String, mode: Int = 0o755) {
    add(Header(path: Array(path.utf8), type: "5", mode: mode))
  }

  mutating func link(_ path: String, type: Character, to target: String = "") {
    add(Header(path: Array(path.utf8), type: type, linkTarget: target))
  }

  /// A header of POSIX.1-2001 that overrides fields of the next entry.
  mutating func extendedHeader(_ records: [(String, String)]) {
    var text = ""
    for (key, value) in records {
      let body = " \(key)=\(value)\n"
      var length = body.utf8.count + 1
      while "\(length)\(body)".utf8.count != length { length += 1 }
      text += "\(length)\(body)"
    }
    add(Header(path: Array("PaxHeader".utf8), type: "x"), data: Array(text.utf8))
  }

  mutating func add(_ header: Header, data: [UInt8] = []) {
    var block = [UInt8](repeating: 0, count: 512)
    func put(_ text: some Sequence<UInt8>, at offset: Int) {
      for (index, byte) in text.enumerated() { block[offset + index] = byte }
    }
    func octal(_ value: Int64, _ width: Int) -> [UInt8] {
      let digits = String(value, radix: 8)
      return Array((String(repeating: "0", count: max(0, width - digits.count)) + digits).utf8)
    }
    put(header.path.prefix(100), at: 0)
    put(octal(Int64(header.mode), 7), at: 100)
    put(octal(1000, 7), at: 108)
    put(octal(1000, 7), at: 116)
    put(octal(header.size ?? Int64(data.count), 11), at: 124)
    put(octal(0, 11), at: 136)
    put(repeatElement(0x20, count: 8), at: 148)
    put(String(header.type).utf8, at: 156)
    put(header.linkTarget.utf8.prefix(100), at: 157)
    put("ustar\u{0}00".utf8, at: 257)
    if "34".contains(header.type) {
      put(octal(1, 7), at: 329)
      put(octal(3, 7), at: 337)
    }
    put(octal(block.reduce(0) { $0 + Int64($1) }, 6) + [0, 0x20], at: 148)
    bytes += block
    bytes += data
    bytes += [UInt8](repeating: 0, count: (512 - data.count % 512) % 512)
  }

  /// The archive with its end marker.
  var finished: [UInt8] { bytes + [UInt8](repeating: 0, count: 1024) }

  static func archive(_ build: (inout TarWriter) -> Void) -> [UInt8] {
    var writer = TarWriter()
    build(&writer)
    return GzipWriter.stored(writer.finished)
  }
}
