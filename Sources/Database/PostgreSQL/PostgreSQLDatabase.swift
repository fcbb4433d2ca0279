import Logging

/// A PostgreSQL database behind a pool of connections, and one more that listens once somebody does.
final class PostgreSQLDatabase: Database {
  let dialect = SQLDialect.postgresql
  private let runner: TransactionRunner
  private let hub = NotificationHub()
  private let listener: PostgreSQLListener

  init(url: String, options: DatabaseOptions, logger: Logger) async throws {
    let connector = PostgreSQLConnector(url: url, options: options)
    let pool = ConnectionPool(
      name: "PostgreSQL", size: options.maximumConnections, waitLimit: options.waitLimit, clock: options.clock
    ) { () throws(DatabaseError) in try PostgreSQLSession(connector) }
    runner = TransactionRunner(pool: pool, options: options)
    listener = try PostgreSQLListener(connector: connector, hub: hub, logger: logger)
    try await pool.withConnection { try await $0.connect() }
  }

  deinit { listener.stop() }

  func transaction<Value: Sendable>(
    _ mode: TransactionMode, _ body: @escaping @Sendable (any SQLConnection) throws -> Value
  ) async throws -> Value {
    try await runner.run(mode, body).0
  }

  func notifications(channel: String) -> AsyncStream<String> {
    let (stream, _) = hub.listen(channel)
    listener.listen(channel)
    return stream
  }

  func close() async {
    listener.stop()
    hub.close()
    await runner.pool.close()
  }
}
