import CLibPQ

/// The parameters of one statement as libpq wants them.
struct PostgreSQLParameters {
  /// The type of each parameter (`pg_type.oid`). Zero lets the server infer it from its place, so that a text can go
  /// into jsonb or timestamptz, too.
  let types: [Oid]
  private let values: [[CChar]?]
  private let lengths: [Int32]
  private let formats: [Int32]

  /// - Throws: where a text holds NUL.
  init(_ parameters: [SQLValue]) throws(DatabaseError) {
    var types: [Oid] = []
    var values: [[CChar]?] = []
    var lengths: [Int32] = []
    var formats: [Int32] = []
    for parameter in parameters {
      var value: [CChar]?
      var format: Int32 = 0
      switch parameter {
      case .null: types.append(0)
      case .integer(let number):
        types.append(PostgreSQLType.int8)
        value = Array(String(number).utf8CString)
      case .real(let number):
        types.append(PostgreSQLType.float8)
        value = Array("\(number)".utf8CString)
      case .boolean(let flag):
        types.append(PostgreSQLType.bool)
        value = Array((flag ? "t" : "f").utf8CString)
      case .text(let text):
        if text.utf8.contains(0) { throw .textHoldsNUL }
        types.append(0)
        value = Array(text.utf8CString)
      case .blob(let bytes):
        types.append(PostgreSQLType.bytea)
        format = 1
        value = bytes.map { CChar(bitPattern: $0) } + [0]  // the NUL gives an empty value an address
      }
      values.append(value)
      lengths.append(Int32(clamping: (value?.count ?? 1) - 1))
      formats.append(format)
    }
    self.types = types
    self.values = values
    self.lengths = lengths
    self.formats = formats
  }

  var count: Int32 { Int32(types.count) }

  /// Lends pointers to values, lengths and formats to `body`.
  func withPointers<Value>(
    _ body: (UnsafePointer<UnsafePointer<CChar>?>?, UnsafePointer<Int32>?, UnsafePointer<Int32>?) -> Value
  ) -> Value {
    // One buffer for all, since nesting a closure for each value is not possible.
    var storage: [CChar] = []
    storage.reserveCapacity(values.reduce(0) { $0 + ($1?.count ?? 0) })
    var offsets: [Int?] = []
    for value in values {
      offsets.append(value == nil ? nil : storage.count)
      if let value { storage.append(contentsOf: value) }
    }
    return storage.withUnsafeBufferPointer { buffer in
      let pointers = offsets.map { offset in offset.flatMap { buffer.baseAddress?.advanced(by: $0) } }
      return pointers.withUnsafeBufferPointer { pointers in
        body(pointers.baseAddress, lengths, formats)
      }
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
  static let oid: Oid = 26
  static let float4: Oid = 700
  static let float8: Oid = 701
  static let numeric: Oid = 1700
}
