import CLibPQ

/// Opens connections to one PostgreSQL database.
struct PostgreSQLConnector: Sendable {
  let url: String
  let options: DatabaseOptions

  /// Blocks until connected or failed.
  /// - Throws: `DatabaseError` `cannotConnect`; libpq's messages name host, port and user, never the password.
  func connect() throws(DatabaseError) -> OpaquePointer {
    // What stands before `dbname` gives way to the URL; what stands after wins over it. A host that vanishes is noticed
    // by keepalives and by unacknowledged data, not after hours.
    let parameters = [
      ("connect_timeout", String(max(2, options.connectTimeout.components.seconds))),
      ("application_name", "wrktalk"), ("keepalives_idle", "10"), ("keepalives_interval", "5"),
      ("keepalives_count", "3"),
      ("tcp_user_timeout", "30000"), ("dbname", url), ("client_encoding", "UTF8"),
    ]
    let connection = Self.withCStrings(parameters.map(\.0)) { keywords in
      Self.withCStrings(parameters.map(\.1)) { values in PQconnectdbParams(keywords, values, 1) }
    }
    guard let connection else { throw DatabaseError(code: .cannotConnect, message: "PostgreSQL: out of memory") }
    guard PQstatus(connection) == CONNECTION_OK else {
      let message = Self.oneLine(PQerrorMessage(connection))
      PQfinish(connection)
      throw DatabaseError(code: .cannotConnect, message: "cannot connect to PostgreSQL: \(message)")
    }
    // Notices would go to standard error.
    PQsetNoticeProcessor(connection, { _, _ in }, nil)
    let milliseconds = options.statementTimeout.wholeMilliseconds
    // No statement runs long enough to be worth compiling. The planner, which knows nothing of how many rows a parameter
    // holds, would spend a tenth of a second on it.
    let settings = """
      SET statement_timeout = \(milliseconds); SET idle_in_transaction_session_timeout = \(milliseconds); \
      SET bytea_output = 'hex'; SET extra_float_digits = 1; SET standard_conforming_strings = on; SET jit = off
      """
    let result = PQexec(connection, settings)
    defer { PQclear(result) }
    guard PQresultStatus(result) == PGRES_COMMAND_OK else {
      let message = Self.oneLine(PQerrorMessage(connection))
      PQfinish(connection)
      throw DatabaseError(code: .cannotConnect, message: "cannot set up a PostgreSQL connection: \(message)")
    }
    return connection
  }

  static func oneLine(_ message: UnsafePointer<CChar>?) -> String {
    guard let message else { return "no message" }
    // Further lines begin with a tab.
    return String(cString: message).split(separator: "\n").map { $0.drop(while: \.isWhitespace) }.joined(
      separator: "; ")
  }

  /// A null-terminated array of C strings for the time of `body`.
  private static func withCStrings<Value>(
    _ strings: [String], _ body: (UnsafePointer<UnsafePointer<CChar>?>) -> Value
  ) -> Value {
    let copies = strings.map { string -> UnsafeMutablePointer<CChar> in
      let bytes = string.utf8CString
      let copy = UnsafeMutablePointer<CChar>.allocate(capacity: bytes.count)
      for (index, byte) in bytes.enumerated() { copy[index] = byte }
      return copy
    }
    defer { for copy in copies { copy.deallocate() } }
    return (copies.map { UnsafePointer<CChar>?($0) } + [nil]).withUnsafeBufferPointer { body($0.baseAddress!) }
  }
}
