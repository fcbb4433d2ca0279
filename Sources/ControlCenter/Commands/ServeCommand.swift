import ArgumentParser
import FoundationEssentials
import Logging
import ServerPrograms

/// `wrktalk-gcc serve`.
struct ServeCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "serve", abstract: "Serve the API until asked to stop (SIGTERM, SIGINT).")

  @OptionGroup var service: ServiceOptions

  @OptionGroup var data: DataOptions<ControlCenterProgram>

  func run() async throws {
    let server = try data.configuration()
    let environment = ProcessInfo.processInfo.environment
    try await ControlCenterServer(
      server: server,
      configuration: ControlCenterConfiguration(
        environment: environment, dataFolder: data.dataFolder, isEmbedded: server.databaseURL.hasPrefix("sqlite:")),
      dataFolder: data.dataFolder, environment: environment, options: service, logger: Logger(label: "gcc")
    ).run()
  }
}
