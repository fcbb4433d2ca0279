/// Writes one Protocol Buffers message. What is absent, empty or false is not written, as proto3 has it.
struct ProtobufWriter {
  private(set) var bytes: [UInt8] = []

  mutating func text(_ field: Int, _ text: String?) {
    guard let text, !text.isEmpty else { return }
    append(field, Array(text.utf8))
  }

  mutating func number(_ field: Int, _ number: Int64?) {
    guard let number, number != 0 else { return }
    varint(UInt64(field) << 3)
    varint(UInt64(bitPattern: number))
  }

  mutating func flag(_ field: Int, _ flag: Bool?) { number(field, flag == true ? 1 : 0) }

  mutating func double(_ field: Int, _ number: Double?) {
    guard let number, number != 0 else { return }
    varint(UInt64(field) << 3 | 1)
    for shift in stride(from: 0, to: 64, by: 8) { bytes.append(UInt8(truncatingIfNeeded: number.bitPattern >> shift)) }
  }

  /// A message within the message, also where it is empty.
  mutating func message(_ field: Int, _ body: (inout ProtobufWriter) -> Void) {
    var message = ProtobufWriter()
    body(&message)
    append(field, message.bytes)
  }

  private mutating func append(_ field: Int, _ content: [UInt8]) {
    varint(UInt64(field) << 3 | 2)
    varint(UInt64(content.count))
    bytes.append(contentsOf: content)
  }

  private mutating func varint(_ number: UInt64) {
    var rest = number
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(rest))
  }
}
