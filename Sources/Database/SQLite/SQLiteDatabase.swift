import Synchronization

/// A SQLite file in WAL mode: one connection writes, others read beside it.
final class SQLiteDatabase: Database {
  let dialect = SQLDialect.sqlite
  private let serverLock: Mutex<SQLiteServerLock?>
  private let writer: TransactionRunner
  private let reader: TransactionRunner
  private let hub = NotificationHub()

  /// - Parameters:
  ///   - path: nil for a database in memory, whose one connection both writes and reads.
  ///   - isServer: refuses to open a file that another server uses.
  ///   - creates: makes the file where there is none.
  init(path: String?, isServer: Bool, creates: Bool, options: DatabaseOptions) async throws {
    let file: String?
    if let path {
      if creates { try SQLiteFile.create(path) }
      let resolved = try SQLiteFile.resolved(path)
      serverLock = Mutex(isServer ? try SQLiteServerLock(database: resolved) : nil)
      file = resolved
    } else {
      file = nil
      serverLock = Mutex(nil)
    }
    func pool(size: Int) -> ConnectionPool {
      ConnectionPool(name: "SQLite", size: size, waitLimit: options.waitLimit, clock: options.clock) {
        () throws(DatabaseError) in try SQLiteSession(path: file, busyTimeout: options.busyTimeout)
      }
    }
    writer = TransactionRunner(pool: pool(size: 1), options: options)
    reader =
      file == nil ? writer : TransactionRunner(pool: pool(size: options.maximumConnections), options: options)
    // The first connection turns the file to WAL before others come.
    try await writer.pool.withConnection { try await $0.connect() }
  }

  func transaction<Value: Sendable>(
    _ mode: TransactionMode, _ body: @escaping @Sendable (any SQLConnection) throws -> Value
  ) async throws -> Value {
    let runner =
      switch mode {
      case .read: reader
      case .write: writer
      }
    let (value, notifications) = try await runner.run(mode, body)
    for notification in notifications { hub.deliver(notification) }
    return value
  }

  func notifications(channel: String) -> AsyncStream<String> {
    let (stream, continuation) = hub.listen(channel)
    continuation.yield("")
    return stream
  }

  func close() async {
    hub.close()
    await reader.pool.close()
    await writer.pool.close()
    serverLock.withLock { $0 = nil }
  }
}
