import ArgumentParser
import FoundationEssentials
import Logging
import ServerPrograms

/// `wrktalk-backend serve`.
struct ServeCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "serve", abstract: "Serve the API until asked to stop (SIGTERM, SIGINT).")

  @OptionGroup var service: ServiceOptions

  @OptionGroup var data: DataOptions<BackendProgram>

  func run() async throws {
    let configuration = try data.configuration()
    let environment = ProcessInfo.processInfo.environment
    let folder = FileManager.default.currentDirectoryPath
    let dataFolder = data.dataFolder.hasPrefix("/") ? data.dataFolder : "\(folder)/\(data.dataFolder)"
    try await BackendServer(
      server: configuration, configuration: BackendConfiguration(environment: environment, dataFolder: dataFolder),
      dataFolder: dataFolder, environment: environment, options: service, logger: Logger(label: "backend")
    ).run()
  }
}
