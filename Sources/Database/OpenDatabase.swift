public import Logging

/// Opens the database that `url` names and makes sure that it answers.
///
/// - Parameter url: `postgresql://user:password@host:port/name` (or `postgres://…`, with libpq's options after `?`),
///   `sqlite:relative/path` or `sqlite:/absolute/path` (the file is created, readable by its owner only), or
///   `sqlite::memory:`.
/// - Throws: `DatabaseError` `invalidURL` or `cannotConnect`; its message never holds the password.
public func openDatabase(
  _ url: String, options: DatabaseOptions = DatabaseOptions(), logger: Logger = Logger(label: "database")
) async throws -> any Database {
  let location = try DatabaseURL(url)
  let database: any Database =
    switch location {
    case .sqlite(let path): try await SQLiteDatabase(path: path, options: options)
    case .sqliteInMemory: try await SQLiteDatabase(path: nil, options: options)
    case .postgresql(let url): try await PostgreSQLDatabase(url: url, options: options, logger: logger)
    }
  logger.debug("opened the database", metadata: ["url": "\(location)"])
  return database
}
