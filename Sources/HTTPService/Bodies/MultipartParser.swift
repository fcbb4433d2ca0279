public import ResourceModel

/// One part of a `multipart/form-data` body (RFC 7578), as its head says.
public struct MultipartPart: Sendable, Hashable {
  public var name: String
  /// As the client sent it: never to be used as a path.
  public var fileName: String?
  public var contentType: String?
}

/// Reads `multipart/form-data` as it comes, however it is cut into pieces, and keeps no more of it than one delimiter and
/// one head. A value: the caller does the reading.
///
///     preamble → delimiter → head → content … → delimiter → head → content … → closing delimiter → epilogue
public struct MultipartParser: Sendable {
  public enum Event: Sendable, Hashable {
    case began(MultipartPart)
    /// More of the content of the part that began last.
    case content(ArraySlice<UInt8>)
    case ended
  }

  private enum State {
    case preamble
    /// After a delimiter: a line end follows, or the two dashes of the closing one.
    case afterDelimiter
    case head
    case content
    case epilogue
  }

  /// Bytes of the head of one part.
  static let maximumHeadBytes = 8 << 10
  /// Bytes between a delimiter and the end of its line.
  private static let maximumPaddingBytes = 256

  private let maximumParts: Int
  /// The line end before it belongs to a delimiter.
  private let delimiter: [UInt8]
  private var state = State.preamble
  private var parts = 0
  /// What was not decided yet. A delimiter may stand at the very start, where no line ends before it.
  private var buffer: [UInt8] = [0x0D, 0x0A]

  /// - Parameters:
  ///   - contentType: of the request: `multipart/form-data; boundary=…`.
  ///   - maximumParts: more are refused.
  /// - Throws: `unsupportedMediaType` for another type, `badRequest` where the boundary is missing or breaks RFC 2046.
  public init(contentType: String?, maximumParts: Int = 32) throws(StatusError) {
    let type = HTTPMediaType(contentType ?? "")
    guard type.type == "multipart/form-data" else {
      throw StatusError(
        .unsupportedMediaType,
        "the body must be a form with files: Content-Type: multipart/form-data, not "
          + (type.type.isEmpty ? "none" : String(type.type.prefix(80))))
    }
    guard let boundary = type.parameters["boundary"], (1...70).contains(boundary.utf8.count),
      boundary.utf8.allSatisfy({ (0x20...0x7E).contains($0) })
    else {
      throw StatusError(
        .badRequest, "Content-Type: multipart/form-data needs a boundary of 1 to 70 visible ASCII characters")
    }
    delimiter = Array("\r\n--\(boundary)".utf8)
    self.maximumParts = maximumParts
  }

  /// Takes the next piece of the body.
  /// - Throws: `badRequest` where it breaks the rules of the form; nothing can be fed after that.
  public mutating func feed(_ piece: some Collection<UInt8>) throws(StatusError) -> [Event] {
    buffer.append(contentsOf: piece)
    var events: [Event] = []
    var start = buffer.startIndex
    while let next = try step(from: start, &events) { start = next }
    buffer.removeSubrange(..<start)
    return events
  }

  /// Takes the end of the body.
  /// - Throws: `badRequest` where it ends before the closing delimiter, so that nothing that was cut off passes for whole.
  public func finish() throws(StatusError) {
    guard case .epilogue = state else {
      throw StatusError(.badRequest, "the form broke off before its closing boundary")
    }
  }

  /// - Returns: where to go on; nil where more has to come first.
  private mutating func step(from start: Int, _ events: inout [Event]) throws(StatusError) -> Int? {
    switch state {
    case .preamble:
      guard let found = buffer.firstRange(of: delimiter, from: start) else {
        // What comes before the first delimiter is nobody's (RFC 2046 §5.1.1).
        return advance(start, to: buffer.endIndex - delimiter.count)
      }
      state = .afterDelimiter
      return found + delimiter.count
    case .afterDelimiter: return try afterDelimiter(from: start)
    case .head: return try head(from: start, &events)
    case .content:
      guard let found = buffer.firstRange(of: delimiter, from: start) else {
        let next = advance(start, to: buffer.endIndex - delimiter.count)
        if let next { events.append(.content(buffer[start..<next])) }
        return next
      }
      if found > start { events.append(.content(buffer[start..<found])) }
      events.append(.ended)
      state = .afterDelimiter
      return found + delimiter.count
    case .epilogue: return advance(start, to: buffer.endIndex)
    }
  }

