/// An element of a small XML document: what S3 answers with. Attributes and namespaces are skipped.
struct XMLElement: Equatable {
  var name: String
  /// Its own text, without that of its children.
  var text = ""
  var children: [XMLElement] = []

  subscript(name: String) -> XMLElement? { children.first { $0.name == name } }

  func all(_ name: String) -> [XMLElement] { children.filter { $0.name == name } }
}

/// Reads a document from a server that is not trusted: no document type, so no entities but the built-in ones, and a bound
/// on depth. The size is bound by whoever received it.
struct XMLParser {
  struct Fault: Error {}

  private static let maximumDepth = 16
  private let bytes: [UInt8]
  private var position = 0

  static func parse(_ bytes: [UInt8]) -> XMLElement? {
    var parser = XMLParser(bytes: bytes)
    return try? parser.document()
  }

  private init(bytes: [UInt8]) { self.bytes = bytes }

  private mutating func document() throws -> XMLElement {
    if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { position = 3 }
    try skipProlog()
    let root = try element(depth: 0)
    try skipProlog()
    guard position == bytes.count else { throw Fault() }
    return root
  }

  /// White space, comments and processing instructions; a document type is a fault.
  private mutating func skipProlog() throws {
    while true {
      skipSpace()
      if take("<?") {
        _ = try text(upTo: "?>")
      } else if take("<!--") {
        _ = try text(upTo: "-->")
      } else {
        return
      }
    }
  }

  private mutating func element(depth: Int) throws -> XMLElement {
    guard depth < Self.maximumDepth, take("<") else { throw Fault() }
    let qualifiedName = try name()
    var element = XMLElement(name: String(qualifiedName.split(separator: ":").last ?? ""))
    if try skipAttributes() { return element }
    var content: [UInt8] = []
    while true {
      if take("</") {
        guard try name() == qualifiedName else { throw Fault() }
        skipSpace()
        guard take(">") else { throw Fault() }
        element.text = String(decoding: content, as: UTF8.self)
        return element
      } else if take("<!--") {
        _ = try text(upTo: "-->")
      } else if take("<![CDATA[") {
        content += try text(upTo: "]]>")
      } else if take("<?") {
        _ = try text(upTo: "?>")
      } else if peek() == UInt8(ascii: "<") {
        element.children.append(try self.element(depth: depth + 1))
      } else if take("&") {
        content += try reference()
      } else if let byte = peek() {
        content.append(byte)
        position += 1
      } else {
        throw Fault()
      }
    }
  }

  /// - Returns: Whether the element ends with its start tag.
  private mutating func skipAttributes() throws -> Bool {
    while true {
      skipSpace()
      if take("/>") { return true }
      if take(">") { return false }
      _ = try name()
      skipSpace()
      guard take("=") else { throw Fault() }
      skipSpace()
      if take("\"") {
        _ = try text(upTo: "\"")
      } else if take("'") {
        _ = try text(upTo: "'")
      } else {
        throw Fault()
      }
    }
  }

  private mutating func reference() throws -> [UInt8] {
    let name = String(decoding: try text(upTo: ";", within: 12), as: UTF8.self)
    switch name {
    case "lt": return [UInt8(ascii: "<")]
    case "gt": return [UInt8(ascii: ">")]
    case "amp": return [UInt8(ascii: "&")]
    case "quot": return [UInt8(ascii: "\"")]
    case "apos": return [UInt8(ascii: "'")]
    default:
      let number =
        name.hasPrefix("#x")
        ? UInt32(name.dropFirst(2), radix: 16)
        : name.hasPrefix("#") ? UInt32(name.dropFirst()) : nil
      guard let scalar = number.flatMap(Unicode.Scalar.init) else { throw Fault() }
      return Array(String(Character(scalar)).utf8)
    }
  }

  private mutating func name() throws -> String {
    let start = position
    while let byte = peek(), !" \t\r\n/>=<&\"'".utf8.contains(byte) { position += 1 }
    guard position > start else { throw Fault() }
    return String(decoding: bytes[start..<position], as: UTF8.self)
  }

  private mutating func text(upTo end: String, within limit: Int = .max) throws -> ArraySlice<UInt8> {
    let start = position
    while position < bytes.count, position - start <= limit {
      if take(end) { return bytes[start..<position - end.utf8.count] }
      position += 1
    }
    throw Fault()
  }

  private mutating func skipSpace() {
    while let byte = peek(), " \t\r\n".utf8.contains(byte) { position += 1 }
  }

  private mutating func take(_ token: String) -> Bool {
    guard bytes[position...].starts(with: token.utf8) else { return false }
    position += token.utf8.count
    return true
  }

  private func peek() -> UInt8? { position < bytes.count ? bytes[position] : nil }
}
