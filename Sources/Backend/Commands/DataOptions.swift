import ArgumentParser
import Database
import FoundationEssentials
import Logging
import Observability
import Timing
import WireFormats

/// What every command that uses the database takes.
struct DataOptions: ParsableArguments {
  @Option(
    name: .customLong("data-dir"),
    help: "Where the embedded database lies, unless WRKTALK_DATABASE_URL or DATABASE_URL names another.")
  var dataFolder = "wrktalk-data"

  /// - Parameter creates: whether a data folder that is not there is made.
  func configuration(creates: Bool = true) throws -> BackendConfiguration {
    let configuration = try BackendConfiguration(
      environment: ProcessInfo.processInfo.environment, dataFolder: dataFolder)
    LoggingBootstrap(level: configuration.logLevel, format: configuration.logFormat).install()
    if creates { try configuration.makeDataFolder(dataFolder) }
    return configuration
  }

  /// Opens the database, brought to the schema this program needs, for as long as `body` runs.
  /// - Parameter creates: whether an embedded database that is not there is made.
  func withDatabase<Value>(
    creates: Bool = true, _ body: (any Database) async throws -> Value
  ) async throws -> Value {
    let configuration = try configuration(creates: creates)
    let database: any Database
    do {
      database = try await openDatabase(configuration.databaseURL, creates: creates)
    } catch let error as DatabaseError where error.code == .cannotConnect && !creates {
      throw ConfigurationError(message: "\(error.message); \(configuration.databaseSource.hint)")
    }
    do {
      let now = SystemTime.now
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
