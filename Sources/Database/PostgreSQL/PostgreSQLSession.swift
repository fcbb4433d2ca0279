import CLibPQ

/// One connection to PostgreSQL.
final class PostgreSQLSession: DatabaseSession {
  private struct StatementKey: Hashable {
    var sql: String
    var types: [Oid]
  }
  private struct PreparedStatement {
    var name: String
    var parameterCount: Int
  }

  let dialect = SQLDialect.postgresql
  private(set) var failure: DatabaseError?
  private let connection: OpaquePointer
  private var statements = StatementCache<StatementKey, PreparedStatement>(capacity: 128)
  private var statementCount = 0
  private var isBroken = false

  init(_ connector: PostgreSQLConnector) throws(DatabaseError) { connection = try connector.connect() }

  deinit { PQfinish(connection) }

  var isUsable: Bool { !isBroken && PQstatus(connection) == CONNECTION_OK }

  func begin(_ mode: TransactionMode) throws(DatabaseError) {
    failure = nil
    switch mode {
    // One snapshot for all statements.
    case .read: try run("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
    case .write: try run("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE")
    }
  }

  func commit() throws(DatabaseError) { try run("COMMIT") }

  func rollback() {
    guard isUsable, PQtransactionStatus(connection) != PQTRANS_IDLE else { return }
    do { try run("ROLLBACK") } catch { isBroken = true }
  }

  func takeNotifications() -> [DatabaseNotification] { [] }

  func query(_ sql: String, _ parameters: [SQLValue]) throws -> [SQLRow] { try guarded(sql, parameters).rows() }

  @discardableResult
  func execute(_ sql: String, _ parameters: [SQLValue]) throws -> Int { try guarded(sql, parameters).changedRows }

  func notify(channel: String, payload: String) throws {
    _ = try guarded("SELECT pg_notify($1, $2)", [.text(channel), .text(payload)])
  }

  private func guarded(_ sql: String, _ parameters: [SQLValue]) throws(DatabaseError) -> PostgreSQLResult {
    if let failure { throw failure }
    do {
      return try perform(sql, parameters)
    } catch {
      failure = error
      throw error
    }
  }

  private func perform(_ sql: String, _ parameters: [SQLValue]) throws(DatabaseError) -> PostgreSQLResult {
    let arguments = try PostgreSQLParameters(parameters)
    let statement = try prepared(sql, arguments.types)
    guard statement.parameterCount == parameters.count else {
      throw .wrongParameterCount(expected: statement.parameterCount, given: parameters.count, sql: sql)
    }
    return try checked(sql) {
      arguments.withPointers { values, lengths, formats in
        PQexecPrepared(connection, statement.name, arguments.count, values, lengths, formats, 0)
      }
    }
  }

  private func prepared(_ sql: String, _ types: [Oid]) throws(DatabaseError) -> PreparedStatement {
    let key = StatementKey(sql: sql, types: types)
    if let known = statements.find(key) { return known }
    statementCount += 1
    let name = "s\(statementCount)"
    _ = try checked(sql) { PQprepare(connection, name, sql, Int32(types.count), types) }
    let description = try checked(sql) { PQdescribePrepared(connection, name) }
    let statement = PreparedStatement(name: name, parameterCount: description.parameterCount)
    if let evicted = statements.insert(statement, for: key) { try run("DEALLOCATE \(evicted.name)") }
    return statement
  }

  /// Runs a statement of the session itself.
  private func run(_ sql: String) throws(DatabaseError) { _ = try checked(sql) { PQexec(connection, sql) } }

  private func checked(_ sql: String, _ call: () -> OpaquePointer?) throws(DatabaseError) -> PostgreSQLResult {
    let result = PostgreSQLResult(call())
    if result.isSuccess { return result }
    let isLost = PQstatus(connection) != CONNECTION_OK
    if isLost { isBroken = true }
    throw DatabaseError(
      sqlState: result.sqlState, message: result.message ?? PostgreSQLConnector.oneLine(PQerrorMessage(connection)),
      isConnectionLost: isLost, sql: sql)
  }
}
