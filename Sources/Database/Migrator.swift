public import Logging

/// Brings a database to the schema that the program needs. Of several processes that do so at once, one does and the others
/// wait for it.
public struct Migrator: Sendable {
  private let migrations: [Migration]
  private let now: @Sendable () -> String
  private let logger: Logger

  /// - Parameters:
  ///   - migrations: of every part of the program. Owners are brought up to date in the order in which they first occur,
  ///     each from its first version to its last.
  ///   - now: the time to record, as RFC 3339.
  public init(
    _ migrations: [Migration], logger: Logger = Logger(label: "migrations"), now: @escaping @Sendable () -> String
  ) {
    self.migrations = Self.inOrder(migrations)
    self.logger = logger
    self.now = now
  }

  private static func inOrder(_ migrations: [Migration]) -> [Migration] {
    var places: [String: Int] = [:]
    for migration in migrations where places[migration.owner] == nil { places[migration.owner] = places.count }
    return migrations.sorted { left, right in
      (places[left.owner] ?? 0, left.version) < (places[right.owner] ?? 0, right.version)
    }
  }

  /// Applies what is missing, all of it in one transaction and under a lock: afterwards the schema is complete or as it
  /// was before.
  /// - Returns: the migrations that were applied, in order.
  /// - Throws: `DatabaseError` `migrationMismatch` where the database holds a migration that this program does not know
  ///   (it is newer) or knows otherwise (it was altered).
  @discardableResult
  public func migrate(_ database: any Database) async throws -> [Migration] {
    try checkVersions()
    let (migrations, now) = (migrations, now)
    let applied = try await database.transaction(.write) { connection in
      try Self.apply(migrations, to: connection, now: now)
    }
    for migration in applied {
      logger.info(
        "applied a migration",
        metadata: ["owner": "\(migration.owner)", "version": "\(migration.version)", "name": "\(migration.name)"])
    }
    return applied
  }

  /// Each owner's versions are 1, 2, 3 …
  private func checkVersions() throws(DatabaseError) {
    var last: (owner: String, version: Int)?
    for migration in migrations {
      let expected = last?.owner == migration.owner ? (last?.version ?? 0) + 1 : 1
      guard migration.version == expected else {
        throw DatabaseError(
          code: .migrationMismatch,
          message: "migration \"\(migration.name)\" of \(migration.owner) has version \(migration.version) where "
            + "\(expected) follows")
      }
      last = (migration.owner, migration.version)
    }
  }

  private static func apply(
    _ migrations: [Migration], to connection: any SQLConnection, now: @Sendable () -> String
  ) throws -> [Migration] {
    // SQLite's write transactions exclude each other as it is. In PostgreSQL the lock ends with the transaction.
    if connection.dialect == .postgresql {
      try connection.execute("SET LOCAL statement_timeout = 0")
      _ = try connection.query("SELECT pg_advisory_xact_lock(7021890123465)")
    }
    var ledger = try MigrationLedger(connection, migrations)
    try ledger.refuseUnknown(to: migrations)
    var applied: [Migration] = []
    for migration in migrations {
      let checksum = migration.checksum(connection.dialect)
      if let earlier = ledger.checksum(of: migration) {
        guard earlier == checksum else {
          throw DatabaseError(
            code: .migrationMismatch,
            message: """
              migration \(migration.version) "\(migration.name)" of \(migration.owner) is not what was applied to the \
              database (checksum \(earlier), now \(checksum)): a migration must never be altered once it was released
              """)
        }
        continue
      }
      for statement in migration.statements(connection.dialect) { try connection.execute(statement) }
      try ledger.add(migration, checksum, at: now(), connection)
      applied.append(migration)
    }
    return applied
  }
}
