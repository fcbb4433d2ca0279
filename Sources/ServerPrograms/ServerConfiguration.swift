import Database
import FoundationEssentials
public import Logging
public import Observability
public import ProgramConfiguration

/// What every server program reads from its environment: its database and its log.
public struct ServerConfiguration: Sendable {
  public var databaseURL: String
  public var databaseSource: DatabaseSource
  public var logLevel: Logger.Level
  public var logFormat: LogFormat

  /// - Parameters:
  ///   - dataFolder: where the embedded database lies.
  ///   - databaseFile: its name.
  /// - Throws: `ConfigurationError`, which names the variable at fault.
  public init(environment: [String: String], dataFolder: String, databaseFile: String) throws(ConfigurationError) {
    // What came out of a file may have the end of its line.
    func value(_ name: String) -> String? { EnvironmentVariables.trimmed(environment[name]) }
    let given = ["WRKTALK_DATABASE_URL", "DATABASE_URL"].lazy.compactMap { name in value(name).map { (name, $0) } }
      .first
    if let (name, url) = given {
      (databaseURL, databaseSource) = (url, .variable(name))
    } else {
      (databaseURL, databaseSource) = ("sqlite:\(dataFolder)/\(databaseFile)", .dataFolder)
    }
    let level = value("WRKTALK_LOG_LEVEL") ?? "info"
    guard let logLevel = LoggingBootstrap.level(named: level) else {
      throw ConfigurationError(
        "WRKTALK_LOG_LEVEL must be one of \(LoggingBootstrap.levelNames.joined(separator: ", "))")
    }
    self.logLevel = logLevel
    guard let logFormat = LogFormat(name: value("WRKTALK_LOG_FORMAT") ?? "json") else {
      throw ConfigurationError("WRKTALK_LOG_FORMAT must be json or text")
    }
    self.logFormat = logFormat
  }

  /// Before anything that depends on which database it is.
  /// - Throws: `ConfigurationError` where it cannot be one.
  func checkDatabase() throws(ConfigurationError) {
    do throws(DatabaseError) {
      _ = try databaseLocation(databaseURL)
    } catch {
      throw ConfigurationError(error.message, setting: "\(databaseSource)")
    }
  }

  /// Makes the folder of the embedded database, readable by its owner only.
  func makeDataFolder(_ folder: String) throws(ConfigurationError) {
    guard databaseSource == .dataFolder else { return }
    do {
      try FileManager.default.createDirectory(
        atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    } catch {
      throw ConfigurationError("the data folder \(folder) cannot be made: \(fileErrorText(error))")
    }
  }
}

/// What says which database it is.
public enum DatabaseSource: Sendable, Hashable, CustomStringConvertible {
  /// `WRKTALK_DATABASE_URL`, or without it `DATABASE_URL`, as hosting platforms set it.
  case variable(String)
  /// SQLite in the data folder.
  case dataFolder

  public var description: String {
    switch self {
    case .variable(let name): name
    case .dataFolder: "--data-dir"
    }
  }

  /// What to look at where there is no such database.
  public var hint: String {
    switch self {
    case .variable(let name): "check \(name), which names it"
    case .dataFolder:
      "name the data folder of the server with --data-dir, or its database with WRKTALK_DATABASE_URL, as for serve"
    }
  }
}
