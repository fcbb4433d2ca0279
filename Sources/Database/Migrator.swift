public import Logging

/// Brings a database to the schema that the program needs. Several processes may do so at once.
public struct Migrator: Sendable {
  private let migrations: [Migration]
  private let now: @Sendable () -> String
  private let logger: Logger

  /// - Parameters:
  ///   - migrations: of every part of the program; each `version` is unique.
  ///   - now: the time to record, as RFC 3339.
  public init(
    _ migrations: [Migration], logger: Logger = Logger(label: "migrations"), now: @escaping @Sendable () -> String
  ) {
    self.migrations = migrations.sorted { $0.version < $1.version }
    self.logger = logger
    self.now = now
  }

  /// Applies what is missing, all of it in one transaction and under a lock: afterwards the schema is complete or as it
  /// was before.
  /// - Returns: the migrations that were applied, in order.
  /// - Throws: `DatabaseError` `migrationMismatch` where the database holds a migration that this program does not know
  ///   (it is newer) or knows otherwise (it was altered).
  @discardableResult
  public func migrate(_ database: any Database) async throws -> [Migration] {
    for (earlier, later) in zip(migrations, migrations.dropFirst()) where earlier.version == later.version {
      throw DatabaseError(
        code: .migrationMismatch,
        message: "migrations \"\(earlier.name)\" and \"\(later.name)\" both have version \(later.version)")
    }
    let (migrations, now) = (migrations, now)
    let applied = try await database.transaction(.write) { connection in
      try Self.apply(migrations, to: connection, now: now)
    }
    for migration in applied {
      logger.info("applied a migration", metadata: ["version": "\(migration.version)", "name": "\(migration.name)"])
    }
    return applied
  }

  private static func apply(
    _ migrations: [Migration], to connection: any SQLConnection, now: @Sendable () -> String
  ) throws -> [Migration] {
    // SQLite's write transactions exclude each other as it is. In PostgreSQL the lock ends with the transaction.
    if connection.dialect == .postgresql {
      try connection.execute("SET LOCAL statement_timeout = 0")
      _ = try connection.query("SELECT pg_advisory_xact_lock(7021890123465)")
    }
    try connection.execute(
      """
      CREATE TABLE IF NOT EXISTS schema_migration (
        version bigint PRIMARY KEY, name text NOT NULL, checksum text NOT NULL, applied_at text NOT NULL)
      """)
    var known: [Int: String] = [:]
    for row in try connection.query("SELECT version, checksum, name FROM schema_migration ORDER BY version") {
      let version = Int(row[0].integer ?? 0)
      known[version] = row[1].text ?? ""
      guard migrations.contains(where: { $0.version == version }) else {
        throw DatabaseError(
          code: .migrationMismatch,
          message: """
            the database holds migration \(version) "\(row[2].text ?? "")", which this program does not know: it was used \
            by a newer one. Run that version of the program, or restore a backup from before.
            """)
      }
    }
    var applied: [Migration] = []
    for migration in migrations {
      let statements = migration.statements(connection.dialect)
      let checksum = Self.checksum(statements)
      if let earlier = known[migration.version] {
        guard earlier == checksum else {
          throw DatabaseError(
            code: .migrationMismatch,
            message: """
              migration \(migration.version) "\(migration.name)" is not what was applied to the database (checksum \
              \(earlier), now \(checksum)): a migration must never be altered once it was released
              """)
        }
        continue
      }
      for statement in statements { try connection.execute(statement) }
      try connection.execute(
        "INSERT INTO schema_migration (version, name, checksum, applied_at) VALUES ($1, $2, $3, $4)",
        [.integer(Int64(migration.version)), .text(migration.name), .text(checksum), .text(now())])
      applied.append(migration)
    }
    return applied
  }

  /// FNV-1a of 64 bits: it guards against mistakes, not against attackers.
  private static func checksum(_ statements: [String]) -> String {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for byte in statements.joined(separator: "\u{0}").utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
    return String(hash, radix: 16)
  }
}
