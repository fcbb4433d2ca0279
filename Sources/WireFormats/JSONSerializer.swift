extension JSONValue {
  /// The value as JSON text in UTF-8, keys sorted by their bytes; `indented` puts each member on its own line.
  public func serialized(indented: Bool = false) -> [UInt8] {
    var output: [UInt8] = []
    output.reserveCapacity(256)
    serialize(into: &output, indentation: indented ? 0 : nil)
    return output
  }

  /// `serialized()` as a string.
  public var text: String { String(decoding: serialized(), as: UTF8.self) }

  /// Appends the value's compact JSON text to `output`.
  public func serialize(into output: inout [UInt8]) { serialize(into: &output, indentation: nil) }

  private func serialize(into output: inout [UInt8], indentation: Int?) {
    switch self {
    case .null: output.append(contentsOf: "null".utf8)
    case .bool(let flag): output.append(contentsOf: (flag ? "true" : "false").utf8)
    case .integer(let number): output.append(contentsOf: String(number).utf8)
    case .number(let number): output.append(contentsOf: number.isFinite ? "\(number)".utf8 : "null".utf8)
    case .string(let text): Self.serialize(text, into: &output)
    case .array(let elements):
      Self.serialize(elements, brackets: ("[", "]"), into: &output, indentation: indentation) {
        element, output, inner in
        element.serialize(into: &output, indentation: inner)
      }
    case .object(let members):
      let sorted = members.sorted { $0.key < $1.key }
      Self.serialize(sorted, brackets: ("{", "}"), into: &output, indentation: indentation) { member, output, inner in
        Self.serialize(member.key, into: &output)
        output.append(UInt8(ascii: ":"))
        if inner != nil { output.append(UInt8(ascii: " ")) }
        member.value.serialize(into: &output, indentation: inner)
      }
    }
  }

  private static func serialize<Element>(
    _ elements: [Element], brackets: (open: Unicode.Scalar, close: Unicode.Scalar), into output: inout [UInt8],
    indentation: Int?, _ serializeElement: (Element, inout [UInt8], Int?) -> Void
  ) {
    output.append(UInt8(ascii: brackets.open))
    let inner = indentation.map { $0 + 2 }
    for (index, element) in elements.enumerated() {
      if index > 0 { output.append(UInt8(ascii: ",")) }
      newLine(inner, into: &output)
      serializeElement(element, &output, inner)
    }
    if !elements.isEmpty { newLine(indentation, into: &output) }
    output.append(UInt8(ascii: brackets.close))
  }

  private static func newLine(_ indentation: Int?, into output: inout [UInt8]) {
    guard let indentation else { return }
    output.append(0x0A)
    output.append(contentsOf: repeatElement(0x20, count: indentation))
  }

  private static func serialize(_ text: String, into output: inout [UInt8]) {
    output.append(UInt8(ascii: "\""))
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "\""): output.append(contentsOf: #"\""#.utf8)
      case UInt8(ascii: "\\"): output.append(contentsOf: #"\\"#.utf8)
      case 0x0A: output.append(contentsOf: #"\n"#.utf8)
      case 0x0D: output.append(contentsOf: #"\r"#.utf8)
      case 0x09: output.append(contentsOf: #"\t"#.utf8)
      case ..<0x20:
        output.append(contentsOf: #"\u00"#.utf8)
        output.append(hexadecimalDigit(byte >> 4))
        output.append(hexadecimalDigit(byte & 0xF))
      default: output.append(byte)
      }
    }
    output.append(UInt8(ascii: "\""))
  }

  private static func hexadecimalDigit(_ nibble: UInt8) -> UInt8 {
    nibble < 10 ? UInt8(ascii: "0") + nibble : UInt8(ascii: "a") + nibble - 10
  }
}