  private func advance(_ start: Int, to end: Int) -> Int? { end > start ? end : nil }

  private mutating func afterDelimiter(from start: Int) throws(StatusError) -> Int? {
    let rest = buffer[start...]
    if rest.starts(with: [0x2D, 0x2D]) {
      state = .epilogue
      return buffer.endIndex
    }
    guard let end = buffer.firstRange(of: [0x0D, 0x0A], from: start) else {
      guard rest.count <= Self.maximumPaddingBytes else { throw Self.malformed("a boundary is followed by other text") }
      return nil
    }
    // Blanks may stand after a boundary.
    guard buffer[start..<end].allSatisfy({ $0 == 0x20 || $0 == 0x09 }) else {
      throw Self.malformed("a boundary is followed by other text")
    }
    parts += 1
    guard parts <= maximumParts else { throw Self.malformed("it has more than \(maximumParts) parts") }
    state = .head
    // The line end stays: a head without lines ends with it at once.
    return end
  }

  private mutating func head(from start: Int, _ events: inout [Event]) throws(StatusError) -> Int? {
    guard let end = buffer.firstRange(of: [0x0D, 0x0A, 0x0D, 0x0A], from: start) else {
      guard buffer.endIndex - start <= Self.maximumHeadBytes else {
        throw Self.malformed("the head of a part is too long")
      }
      return nil
    }
    guard end - start <= Self.maximumHeadBytes else { throw Self.malformed("the head of a part is too long") }
    guard let text = String(validating: buffer[start..<end], as: UTF8.self) else {
      throw Self.malformed("the head of a part is not UTF-8")
    }
    guard text.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F || [0x09, 0x0A, 0x0D].contains($0) }),
      !text.replacing("\r\n", with: "").utf8.contains(where: { $0 == 0x0A || $0 == 0x0D })
    else { throw Self.malformed("the head of a part has control characters") }
    events.append(.began(try Self.part(text)))
    state = .content
    return end + 4
  }

  private static func part(_ head: String) throws(StatusError) -> MultipartPart {
    var disposition: HTTPMediaType?
    var contentType: String?
    for line in head.split(separator: "\r\n") {
      let pair = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
      guard pair.count == 2 else { throw malformed("a line in the head of a part has no colon") }
      let value = String(pair[1].drop { $0 == " " || $0 == "\t" })
      switch pair[0].lowercased() {
      case "content-disposition": disposition = HTTPMediaType(value)
      case "content-type": contentType = value
      case "content-transfer-encoding":
        guard ["binary", "8bit", "7bit"].contains(value.lowercased()) else {
          throw malformed("parts must be sent as they are, without Content-Transfer-Encoding (RFC 7578 §4.7)")
        }
      default: break
      }
    }
    guard let disposition, disposition.type == "form-data", let name = disposition.parameters["name"], !name.isEmpty
    else { throw malformed("a part has no Content-Disposition: form-data; name=\"…\"") }
    return MultipartPart(name: name, fileName: disposition.parameters["filename"], contentType: contentType)
  }

  private static func malformed(_ problem: String) -> StatusError {
    StatusError(.badRequest, "the body is not valid multipart/form-data: \(problem)")
  }
}

extension [UInt8] {
  /// Where `pattern` begins, at `start` or after it.
  fileprivate func firstRange(of pattern: [UInt8], from start: Int) -> Int? {
    var index = start
    while let found = self[index...].firstIndex(of: pattern[0]) {
      if found + pattern.count > endIndex { return nil }
      if self[found..<(found + pattern.count)].elementsEqual(pattern) { return found }
      index = found + 1
    }
    return nil
  }
}
