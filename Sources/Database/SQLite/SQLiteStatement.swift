import CLibSQLite

/// A prepared statement of one SQLite connection.
final class SQLiteStatement {
  let pointer: OpaquePointer
  /// For each of SQLite's parameter positions, the number that stands after `$`. SQLite takes `$1` for a name and
  /// numbers names as they first occur.
  let parameterNumbers: [Int]
  let columns: [String]

  /// Takes over a prepared statement.
  /// - Throws: where a parameter is not written `$1`, `$2` ….
  init(_ pointer: OpaquePointer, sql: String) throws(DatabaseError) {
    self.pointer = pointer
    columns = (0..<sqlite3_column_count(pointer)).map { index in
      sqlite3_column_name(pointer, index).map { String(cString: $0) } ?? ""
    }
    var numbers: [Int] = []
    for position in 0..<sqlite3_bind_parameter_count(pointer) {
      guard let name = sqlite3_bind_parameter_name(pointer, position + 1).map({ String(cString: $0) }),
        name.first == "$", let number = Int(name.dropFirst()), number > 0
      else {
        sqlite3_finalize(pointer)
        throw DatabaseError(
          code: .other, message: "parameters are written $1, $2 … in: \(DatabaseError.excerpt(sql))")
      }
      numbers.append(number)
    }
    parameterNumbers = numbers
  }

  deinit { sqlite3_finalize(pointer) }

  func reset() {
    sqlite3_reset(pointer)
    sqlite3_clear_bindings(pointer)
  }

  /// - Returns: SQLite's result code.
  func bind(_ value: SQLValue, at position: Int32) -> Int32 {
    switch value {
    case .null: sqlite3_bind_null(pointer, position)
    case .integer(let number): sqlite3_bind_int64(pointer, position, number)
    case .boolean(let flag): sqlite3_bind_int64(pointer, position, flag ? 1 : 0)
    case .real(let number): sqlite3_bind_double(pointer, position, number)
    case .text(var text):
      text.withUTF8 { utf8 in
        utf8.withMemoryRebound(to: CChar.self) { characters in
          // An empty text without an address would be bound as null.
          characters.isEmpty
            ? sqlite3_bind_text_copy(pointer, position, "", 0)
            : sqlite3_bind_text_copy(pointer, position, characters.baseAddress, UInt64(characters.count))
        }
      }
    case .blob(let bytes):
      bytes.isEmpty
        ? sqlite3_bind_zeroblob(pointer, position, 0)
        : sqlite3_bind_blob_copy(pointer, position, bytes, UInt64(bytes.count))
    case .texts, .integers: SQLITE_MISMATCH
    }
  }

  /// The row that the statement stands on.
  func row() -> SQLRow {
    let values = (0..<sqlite3_column_count(pointer)).map { index -> SQLValue in
      switch sqlite3_column_type(pointer, index) {
      case SQLITE_INTEGER: return .integer(sqlite3_column_int64(pointer, index))
      case SQLITE_FLOAT: return .real(sqlite3_column_double(pointer, index))
      case SQLITE_TEXT:
        let text = sqlite3_column_text(pointer, index)
        let count = Int(sqlite3_column_bytes(pointer, index))
        return .text(String(decoding: UnsafeBufferPointer(start: text, count: count), as: UTF8.self))
      case SQLITE_BLOB:
        let bytes = sqlite3_column_blob(pointer, index)
        let count = Int(sqlite3_column_bytes(pointer, index))
        return .blob(Array(UnsafeRawBufferPointer(start: bytes, count: count)))
      default: return .null
      }
    }
    return SQLRow(columns: columns, values: values)
  }
}
