import CLibPQ

/// The parameters of one statement as libpq wants them: their bytes one after another, and where each begins.
struct PostgreSQLParameters {
  /// The type of each parameter (`pg_type.oid`). Zero lets the server infer it from its place, so that a text can go
  /// into jsonb or timestamptz, too.
  private(set) var types: [Oid] = []
  /// Where a value begins in `bytes`; nil for null.
  private var offsets: [Int?] = []
  private var lengths: [Int32] = []
  /// 0 for text, which ends with NUL, and 1 for binary.
  private var formats: [Int32] = []
  private var bytes: [UInt8] = []

  /// - Throws: where a text holds NUL.
  init(_ parameters: [SQLValue]) throws(DatabaseError) {
    for parameter in parameters {
      switch parameter {
      case .null: append(type: 0, nil)
      case .integer(let number): append(type: PostgreSQLType.int8, isBinary: true) { $0.append(bigEndian: number) }
      case .real(let number): append(type: PostgreSQLType.float8) { $0.append(contentsOf: "\(number)".utf8) }
      case .boolean(let flag): append(type: PostgreSQLType.bool, isBinary: true) { $0.append(flag ? 1 : 0) }
      case .text(let text):
        if text.utf8.contains(0) { throw .textHoldsNUL }
        append(type: 0) { $0.append(contentsOf: text.utf8) }
      case .blob(let blob): append(type: PostgreSQLType.bytea, isBinary: true) { $0.append(contentsOf: blob) }
      case .texts(let texts):
        if texts.contains(where: { $0?.utf8.contains(0) ?? false }) { throw .textHoldsNUL }
        append(type: PostgreSQLType.textArray, isBinary: true) { bytes in
          bytes.appendArray(texts, of: PostgreSQLType.text) { $1.append(contentsOf: $0.utf8) }
        }
      case .integers(let numbers):
        append(type: PostgreSQLType.int8Array, isBinary: true) { bytes in
          bytes.appendArray(numbers, of: PostgreSQLType.int8) { $1.append(bigEndian: $0) }
        }
      }
    }
  }

  private mutating func append(type: Oid, isBinary: Bool = false, _ write: ((inout [UInt8]) -> Void)?) {
    types.append(type)
    formats.append(isBinary ? 1 : 0)
    offsets.append(write == nil ? nil : bytes.count)
    let start = bytes.count
    write?(&bytes)
    lengths.append(Int32(clamping: bytes.count - start))
    // Ends a text, and gives an empty value an address.
    bytes.append(0)
  }

  var count: Int32 { Int32(types.count) }

  /// Lends pointers to values, lengths and formats to `body`.
  func withPointers<Value>(
    _ body: (UnsafePointer<UnsafePointer<CChar>?>?, UnsafePointer<Int32>?, UnsafePointer<Int32>?) -> Value
  ) -> Value {
    bytes.withUnsafeBytes { buffer in
      let start = buffer.baseAddress?.assumingMemoryBound(to: CChar.self)
      let pointers = offsets.map { offset in offset.flatMap { start?.advanced(by: $0) } }
      return pointers.withUnsafeBufferPointer { body($0.baseAddress, lengths, formats) }
    }
  }
}

/// The binary format of PostgreSQL's values.
extension [UInt8] {
  fileprivate mutating func append(bigEndian number: some FixedWidthInteger) {
    Swift.withUnsafeBytes(of: number.bigEndian) { append(contentsOf: $0) }
  }

  /// An array of one dimension: `array_recv` of PostgreSQL's `arrayfuncs.c`.
  fileprivate mutating func appendArray<Value>(
    _ elements: [Value?], of type: Oid, _ write: (Value, inout [UInt8]) -> Void
  ) {
    append(bigEndian: Int32(elements.isEmpty ? 0 : 1))
    append(bigEndian: Int32(elements.contains { $0 == nil } ? 1 : 0))
    append(bigEndian: type)
    guard !elements.isEmpty else { return }
    append(bigEndian: Int32(clamping: elements.count))
    append(bigEndian: Int32(1))
    for element in elements {
      guard let element else {
        append(bigEndian: Int32(-1))
        continue
      }
      let start = count
      append(bigEndian: Int32(0))
      write(element, &self)
      let length = Int32(clamping: count - start - 4)
      Swift.withUnsafeBytes(of: length.bigEndian) { replaceSubrange(start..<start + 4, with: $0) }
    }
  }
}

/// Types of PostgreSQL by their fixed numbers in `pg_type`.
enum PostgreSQLType {
  static let bool: Oid = 16
  static let bytea: Oid = 17
  static let int8: Oid = 20
  static let int2: Oid = 21
  static let int4: Oid = 23
  static let text: Oid = 25
  static let oid: Oid = 26
  static let float4: Oid = 700
  static let float8: Oid = 701
  static let textArray: Oid = 1009
  static let int8Array: Oid = 1016
  static let numeric: Oid = 1700
}
