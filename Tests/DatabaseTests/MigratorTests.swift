import Database
import TestSupport
import Testing

@Suite(.postgreSQLServer, .timeLimit(.minutes(10))) struct MigratorTests {
  private static let first = Migration(owner: "people", version: 1, name: "people") { _ in
    ["CREATE TABLE person (id bigint PRIMARY KEY)", "INSERT INTO person (id) VALUES (1)"]
  }
  private static let second = Migration(owner: "people", version: 2, name: "names") { _ in
    ["ALTER TABLE person ADD COLUMN name text"]
  }

  private func migrator(_ migrations: [Migration]) -> Migrator { Migrator(migrations) { "2026-01-02T03:04:05Z" } }

  private func withDatabase(_ kind: TestDatabase, _ body: (any Database) async throws -> Void) async throws {
    let instance = try await kind.create()
    let database = try await openDatabase(instance.url)
    try await body(database)
    await database.close()
    withExtendedLifetime(instance) {}
  }

  @Test(arguments: TestDatabase.available)
  func migrationsAreAppliedOnceAndInOrder(_ kind: TestDatabase) async throws {
    try await withDatabase(kind) { database throws in
      #expect(try await migrator([Self.first]).migrate(database).map(\.version) == [1])
      #expect(try await migrator([Self.second, Self.first]).migrate(database).map(\.version) == [2])
      #expect(try await migrator([Self.first, Self.second]).migrate(database).isEmpty)
      let rows = try await database.transaction(.read) { connection in
        try connection.query("SELECT name, applied_at FROM schema_migration WHERE owner = 'people' ORDER BY version")
      }
      #expect(rows.map { $0["name"].text } == ["people", "names"])
      #expect(rows.map { $0["applied_at"].text } == ["2026-01-02T03:04:05Z", "2026-01-02T03:04:05Z"])
    }
  }

  @Test(arguments: TestDatabase.available)
  func processesThatStartAtOnceApplyEachMigrationOnce(_ kind: TestDatabase) async throws {
    let instance = try await kind.create()
    let applied = try await withThrowingTaskGroup(of: [Int].self) { group in
      for _ in 1...4 {
        group.addTask {
          let database = try await openDatabase(instance.url)
          let applied = try await migrator([Self.first, Self.second]).migrate(database)
          await database.close()
          return applied.map(\.version)
        }
      }
      return try await group.reduce(into: []) { $0 += $1 }
    }
    #expect(applied.sorted() == [1, 2])
  }

  @Test(arguments: TestDatabase.available)
  func aDatabaseOfANewerProgramIsRefused(_ kind: TestDatabase) async throws {
    try await withDatabase(kind) { database in
      try await migrator([Self.first, Self.second]).migrate(database)
      let error = await #expect(throws: DatabaseError.self) { try await migrator([Self.first]).migrate(database) }
      #expect(error?.code == .migrationMismatch)
      #expect(error?.message.contains("2 \"names\"") == true)
    }
  }

  @Test(arguments: TestDatabase.available)
  func anAlteredMigrationIsRefused(_ kind: TestDatabase) async throws {
    try await withDatabase(kind) { database in
      try await migrator([Self.first]).migrate(database)
      let altered = Migration(owner: "people", version: 1, name: "people") { _ in ["CREATE TABLE person (id text)"] }
      let error = await #expect(throws: DatabaseError.self) { try await migrator([altered]).migrate(database) }
      #expect(error?.code == .migrationMismatch)
    }
  }

  @Test(arguments: TestDatabase.available)
  func aFailingMigrationLeavesTheSchemaAsItWas(_ kind: TestDatabase) async throws {
    try await withDatabase(kind) { database throws in
      let broken = Migration(owner: "people", version: 2, name: "broken") { _ in
        ["CREATE TABLE half (id bigint)", "CREATE nonsense"]
      }
      await #expect(throws: DatabaseError.self) { try await migrator([Self.first, broken]).migrate(database) }
      #expect(try await migrator([Self.first, Self.second]).migrate(database).map(\.version) == [1, 2])
    }
  }

  @Test func twoMigrationsOfOneVersionAreRefused() async throws {
    let database = try await openDatabase("sqlite::memory:")
    let twin = Migration(owner: "people", version: 1, name: "twin") { _ in [] }
    let error = await #expect(throws: DatabaseError.self) { try await migrator([Self.first, twin]).migrate(database) }
    #expect(error?.message.contains("twin") == true)
    await database.close()
  }

  @Test func aVersionThatIsLeftOutIsRefused() async throws {
    let database = try await openDatabase("sqlite::memory:")
    let error = await #expect(throws: DatabaseError.self) { try await migrator([Self.second]).migrate(database) }
    #expect(error?.message.contains("has version 2 where 1 follows") == true)
    await database.close()
  }

  // MARK: Owners

  private static func table(_ name: String) -> Migration {
    Migration(owner: "kind/\(name)", version: 1, name: name) { _ in ["CREATE TABLE \(name) (id bigint)"] }
  }

  /// Wherever it is added, the other parts keep their versions.
  @Test(arguments: TestDatabase.available)
  func aPartThatIsAddedInTheMidstOfOthersIsAppliedAlone(_ kind: TestDatabase) async throws {
    try await withDatabase(kind) { database throws in
      try await migrator([Self.table("apple"), Self.table("cherry"), Self.first]).migrate(database)
      let more = [Self.table("apple"), Self.table("banana"), Self.second, Self.first, Self.table("cherry")]
      #expect(try await migrator(more).migrate(database).map(\.name) == ["banana", "names"])
    }
  }

  @Test(arguments: TestDatabase.available)
  func twoProgramsMigrateTheirOwnDatabasesByPartsThatTheyShare(_ kind: TestDatabase) async throws {
    for parts in [["apple", "banana"], ["banana", "cherry"]] {
      try await withDatabase(kind) { database throws in
        #expect(try await migrator(parts.map(Self.table)).migrate(database).map(\.name) == parts)
        #expect(try await migrator(parts.reversed().map(Self.table)).migrate(database).isEmpty)
      }
    }
  }

  @Test(arguments: TestDatabase.available)
  func aDatabaseThatHoldsAPartOfANewerProgramIsRefused(_ kind: TestDatabase) async throws {
    try await withDatabase(kind) { database in
      try await migrator([Self.table("apple"), Self.table("banana")]).migrate(database)
      let error = await #expect(throws: DatabaseError.self) {
        try await migrator([Self.table("apple")]).migrate(database)
      }
      #expect(error?.code == .migrationMismatch)
      #expect(error?.message.contains("migration 1 \"banana\" of kind/banana") == true)
    }
  }

  // MARK: Migrations in one list

  /// As an earlier version of the program recorded them.
  private func record(_ migrations: [(number: Int64, Migration)], _ database: any Database) async throws {
    try await database.transaction(.write) { connection in
      try connection.execute(
        """
        CREATE TABLE IF NOT EXISTS schema_migration (
          version bigint PRIMARY KEY, name text NOT NULL, checksum text NOT NULL, applied_at text NOT NULL)
        """)
      for (number, migration) in migrations {
        for statement in migration.statements(connection.dialect) { try connection.execute(statement) }
        try connection.execute(
          """
          INSERT INTO schema_migration (version, name, checksum, applied_at)
          VALUES ($1, $2, $3, '2025-01-01T00:00:00Z')
          """,
          [.integer(number), .text(migration.name), .text(migration.checksum(connection.dialect))])
      }
    }
  }

  @Test(arguments: TestDatabase.available)
  func whatWasAppliedUnderANumberIsTakenOver(_ kind: TestDatabase) async throws {
    try await withDatabase(kind) { database throws in
      try await record([(1, Self.first), (2, Self.table("apple"))], database)
      let migrations = [Self.table("banana"), Self.table("apple"), Self.second, Self.first]
      #expect(try await migrator(migrations).migrate(database).map(\.name) == ["banana", "names"])
      #expect(try await migrator(migrations).migrate(database).isEmpty)
      let rows = try await database.transaction(.read) { connection in
        try connection.query("SELECT applied_at FROM schema_migration WHERE owner = 'people' ORDER BY version")
      }
      #expect(rows.map { $0[0].text } == ["2025-01-01T00:00:00Z", "2026-01-02T03:04:05Z"])
    }
  }

  @Test(arguments: TestDatabase.available)
  func aListThatHoldsWhatIsNotKnownOrWasAlteredIsRefusedAndLeftAsItWas(_ kind: TestDatabase) async throws {
    try await withDatabase(kind) { database in
      try await record([(1, Self.first), (2, Self.second)], database)
      let altered = Migration(owner: "people", version: 2, name: "names") { _ in
        ["ALTER TABLE person ADD COLUMN n text"]
      }
      for (migrations, part) in [([Self.first], "migration 2 \"names\""), ([Self.first, altered], "is not what was")] {
        let error = await #expect(throws: DatabaseError.self) { try await migrator(migrations).migrate(database) }
        #expect(error?.code == .migrationMismatch)
        #expect(error?.message.contains(part) == true)
      }
      let rows = try await database.transaction(.read) { try $0.query("SELECT version FROM schema_migration") }
      #expect(rows.count == 2)
    }
  }

  /// It reads the numbers, and finds one that it does not know.
  @Test(arguments: TestDatabase.available)
  func aProgramThatNumbersItsMigrationsFindsOneThatItDoesNotKnow(_ kind: TestDatabase) async throws {
    try await withDatabase(kind) { database throws in
      try await migrator([Self.first, Self.second]).migrate(database)
      let rows = try await database.transaction(.read) {
        try $0.query("SELECT version, checksum, name FROM schema_migration ORDER BY version")
      }
      #expect(rows.last?[0].integer == 1_000_000)
      #expect(rows.last?[2].text == "migrations by owner")
    }
  }
}
