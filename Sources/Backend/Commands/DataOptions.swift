import ArgumentParser
import Database
import FoundationEssentials
import Logging
import Observability
import WireFormats

/// What every command that uses the database takes.
struct DataOptions: ParsableArguments {
  @Option(name: .customLong("data-dir"), help: "Where the embedded database lies, unless WRKTALK_DATABASE_URL is set.")
  var dataFolder = "wrktalk-data"

  func configuration() throws -> BackendConfiguration {
    let configuration = try BackendConfiguration(
      environment: ProcessInfo.processInfo.environment, dataFolder: dataFolder)
    LoggingBootstrap(level: configuration.logLevel, format: configuration.logFormat).install()
    try configuration.makeDataFolder(dataFolder)
    return configuration
  }

  /// Opens the database, brought to the schema this program needs, for as long as `body` runs.
  func withDatabase<Value>(_ body: (any Database) async throws -> Value) async throws -> Value {
    let configuration = try configuration()
    let database = try await openDatabase(configuration.databaseURL)
    do {
      let now = SystemTime().now
      try await Migrator(BackendMigrations.all, now: { now().description }).migrate(database)
      let value = try await body(database)
      await database.close()
      return value
    } catch {
      await database.close()
      throw error
    }
  }
}
