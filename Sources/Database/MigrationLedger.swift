/// What was applied to a database: the table `schema_migration`, a row a migration.
struct MigrationLedger {
  private struct Entry {
    var owner: String
    var version: Int64
    var name: String
    var checksum: String
    var appliedAt: String
  }

  private var entries: [Entry] = []

  /// A row of this owner says which form the table has. Programs that number all migrations in one list take its version
  /// for that of a migration they do not know, and leave the database alone.
  private static let form = Entry(
    owner: "schema_migration", version: 1_000_000, name: "migrations by owner", checksum: "", appliedAt: "")

  /// Reads the table; makes it where there is none, and takes over one in which an earlier version of the program numbered
  /// all migrations in one list.
  /// - Throws: `DatabaseError` `migrationMismatch` where such a list holds what is not among `migrations`.
  init(_ connection: any SQLConnection, _ migrations: [Migration]) throws {
    let columns = try Self.columns(connection)
    if columns.contains("owner") {
      entries = try connection.query(
        """
        SELECT owner, version, name, checksum, applied_at FROM schema_migration
        WHERE owner <> $1 ORDER BY owner, version
        """, [.text(Self.form.owner)]
      ).map { row in
        Entry(
          owner: row[0].text ?? "", version: row[1].integer ?? 0, name: row[2].text ?? "", checksum: row[3].text ?? "",
          appliedAt: row[4].text ?? "")
      }
      return
    }
    if !columns.isEmpty { entries = try Self.numbered(connection, migrations) }
    try connection.execute("DROP TABLE IF EXISTS schema_migration")
    try connection.execute(
      """
      CREATE TABLE schema_migration (
        owner text NOT NULL, version bigint NOT NULL, name text NOT NULL, checksum text NOT NULL,
        applied_at text NOT NULL, PRIMARY KEY (owner, version))
      """)
    for entry in [Self.form] + entries { try Self.insert(entry, connection) }
  }

  private static func columns(_ connection: any SQLConnection) throws -> Set<String> {
    let query =
      switch connection.dialect {
      case .postgresql:
        """
        SELECT CAST(column_name AS text) FROM information_schema.columns
        WHERE table_schema = current_schema() AND table_name = 'schema_migration'
        """
      case .sqlite: "SELECT name FROM pragma_table_info('schema_migration')"
      }
    return Set(try connection.query(query).compactMap { $0[0].text })
  }

  /// What a list of numbers says: a migration is known by its name and checksum there.
  private static func numbered(_ connection: any SQLConnection, _ migrations: [Migration]) throws -> [Entry] {
    let rows = try connection.query(
      "SELECT version, name, checksum, applied_at FROM schema_migration ORDER BY version")
    return try rows.map { row in
      let (name, checksum) = (row[1].text ?? "", row[2].text ?? "")
      let namesakes = migrations.filter { $0.name == name }
      guard
        let migration = namesakes.first(where: { $0.checksum(connection.dialect) == checksum }) ?? namesakes.first
      else { throw unknown("migration \(row[0].integer ?? 0) \"\(name)\"") }
      return Entry(
        owner: migration.owner, version: Int64(migration.version), name: name, checksum: checksum,
        appliedAt: row[3].text ?? "")
    }
  }

  func refuseUnknown(to migrations: [Migration]) throws(DatabaseError) {
    for entry in entries
    where !migrations.contains(where: { $0.owner == entry.owner && $0.version == entry.version }) {
      throw Self.unknown("migration \(entry.version) \"\(entry.name)\" of \(entry.owner)")
    }
  }

  private static func unknown(_ what: String) -> DatabaseError {
    DatabaseError(
      code: .migrationMismatch,
      message: """
        the database holds \(what), which this program does not know: it was used by a newer one, or by another \
        program. Run that version of the program, or restore a backup from before.
        """)
  }

  /// Nil where it was not applied.
  func checksum(of migration: Migration) -> String? {
    entries.first { $0.owner == migration.owner && $0.version == migration.version }?.checksum
  }

  mutating func add(
    _ migration: Migration, _ checksum: String, at time: String, _ connection: any SQLConnection
  ) throws {
    let entry = Entry(
      owner: migration.owner, version: Int64(migration.version), name: migration.name, checksum: checksum,
      appliedAt: time)
    try Self.insert(entry, connection)
    entries.append(entry)
  }

  private static func insert(_ entry: Entry, _ connection: any SQLConnection) throws {
    try connection.execute(
      "INSERT INTO schema_migration (owner, version, name, checksum, applied_at) VALUES ($1, $2, $3, $4, $5)",
      [
        .text(entry.owner), .integer(entry.version), .text(entry.name), .text(entry.checksum), .text(entry.appliedAt),
      ])
  }
}
