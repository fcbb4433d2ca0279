/// Reads the fields of one Protocol Buffers message. `kubectl auth` posts its reviews in this format only, and `kubectl
/// create namespace` the Namespace; nothing else of the API is read from it.
struct ProtobufReader {
  enum Value: Hashable {
    case number(UInt64)
    case bytes(ArraySlice<UInt8>)
  }

  private var rest: ArraySlice<UInt8>

  init(_ bytes: ArraySlice<UInt8>) { rest = bytes }

  /// The message's fields by number, the last one of each number; nil where the bytes are no message.
  static func fields(_ bytes: ArraySlice<UInt8>) -> [UInt64: Value]? {
    var reader = ProtobufReader(bytes)
    var fields: [UInt64: Value] = [:]
    while !reader.rest.isEmpty {
      guard let key = reader.varint(), let value = reader.value(wireType: key & 7) else { return nil }
      fields[key >> 3] = value
    }
    return fields
  }

  /// Every value of a field that repeats, in order.
  static func values(of field: UInt64, in bytes: ArraySlice<UInt8>) -> [ArraySlice<UInt8>] {
    var reader = ProtobufReader(bytes)
    var values: [ArraySlice<UInt8>] = []
    while !reader.rest.isEmpty {
      guard let key = reader.varint(), let value = reader.value(wireType: key & 7) else { return values }
      if key >> 3 == field, case .bytes(let bytes) = value { values.append(bytes) }
    }
    return values
  }

  /// The message inside Kubernetes' envelope: the magic bytes, then a `runtime.Unknown`.
  static func kubernetesMessage(_ body: [UInt8]) -> [UInt64: Value]? {
    let magic: [UInt8] = [0x6B, 0x38, 0x73, 0x00]
    guard body.starts(with: magic), case .bytes(let raw)? = fields(body.dropFirst(magic.count))?[2] else { return nil }
    return fields(raw)
  }

  private mutating func varint() -> UInt64? {
    var number: UInt64 = 0
    for shift in stride(from: UInt64(0), to: 64, by: 7) {
      guard let byte = rest.popFirst() else { return nil }
      number |= UInt64(byte & 0x7F) << shift
      if byte & 0x80 == 0 { return number }
    }
    return nil
  }

  private mutating func value(wireType: UInt64) -> Value? {
    switch wireType {
    case 0: return varint().map(Value.number)
    case 1: return take(8).map(Value.bytes)
    case 2: return varint().flatMap { take($0) }.map(Value.bytes)
    case 5: return take(4).map(Value.bytes)
    default: return nil
    }
  }

  private mutating func take(_ count: UInt64) -> ArraySlice<UInt8>? {
    guard count <= UInt64(rest.count) else { return nil }
    defer { rest = rest.dropFirst(Int(count)) }
    return rest.prefix(Int(count))
  }
}

extension [UInt64: ProtobufReader.Value] {
  func text(_ field: UInt64) -> String {
    guard case .bytes(let bytes)? = self[field] else { return "" }
    return String(validating: bytes, as: UTF8.self) ?? ""
  }

  func bytes(_ field: UInt64) -> ArraySlice<UInt8>? {
    guard case .bytes(let bytes)? = self[field] else { return nil }
    return bytes
  }

  func message(_ field: UInt64) -> [UInt64: ProtobufReader.Value]? {
    guard case .bytes(let bytes)? = self[field] else { return nil }
    return ProtobufReader.fields(bytes)
  }
}
