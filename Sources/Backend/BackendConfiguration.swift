import FoundationEssentials
import Logging
import Observability

/// What the Backend is told by its environment and arguments.
struct BackendConfiguration: Sendable {
  var databaseURL: String
  var databaseSource: DatabaseSource
  var license: LicenseSource.Value?
  var vendorKey: LicenseSource.Value?
  var logLevel: Logger.Level
  var logFormat: LogFormat

  /// - Parameter dataFolder: where the embedded database lies; made, for its owner only, where it is needed.
  /// - Throws: `ConfigurationError`, which names the variable at fault.
  init(environment: [String: String], dataFolder: String) throws(ConfigurationError) {
    func value(_ name: String) -> String? {
      guard let text = environment[name], !text.isEmpty else { return nil }
      return text
    }
    func source(_ name: String) throws(ConfigurationError) -> LicenseSource.Value? {
      switch (value(name), value("\(name)_FILE")) {
      case (nil, nil): return nil
      case (let text?, nil): return .text(text)
      case (nil, let path?): return .file(path)
      case (_?, _?): throw ConfigurationError(message: "set \(name) or \(name)_FILE, not both")
      }
    }
    let given = ["WRKTALK_DATABASE_URL", "DATABASE_URL"].lazy.compactMap { name in value(name).map { (name, $0) } }
      .first
    if let (name, url) = given {
      (databaseURL, databaseSource) = (url, .variable(name))
    } else {
      (databaseURL, databaseSource) = ("sqlite:\(dataFolder)/wrktalk.db", .dataFolder)
    }
    license = try source("WRKTALK_LICENSE")
    vendorKey = try source("WRKTALK_VENDOR_PUBLIC_KEY")
    let level = value("WRKTALK_LOG_LEVEL") ?? "info"
    guard let logLevel = LoggingBootstrap.level(named: level) else {
      throw ConfigurationError(
        message: "WRKTALK_LOG_LEVEL must be one of \(LoggingBootstrap.levelNames.joined(separator: ", "))")
    }
    self.logLevel = logLevel
    guard let logFormat = LogFormat(name: value("WRKTALK_LOG_FORMAT") ?? "json") else {
      throw ConfigurationError(message: "WRKTALK_LOG_FORMAT must be json or text")
    }
    self.logFormat = logFormat
  }

  /// Makes the folder of the embedded database, readable by its owner only.
  func makeDataFolder(_ folder: String) throws(ConfigurationError) {
    guard databaseSource == .dataFolder else { return }
    do {
      try FileManager.default.createDirectory(
        atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    } catch {
      throw ConfigurationError(message: "the data folder \(folder) cannot be made: \(fileErrorText(error))")
    }
  }
}

/// What says which database it is.
enum DatabaseSource: Sendable, Hashable, CustomStringConvertible {
  /// `WRKTALK_DATABASE_URL`, or without it `DATABASE_URL`, as hosting platforms set it.
  case variable(String)
  /// SQLite in the data folder.
  case dataFolder

  var description: String {
    switch self {
    case .variable(let name): name
    case .dataFolder: "--data-dir"
    }
  }

  /// What to look at where there is no such database.
  var hint: String {
    switch self {
    case .variable(let name): "check \(name), which names it"
    case .dataFolder:
      "name the data folder of the Backend with --data-dir, or its database with WRKTALK_DATABASE_URL, as for serve"
    }
  }
}

/// A setting of the program that is wrong, and what would be right.
struct ConfigurationError: Error, Sendable, Hashable, CustomStringConvertible {
  var message: String
  var description: String { message }
}
