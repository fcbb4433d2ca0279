/// A relational database: PostgreSQL or SQLite. Safe to use from many tasks.
public protocol Database: Sendable {
  var dialect: SQLDialect { get }

  /// Runs `body` in one transaction on a connection of the pool, on that connection's own thread: one hop a transaction,
  /// however many statements. Commits when `body` returns, rolls back when it throws. What the database asks to be
  /// repeated (serialization failure, deadlock, a connection lost before the commit was sent) is run again with a fresh
  /// transaction, so `body` may run more than once and must not change anything outside the database.
  /// - Throws: what `body` throws, or `DatabaseError`.
  func transaction<Value: Sendable>(
    _ mode: TransactionMode, _ body: @escaping @Sendable (any SQLConnection) throws -> Value
  ) async throws -> Value

  /// The payloads notified on `channel` by committed transactions, of this process or, with PostgreSQL, of any other.
  /// Only a wake-up: after a lost connection an empty payload is yielded, since anything may have been missed.
  func notifications(channel: String) -> AsyncStream<String>

  /// Waits for running transactions and closes every connection.
  func close() async
}

public enum SQLDialect: Sendable, Hashable { case postgresql, sqlite }

public enum TransactionMode: Sendable, Hashable {
  case read
  case write
}

/// A connection inside a transaction; not to be kept beyond it. Statements are prepared once per connection. Parameters
/// are written `$1`, `$2` … in both dialects.
public protocol SQLConnection {
  var dialect: SQLDialect { get }

  /// - Throws: `DatabaseError`.
  func query(_ sql: String, _ parameters: [SQLValue]) throws -> [SQLRow]

  /// - Returns: the number of rows changed.
  /// - Throws: `DatabaseError`.
  @discardableResult
  func execute(_ sql: String, _ parameters: [SQLValue]) throws -> Int

  /// Delivers `payload` to the listeners of `channel` when, and only when, the transaction commits.
  func notify(channel: String, payload: String) throws
}

extension SQLConnection {
  public func query(_ sql: String) throws -> [SQLRow] { try query(sql, []) }

  @discardableResult
  public func execute(_ sql: String) throws -> Int { try execute(sql, []) }
}

public enum SQLValue: Sendable, Hashable {
  case null
  case integer(Int64)
  case real(Double)
  case text(String)
  case blob([UInt8])
  case boolean(Bool)
  /// An array (`text[]`, `bigint[]`): parameters of PostgreSQL only. `unnest` makes rows of several.
  case texts([String?])
  case integers([Int64?])
}

/// One row of a result; columns by index, or by name as the statement names them.
public struct SQLRow: Sendable {
  public let columns: [String]
  public let values: [SQLValue]

  public init(columns: [String], values: [SQLValue]) {
    self.columns = columns
    self.values = values
  }

  public subscript(index: Int) -> SQLValue { values[index] }

  /// Null where there is no such column.
  public subscript(name: String) -> SQLValue {
    columns.firstIndex(of: name).map { values[$0] } ?? .null
  }
}

extension SQLValue {
  public var integer: Int64? {
    switch self {
    case .integer(let number): number
    case .boolean(let flag): flag ? 1 : 0
    default: nil
    }
  }
  public var text: String? { if case .text(let text) = self { text } else { nil } }
  public var blob: [UInt8]? { if case .blob(let bytes) = self { bytes } else { nil } }
  /// SQLite keeps booleans as integers.
  public var boolean: Bool? {
    switch self {
    case .boolean(let flag): flag
    case .integer(let number): number != 0
    default: nil
    }
  }
  public var isNull: Bool { self == .null }
}

public struct DatabaseError: Error, Sendable, Hashable, CustomStringConvertible {
  public enum Code: Sendable, Hashable {
    /// A unique or primary key is taken.
    case uniqueViolation
    /// Another constraint.
    case constraintViolation
    case cannotConnect
    case connectionLost
    /// The database asks for the transaction to be repeated.
    case serializationFailure
    case timedOut
    case diskFull
    case invalidURL
    /// A migration that is newer than this program, or that differs from what was applied.
    case migrationMismatch
    case other
  }

  public var code: Code
  /// Never holds a password or a parameter's value.
  public var message: String
  /// SQLSTATE or SQLite's extended result code.
  public var sqlState: String?

  public init(code: Code, message: String, sqlState: String? = nil) {
    self.code = code
    self.message = message
    self.sqlState = sqlState
  }

  public var description: String { message }
}

/// One step of a schema, applied once, forwards only.
///
/// Each part of a program numbers its own steps, so that programs with different parts migrate their own databases, and a
/// part that is added, wherever that is, changes the number of no other.
public struct Migration: Sendable {
  /// What the step belongs to: `store`, `outbox`, `backend`, or a kind (`kind/desireddeployments.deploy.wrktalk.com`). Never
  /// altered once it was released; nor are `name` and `statements`.
  public var owner: String
  /// 1 for the owner's first step, and one more for each after it.
  public var version: Int
  public var name: String
  /// The statements, by dialect.
  public var statements: @Sendable (SQLDialect) -> [String]

  public init(owner: String, version: Int, name: String, statements: @escaping @Sendable (SQLDialect) -> [String]) {
    self.owner = owner
    self.version = version
    self.name = name
    self.statements = statements
  }

  /// Tells whether the statements of a dialect are the ones that were applied. FNV-1a of 64 bits: it guards against
  /// mistakes, not against attackers.
  public func checksum(_ dialect: SQLDialect) -> String {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for byte in statements(dialect).joined(separator: "\u{0}").utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
    return String(hash, radix: 16)
  }
}
