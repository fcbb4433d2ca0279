public import Logging

/// Opens the database that `url` names and makes sure that it answers.
///
/// - Parameters:
///   - url: `postgresql://user:password@host:port/name` (or `postgres://…`, with libpq's options after `?`),
///     `sqlite:relative/path` or `sqlite:/absolute/path` (the file is created, readable by its owner only), or
///     `sqlite::memory:`.
///   - isServer: true for the process that serves the database. Of those a SQLite file takes one at a time, since none
///     would notice at once what another one writes; PostgreSQL takes any number.
///   - creates: false where a SQLite file that is not there is an error.
/// - Throws: `DatabaseError` `invalidURL` or `cannotConnect`; its message never holds the password.
public func openDatabase(
  _ url: String, isServer: Bool = false, creates: Bool = true, options: DatabaseOptions = DatabaseOptions(),
  logger: Logger = Logger(label: "database")
) async throws -> any Database {
  let location = try DatabaseURL(url)
  let database: any Database =
    switch location {
    case .sqlite(let path):
      try await SQLiteDatabase(path: path, isServer: isServer, creates: creates, options: options)
    case .sqliteInMemory:
      try await SQLiteDatabase(path: nil, isServer: isServer, creates: true, options: options)
    case .postgresql(let url): try await PostgreSQLDatabase(url: url, options: options, logger: logger)
    }
  logger.debug("opened the database", metadata: ["url": "\(location)"])
  return database
}

/// Where the database that `url` names is: the URL without a user's name, password or options.
/// - Throws: `DatabaseError` `invalidURL`.
public func databaseLocation(_ url: String) throws(DatabaseError) -> String { try DatabaseURL(url).description }
