import CLibPQ

/// The answer to one statement; freed with this value.
struct PostgreSQLResult: ~Copyable {
  private let pointer: OpaquePointer?

  init(_ pointer: OpaquePointer?) { self.pointer = pointer }

  deinit { PQclear(pointer) }

  var isSuccess: Bool {
    switch PQresultStatus(pointer) {
    case PGRES_COMMAND_OK, PGRES_TUPLES_OK, PGRES_EMPTY_QUERY: true
    default: false
    }
  }

  var sqlState: String? { field(CChar(UInt8(ascii: "C"))) }
  var message: String? { field(CChar(UInt8(ascii: "M"))) }
  var parameterCount: Int { Int(PQnparams(pointer)) }
  var changedRows: Int { Int(String(cString: PQcmdTuples(pointer))) ?? 0 }

  func rows() -> [SQLRow] {
    let columnCount = PQnfields(pointer)
    let columns = (0..<columnCount).map { String(cString: PQfname(pointer, $0)) }
    let types = (0..<columnCount).map { PQftype(pointer, $0) }
    return (0..<PQntuples(pointer)).map { row in
      SQLRow(columns: columns, values: (0..<columnCount).map { value(row, $0, types[Int($0)]) })
    }
  }

  private func field(_ code: CChar) -> String? { PQresultErrorField(pointer, Int32(code)).map { String(cString: $0) } }

  private func value(_ row: Int32, _ column: Int32, _ type: Oid) -> SQLValue {
    if PQgetisnull(pointer, row, column) != 0 { return .null }
    let bytes = UnsafeRawBufferPointer(
      start: PQgetvalue(pointer, row, column), count: Int(PQgetlength(pointer, row, column)))
    let text = { String(decoding: bytes, as: UTF8.self) }
    switch type {
    case PostgreSQLType.int8, PostgreSQLType.int4, PostgreSQLType.int2, PostgreSQLType.oid:
      return Int64(text()).map(SQLValue.integer) ?? .text(text())
    case PostgreSQLType.bool: return .boolean(bytes.first == UInt8(ascii: "t"))
    case PostgreSQLType.float8, PostgreSQLType.float4: return Double(text()).map(SQLValue.real) ?? .text(text())
    // Sums of integers are numeric here and integers in SQLite.
    case PostgreSQLType.numeric:
      return Int64(text()).map(SQLValue.integer) ?? Double(text()).map(SQLValue.real) ?? .text(text())
    case PostgreSQLType.bytea: return .blob(Self.bytes(hexadecimal: bytes.dropFirst(2)))
    default: return .text(text())
    }
  }

  private static func bytes(hexadecimal digits: Slice<UnsafeRawBufferPointer>) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(digits.count / 2)
    var high: UInt8?
    for digit in digits {
      let nibble = digit < UInt8(ascii: "a") ? digit - UInt8(ascii: "0") : digit - UInt8(ascii: "a") + 10
      if let first = high {
        bytes.append(first << 4 | nibble)
        high = nil
      } else {
        high = nibble
      }
    }
    return bytes
  }
}
