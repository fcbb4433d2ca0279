import Database
import DeploymentKinds
import ResourceServer
import ResourceStorage
import WireFormats

@testable import Backend

/// The Backend's tables in memory.
enum BackendDatabase {
  static func open() async throws -> any Database {
    let database = try await openDatabase("sqlite::memory:")
    try await Migrator(BackendMigrations.all, now: { "2026-11-24T00:00:00Z" }).migrate(database)
    return database
  }

  static func store(_ database: any Database) -> SQLResourceStore {
    SQLResourceStore(
      database: database, definitions: BackendKinds.definitions, options: StoreOptions(now: { Timestamp(seconds: 0) }))
  }
}
