import CLibSQLite

extension DatabaseError {
  /// SQLite's messages name tables and columns, never values.
  init(sqliteCode code: Int32, message: String, sql: String) {
    let kind: Code =
      switch code & 0xFF {
      case SQLITE_CONSTRAINT:
        switch code >> 8 {
        case 6, 8, 10: .uniqueViolation  // SQLITE_CONSTRAINT_PRIMARYKEY, _UNIQUE, _ROWID
        default: .constraintViolation
        }
      case SQLITE_BUSY, SQLITE_LOCKED: .serializationFailure
      case SQLITE_FULL: .diskFull
      case SQLITE_CANTOPEN, SQLITE_NOTADB: .cannotConnect
      case SQLITE_INTERRUPT: .timedOut
      default: .other
      }
    self.init(
      code: kind, message: "SQLite: \(message), in: \(Self.excerpt(sql))", sqlState: String(code))
  }
}
