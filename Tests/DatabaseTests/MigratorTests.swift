import Database
import TestSupport
import Testing

@Suite(.postgreSQLServer, .timeLimit(.minutes(10))) struct MigratorTests {
  private static let first = Migration(version: 1, name: "people") { _ in
    ["CREATE TABLE person (id bigint PRIMARY KEY)", "INSERT INTO person (id) VALUES (1)"]
  }
  private static let second = Migration(version: 2, name: "names") { _ in ["ALTER TABLE person ADD COLUMN name text"] }

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
        try connection.query("SELECT version, name, applied_at FROM schema_migration ORDER BY version")
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
      let altered = Migration(version: 1, name: "people") { _ in ["CREATE TABLE person (id text)"] }
      let error = await #expect(throws: DatabaseError.self) { try await migrator([altered]).migrate(database) }
      #expect(error?.code == .migrationMismatch)
    }
  }

  @Test(arguments: TestDatabase.available)
  func aFailingMigrationLeavesTheSchemaAsItWas(_ kind: TestDatabase) async throws {
    try await withDatabase(kind) { database throws in
      let broken = Migration(version: 2, name: "broken") { _ in ["CREATE TABLE half (id bigint)", "CREATE nonsense"] }
      await #expect(throws: DatabaseError.self) { try await migrator([Self.first, broken]).migrate(database) }
      #expect(try await migrator([Self.first, Self.second]).migrate(database).map(\.version) == [1, 2])
    }
  }

  @Test func twoMigrationsOfOneVersionAreRefused() async throws {
    let database = try await openDatabase("sqlite::memory:")
    let twin = Migration(version: 1, name: "twin") { _ in [] }
    let error = await #expect(throws: DatabaseError.self) { try await migrator([Self.first, twin]).migrate(database) }
    #expect(error?.message.contains("twin") == true)
    await database.close()
  }
}
