import CLibSQLite
import Glibc

/// One connection to a SQLite file.
final class SQLiteSession: DatabaseSession {
  let dialect = SQLDialect.sqlite
  private(set) var failure: DatabaseError?
  private(set) var isUsable = true
  private let handle: OpaquePointer
  private var statements = StatementCache<String, SQLiteStatement>(capacity: 128)
  private var pending: [DatabaseNotification] = []
  private var isReadOnly = false

  /// Opens the file, which is there (`SQLiteFile.create`), or a database in memory where `path` is nil.
  init(path: String?, busyTimeout: Duration) throws(DatabaseError) {
    var opened: OpaquePointer?
    // NOMUTEX: the connection is used by its own thread only.
    let code = sqlite3_open_v2(path ?? ":memory:", &opened, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nil)
    guard code == SQLITE_OK, let opened else {
      let reason = opened.map { String(cString: sqlite3_errmsg($0)) } ?? "out of memory"
      sqlite3_close_v2(opened)
      throw DatabaseError(code: .cannotConnect, message: "cannot open the SQLite file \(path ?? ":memory:"): \(reason)")
    }
    handle = opened
    sqlite3_extended_result_codes(handle, 1)
    sqlite3_busy_timeout(handle, Int32(clamping: busyTimeout.wholeMilliseconds))
    do {
      // FULL: a commit that was acknowledged survives a power cut. With NORMAL the newest commits could be undone, and
      // the revisions that watchers have already seen would be given to other changes.
      for pragma in ["journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"] { try run("PRAGMA \(pragma)") }
    } catch {
      throw DatabaseError(
        code: error.code == .diskFull ? .diskFull : .cannotConnect,
        message: "cannot use the SQLite file \(path ?? ":memory:"): \(error.message)", sqlState: error.sqlState)
    }
  }

  deinit { sqlite3_close_v2(handle) }

  func begin(_ mode: TransactionMode) throws(DatabaseError) {
    failure = nil
    pending = []
    let wantsReadOnly = mode == .read
    if wantsReadOnly != isReadOnly {
      try run("PRAGMA query_only = \(wantsReadOnly ? "ON" : "OFF")")
      isReadOnly = wantsReadOnly
    }
    switch mode {
    case .read: try run("BEGIN DEFERRED")
    // The lock is taken now, not at the first write, where waiting for it could no longer help.
    case .write: try run("BEGIN IMMEDIATE")
    }
  }

  func commit() throws(DatabaseError) { try run("COMMIT") }

  func rollback() {
    pending = []
    // Some failures, such as a full disk, have ended the transaction already.
    guard sqlite3_get_autocommit(handle) == 0 else { return }
    do { try run("ROLLBACK") } catch { isUsable = false }
  }

  func takeNotifications() -> [DatabaseNotification] {
    defer { pending = [] }
    return pending
  }

  func query(_ sql: String, _ parameters: [SQLValue]) throws -> [SQLRow] {
    var rows: [SQLRow] = []
    try step(sql, parameters) { rows.append($0.row()) }
    return rows
  }

  @discardableResult
  func execute(_ sql: String, _ parameters: [SQLValue]) throws -> Int {
    let before = sqlite3_total_changes(handle)
    try step(sql, parameters) { _ in }
    // A statement that changes no rows leaves the count of the one before.
    return sqlite3_total_changes(handle) == before ? 0 : Int(sqlite3_changes(handle))
  }

  func notify(channel: String, payload: String) throws {
    pending.append(DatabaseNotification(channel: channel, payload: payload))
  }

  private func step(
    _ sql: String, _ parameters: [SQLValue], _ row: (SQLiteStatement) -> Void
  ) throws(DatabaseError) {
    // As in PostgreSQL, nothing more is done in a transaction after a statement failed.
    if let failure { throw failure }
    do {
      try stepUnguarded(sql, parameters, row)
    } catch {
      failure = error
      throw error
    }
  }

  private func stepUnguarded(
    _ sql: String, _ parameters: [SQLValue], _ row: (SQLiteStatement) -> Void
  ) throws(DatabaseError) {
    let statement = try prepared(sql)
    let expected = statement.parameterNumbers.max() ?? 0
    guard parameters.count == expected else {
      throw .wrongParameterCount(expected: expected, given: parameters.count, sql: sql)
    }
    defer { statement.reset() }
    for (position, number) in statement.parameterNumbers.enumerated() {
      let value = parameters[number - 1]
      switch value {
      case .text(let text) where text.utf8.contains(0): throw .textHoldsNUL
      case .texts, .integers: throw .noArrays
      default: break
      }
      let code = statement.bind(value, at: Int32(position + 1))
      if code != SQLITE_OK { throw error(code, sql) }
    }
    while true {
      switch sqlite3_step(statement.pointer) {
      case SQLITE_ROW: row(statement)
      case SQLITE_DONE: return
      case let code: throw error(code, sql)
      }
    }
  }

  private func prepared(_ sql: String) throws(DatabaseError) -> SQLiteStatement {
    if let known = statements.find(sql) { return known }
    var pointer: OpaquePointer?
    var text = sql
    let (code, rest) = text.withUTF8 { utf8 in
      utf8.withMemoryRebound(to: CChar.self) { characters -> (Int32, Bool) in
        var tail: UnsafePointer<CChar>?
        let code = sqlite3_prepare_v3(
          handle, characters.baseAddress, Int32(characters.count), UInt32(SQLITE_PREPARE_PERSISTENT), &pointer, &tail)
        guard let start = characters.baseAddress, let tail else { return (code, false) }
        return (code, characters[(tail - start)...].contains { $0 > 0x20 && $0 != CChar(UInt8(ascii: ";")) })
      }
    }
    guard code == SQLITE_OK else { throw error(code, sql) }
    guard let pointer, !rest else {
      sqlite3_finalize(pointer)
      throw DatabaseError(code: .other, message: "not exactly one statement: \(DatabaseError.excerpt(sql))")
    }
    let statement = try SQLiteStatement(pointer, sql: sql)
    _ = statements.insert(statement, for: sql)
    return statement
  }

  /// Runs a statement of the session itself.
  private func run(_ sql: String) throws(DatabaseError) {
    let code = sqlite3_exec(handle, sql, nil, nil, nil)
    if code != SQLITE_OK { throw error(code, sql) }
  }

  private func error(_ code: Int32, _ sql: String) -> DatabaseError {
    let isOutOfSpace = code & 0xFF == SQLITE_IOERR && sqlite3_system_errno(handle) == ENOSPC
    return DatabaseError(
      sqliteCode: isOutOfSpace ? SQLITE_FULL : code, message: String(cString: sqlite3_errmsg(handle)), sql: sql)
  }
}
