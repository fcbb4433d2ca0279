/// Collects the header lines of a response; interim (1xx) responses are dropped.
struct ResponseHeadParser {
  enum Event: Equatable {
    case more
    /// The empty line of the final response was read.
    case complete
    case tooLarge
  }

  /// All header lines together; more is an attack or a mistake.
  static let maximumBytes = 256 << 10

  private(set) var status = 0
  private(set) var headers = HTTPHeaders()
  private var byteCount = 0
  private var isComplete = false

  mutating func receive(line bytes: UnsafeRawBufferPointer) -> Event {
    byteCount += bytes.count
    guard byteCount <= Self.maximumBytes else { return .tooLarge }
    // Trailers of a chunked body come through the same callback; nothing reads them.
    guard !isComplete else { return .more }
    let line = Substring(decoding: bytes, as: UTF8.self)
    let text = Self.trimmed(line)
    if line.hasPrefix("HTTP/") {
      status = text.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
      headers = HTTPHeaders()
    } else if text.isEmpty {
      guard status >= 200 else { return .more }
      isComplete = true
      return .complete
    } else if line.first == " " || line.first == "\t" {
      if !headers.fields.isEmpty { headers.fields[headers.fields.count - 1].value += " " + text }
    } else if let colon = line.firstIndex(of: ":") {
      headers.fields.append((String(line[..<colon]), String(Self.trimmed(line[line.index(after: colon)...]))))
    }
    return .more
  }

  private static func trimmed(_ text: Substring) -> Substring {
    // "\r\n" is one Character.
    let isBlank: (Character) -> Bool = { $0 == " " || $0 == "\t" || $0 == "\r\n" || $0 == "\r" || $0 == "\n" }
    var result = text.drop(while: isBlank)
    while let last = result.last, isBlank(last) { result.removeLast() }
    return result
  }
}
