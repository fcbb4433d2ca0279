/// Why bytes are not a JSON value, and where.
public struct JSONParseError: Error, Hashable, Sendable, CustomStringConvertible {
  public var message: String
  /// Bytes from the start of the text.
  public var offset: Int

  public init(message: String, offset: Int) {
    self.message = message
    self.offset = offset
  }

  public var description: String { "\(message) at byte \(offset)" }
}

extension JSONValue {
  /// Parses one JSON text.
  ///
  /// - Parameter maximumDepth: how deeply arrays and objects may lie in each other; deeper input is refused, so that
  ///   hostile input cannot exhaust the stack.
  /// - Parameter maximumNodeCount: of how many values the text may consist: each takes many times the memory of its text.
  /// - Throws: `JSONParseError` for anything RFC 8259 does not allow, and for a key that stands twice in one object.
  public init(
    parsing bytes: some Collection<UInt8>, maximumDepth: Int = 128, maximumNodeCount: Int = .max
  ) throws(JSONParseError) {
    var parser = JSONParser(
      bytes: (bytes as? [UInt8]) ?? Array(bytes), maximumDepth: maximumDepth, maximumNodeCount: maximumNodeCount)
    self = try parser.parseDocument()
  }

  public init(parsing text: String, maximumDepth: Int = 128) throws(JSONParseError) {
    try self.init(parsing: Array(text.utf8), maximumDepth: maximumDepth)
  }

  /// How deeply a stored value is read.
  public static let maximumStoredDepth = 256

  /// Parses what a server of this software stored, or answers, so that whatever is stored can be read, listed, changed
  /// and deleted: what lies deeper than `maximumStoredDepth`, more than is accepted now, reads as null instead of being an error.
  public init(parsingStored bytes: [UInt8]) throws(JSONParseError) {
    var parser = JSONParser(bytes: bytes, maximumDepth: Self.maximumStoredDepth, cutsOff: true)
    self = try parser.parseDocument()
  }
}

/// A recursive-descent parser over bytes.
private struct JSONParser {
  let bytes: [UInt8]
  let maximumDepth: Int
  /// True where what lies deeper becomes null, false where it is an error.
  let cutsOff: Bool
  let maximumNodeCount: Int
  var position = 0
  var depth = 0
  var nodeCount = 0

  init(bytes: [UInt8], maximumDepth: Int, maximumNodeCount: Int = .max, cutsOff: Bool = false) {
    self.bytes = bytes
    self.maximumDepth = maximumDepth
    self.maximumNodeCount = maximumNodeCount
    self.cutsOff = cutsOff
  }

  mutating func parseDocument() throws(JSONParseError) -> JSONValue {
    let value = try parseValue()
    skipWhitespace()
    if position < bytes.count { throw failure("unexpected text after the value") }
    return value
  }

  private func failure(_ message: String) -> JSONParseError { JSONParseError(message: message, offset: position) }

  /// The text as an error may show it.
  private static func shortened(_ text: String) -> String { text.count > 64 ? text.prefix(64) + "…" : text }

  private var current: UInt8? { position < bytes.count ? bytes[position] : nil }

  private mutating func skipWhitespace() {
    while let byte = current, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { position += 1 }
  }

  private mutating func parseValue() throws(JSONParseError) -> JSONValue {
    skipWhitespace()
    guard let byte = current else { throw failure("unexpected end of the text") }
    nodeCount += 1
    if nodeCount > maximumNodeCount { throw failure("more than \(maximumNodeCount) values") }
    switch byte {
    case UInt8(ascii: "{"): return try nested { parser throws(JSONParseError) in try parser.parseObject() }
    case UInt8(ascii: "["): return try nested { parser throws(JSONParseError) in try parser.parseArray() }
    case UInt8(ascii: "\""): return .string(try parseString())
    case UInt8(ascii: "t"): return try parseLiteral("true", .bool(true))
    case UInt8(ascii: "f"): return try parseLiteral("false", .bool(false))
    case UInt8(ascii: "n"): return try parseLiteral("null", .null)
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try parseNumber()
    default: throw failure("unexpected character")
    }
  }

  private mutating func nested(
    _ body: (inout JSONParser) throws(JSONParseError) -> JSONValue
  ) throws(JSONParseError) -> JSONValue {
    guard depth < maximumDepth else {
      guard cutsOff else { throw failure("nested more than \(maximumDepth) levels deep") }
      try skipNested()
      return .null
    }
    depth += 1
    position += 1
    let value = try body(&self)
    depth -= 1
    return value
  }

  /// Passes over an array or object and all that lies in it, however deep, without recursion.
  private mutating func skipNested() throws(JSONParseError) {
    var open = 0
    while let byte = current {
      switch byte {
      case UInt8(ascii: "["), UInt8(ascii: "{"):
        open += 1
        position += 1
      case UInt8(ascii: "]"), UInt8(ascii: "}"):
        open -= 1
        position += 1
        if open == 0 { return }
      case UInt8(ascii: "\""): _ = try parseString()
      default: position += 1
      }
    }
    throw failure("unexpected end of the text")
  }

  private mutating func parseLiteral(_ literal: StaticString, _ value: JSONValue) throws(JSONParseError) -> JSONValue {
    for expected in literal.description.utf8 {
      guard current == expected else { throw failure("unexpected character") }
      position += 1
    }
    return value
  }

