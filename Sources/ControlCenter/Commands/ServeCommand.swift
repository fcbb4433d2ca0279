import ArgumentParser
import FoundationEssentials
import Logging
import ServerPrograms

/// `wrktalk-gcc serve`.
struct ServeCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "serve", abstract: "Serve the API until asked to stop (SIGTERM, SIGINT).",
    discussion: "Wrong settings end the program with exit code 78, as they end an Agent, and other failures with 1.")

  @OptionGroup var service: ServiceOptions

  @OptionGroup var data: DataOptions<ControlCenterProgram>

  @Flag(
    help: ArgumentHelp(
      "Forget the secrets of webhooks that were sealed with a key that is lost; each customer needs a new one.",
      discussion: "Without it, a server whose key does not open them does not start."))
  var forgetWebhookSecrets = false

  func run() async throws {
    try await ServiceOptions.run {
      let server = try data.configuration()
      let environment = ProcessInfo.processInfo.environment
      try await ControlCenterServer(
        server: server,
        configuration: ControlCenterConfiguration(
          environment: environment, dataFolder: data.dataFolder, isEmbedded: server.databaseURL.hasPrefix("sqlite:")),
        dataFolder: data.dataFolder, environment: environment, options: service,
        forgetsWebhookSecrets: forgetWebhookSecrets, logger: Logger(label: "gcc")
      ).run()
    }
  }
}
