public import ArgumentParser
public import Database
import FoundationEssentials
import HTTPService
import Logging
import Observability
import ProgramConfiguration
import Timing
import WireFormats

/// What every command that uses the database takes.
public struct DataOptions<Program: ServerProgram>: ParsableArguments {
  @Option(
    name: .customLong("data-dir"),
    help: "Where the embedded database lies, unless WRKTALK_DATABASE_URL or DATABASE_URL names another.")
  public var dataFolder = "wrktalk-data"

  public init() {}

  /// Reads the settings, and logs as they say from now on.
  /// - Parameter creates: whether a data folder that is not there is made.
  public func configuration(creates: Bool = true) throws -> ServerConfiguration {
    let configuration = try ServerConfiguration(
      environment: ProcessInfo.processInfo.environment, dataFolder: dataFolder, databaseFile: Program.databaseFile)
    try configuration.checkDatabase()
    LoggingBootstrap(level: configuration.logLevel, format: configuration.logFormat).install()
    if creates { try configuration.makeDataFolder(dataFolder) }
    return configuration
  }

  /// Opens the database, brought to the schema this program needs, for as long as `body` runs.
  /// - Parameter creates: whether an embedded database that is not there is made.
  public func withDatabase<Value>(
    creates: Bool = true, _ body: (any Database) async throws -> Value
  ) async throws -> Value {
    let configuration = try configuration(creates: creates)
    let file = "\(dataFolder)/\(Program.databaseFile)"
    let isNew = configuration.databaseSource == .dataFolder && !FileManager.default.fileExists(atPath: file)
    let database: any Database
    do {
      database = try await openDatabase(configuration.databaseURL, creates: creates)
    } catch let error as DatabaseError where error.code == .cannotConnect && !creates {
      throw ConfigurationError("\(error.message); \(configuration.databaseSource.hint)")
    }
    do {
      let now = SystemTime.now
      // A person reads what a command says: one line of what was made, not one for each migration.
      var logger = Logger(label: "migrations")
      logger.logLevel = max(logger.logLevel, .warning)
      try await Migrator(Program.migrations, logger: logger, now: { now().description }).migrate(database)
      if isNew { StandardError.write(line: "note: made the database \(file)") }
      let value = try await body(database)
      await database.close()
      return value
    } catch {
      await database.close()
      throw error
    }
  }
}