  private mutating func parseObject() throws(JSONParseError) -> JSONValue {
    var members: [String: JSONValue] = [:]
    skipWhitespace()
    if current == UInt8(ascii: "}") {
      position += 1
      return .object(members)
    }
    while true {
      skipWhitespace()
      guard current == UInt8(ascii: "\"") else { throw failure("expected a key in quotation marks") }
      let start = position
      let key = try parseString()
      skipWhitespace()
      guard current == UInt8(ascii: ":") else { throw failure("expected ':' after the key") }
      position += 1
      let value = try parseValue()
      if members.updateValue(value, forKey: key) != nil {
        throw JSONParseError(message: "the key \"\(Self.shortened(key))\" stands twice", offset: start)
      }
      skipWhitespace()
      switch current {
      case UInt8(ascii: ","): position += 1
      case UInt8(ascii: "}"):
        position += 1
        return .object(members)
      default: throw failure("expected ',' or '}'")
      }
    }
  }

  private mutating func parseArray() throws(JSONParseError) -> JSONValue {
    var elements: [JSONValue] = []
    skipWhitespace()
    if current == UInt8(ascii: "]") {
      position += 1
      return .array(elements)
    }
    while true {
      elements.append(try parseValue())
      skipWhitespace()
      switch current {
      case UInt8(ascii: ","): position += 1
      case UInt8(ascii: "]"):
        position += 1
        return .array(elements)
      default: throw failure("expected ',' or ']'")
      }
    }
  }

  private mutating func parseNumber() throws(JSONParseError) -> JSONValue {
    let start = position
    var isInteger = true
    if current == UInt8(ascii: "-") { position += 1 }
    let first = position
    let digits = try skipDigits()
    if digits > 1 && bytes[first] == UInt8(ascii: "0") { throw failure("a number may not start with 0") }
    if current == UInt8(ascii: ".") {
      isInteger = false
      position += 1
      _ = try skipDigits()
    }
    if current == UInt8(ascii: "e") || current == UInt8(ascii: "E") {
      isInteger = false
      position += 1
      if current == UInt8(ascii: "+") || current == UInt8(ascii: "-") { position += 1 }
      _ = try skipDigits()
    }
    let text = String(decoding: bytes[start..<position], as: UTF8.self)
    if isInteger, let integer = Int64(text) { return .integer(integer) }
    guard let number = Double(text), number.isFinite else {
      throw JSONParseError(message: "the number \(Self.shortened(text)) is out of range", offset: start)
    }
    return .number(number)
  }

  private mutating func skipDigits() throws(JSONParseError) -> Int {
    let start = position
    while let byte = current, byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") { position += 1 }
    if position == start { throw failure("expected a digit") }
    return position - start
  }

  private mutating func parseString() throws(JSONParseError) -> String {
    position += 1
    let start = position
    while let byte = current, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\"), byte >= 0x20 { position += 1 }
    if current == UInt8(ascii: "\"") {
      let text = try decode(bytes[start..<position], at: start)
      position += 1
      return text
    }
    var unescaped = Array(bytes[start..<position])
    while true {
      guard let byte = current else { throw failure("the string does not end") }
      switch byte {
      case UInt8(ascii: "\""):
        position += 1
        return try decode(unescaped[...], at: start)
      case UInt8(ascii: "\\"):
        position += 1
        try parseEscape(into: &unescaped)
      case ..<0x20: throw failure("a control character must be escaped")
      default:
        unescaped.append(byte)
        position += 1
      }
    }
  }

  private func decode(_ slice: ArraySlice<UInt8>, at offset: Int) throws(JSONParseError) -> String {
    guard let text = String(validating: slice, as: UTF8.self) else {
      throw JSONParseError(message: "the string is not valid UTF-8", offset: offset)
    }
    return text
  }

  private mutating func parseEscape(into output: inout [UInt8]) throws(JSONParseError) {
    guard let byte = current else { throw failure("the string does not end") }
    position += 1
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): output.append(byte)
    case UInt8(ascii: "b"): output.append(0x08)
    case UInt8(ascii: "f"): output.append(0x0C)
    case UInt8(ascii: "n"): output.append(0x0A)
    case UInt8(ascii: "r"): output.append(0x0D)
    case UInt8(ascii: "t"): output.append(0x09)
    case UInt8(ascii: "u"): output.append(contentsOf: String(Character(try parseUnicodeEscape())).utf8)
    default: throw failure("unknown escape")
    }
  }

  private mutating func parseUnicodeEscape() throws(JSONParseError) -> Unicode.Scalar {
    let unit = try parseHexadecimalUnit()
    guard (0xD800..<0xE000).contains(unit) else { return Unicode.Scalar(unit) ?? "\u{FFFD}" }
    guard unit < 0xDC00, current == UInt8(ascii: "\\"), position + 1 < bytes.count,
      bytes[position + 1] == UInt8(ascii: "u")
    else { throw failure("half of a surrogate pair") }
    position += 2
    let low = try parseHexadecimalUnit()
    guard (0xDC00..<0xE000).contains(low) else { throw failure("half of a surrogate pair") }
    return Unicode.Scalar(0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00)) ?? "\u{FFFD}"
  }

  private mutating func parseHexadecimalUnit() throws(JSONParseError) -> UInt32 {
    guard position + 4 <= bytes.count else { throw failure("the string does not end") }
    var unit: UInt32 = 0
    for byte in bytes[position..<position + 4] {
      guard let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
        throw failure("expected four hexadecimal digits")
      }
      unit = unit << 4 | UInt32(digit)
    }
    position += 4
    return unit
  }
}
