/// One connection to one database, used only on its own thread.
protocol DatabaseSession: SQLConnection {
  /// The first statement that failed in the running transaction. It decides the transaction's end even where the caller
  /// swallowed it: PostgreSQL commits nothing after a failed statement, and SQLite is held to the same.
  var failure: DatabaseError? { get }
  /// False once the connection is lost and another must be opened.
  var isUsable: Bool { get }

  func begin(_ mode: TransactionMode) throws(DatabaseError)
  func commit() throws(DatabaseError)
  func rollback()
  /// What the transaction that was just committed notified and the database itself does not deliver.
  func takeNotifications() -> [DatabaseNotification]
}

struct DatabaseNotification: Sendable, Hashable {
  var channel: String
  var payload: String
}

extension DatabaseError {
  /// True where a fresh transaction may do better.
  var isRepeatable: Bool {
    switch code {
    case .serializationFailure, .connectionLost: true
    case .uniqueViolation, .constraintViolation, .cannotConnect, .timedOut, .diskFull, .invalidURL, .migrationMismatch,
      .other:
      false
    }
  }

  /// PostgreSQL cannot keep NUL in text, and SQLite cuts it off in places.
  static let textHoldsNUL = DatabaseError(
    code: .other,
    message: "a text parameter holds the character NUL (U+0000), which the database cannot keep; send a blob")

  static let noArrays = DatabaseError(code: .other, message: "SQLite has no arrays: send a text of JSON")

  static func wrongParameterCount(expected: Int, given: Int, sql: String) -> DatabaseError {
    DatabaseError(code: .other, message: "\(given) parameters given where \(expected) are named in: \(excerpt(sql))")
  }

  /// The start of a statement, for messages. Statements hold no values: those travel as parameters.
  static func excerpt(_ sql: String) -> String {
    let line = sql.split(whereSeparator: \.isWhitespace).joined(separator: " ")
    return line.count > 120 ? "\(line.prefix(120))…" : line
  }
}
