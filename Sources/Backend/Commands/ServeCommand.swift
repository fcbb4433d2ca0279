import ArgumentParser
import FoundationEssentials
import Logging
import ServerPrograms

/// `wrktalk-backend serve`.
struct ServeCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "serve", abstract: "Serve the API until asked to stop (SIGTERM, SIGINT).",
    discussion: "Wrong settings end the program with exit code 78, as they end an Agent, and other failures with 1.")

  @OptionGroup var service: ServiceOptions

  @OptionGroup var data: DataOptions<BackendProgram>

  func run() async throws {
    try await ServiceOptions.run {
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
}
