import ArgumentParser
import Logging

/// `wrktalk-backend serve`.
struct ServeCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "serve", abstract: "Serve the API until told to end (SIGTERM, SIGINT).")

  @Option(help: "Host and port; port 0 for any free one, :PORT for every address of the machine.")
  var listen = ListenAddress(host: "127.0.0.1", port: 3000)

  @Flag(help: "Serve /metrics without a token.")
  var openMetrics = false

  @OptionGroup var data: DataOptions

  func run() async throws {
    let configuration = try data.configuration()
    try await BackendServer(
      configuration: configuration, address: listen, areMetricsOpen: openMetrics, logger: Logger(label: "backend"),
      announce: { url in StandardOutput.write(line: "wrktalk-backend serves \(url)") }
    ).run()
  }
}

extension ListenAddress: ExpressibleByArgument {
  init?(argument: String) { self.init(argument) }
  var defaultValueDescription: String { "\(host):\(port)" }
}
