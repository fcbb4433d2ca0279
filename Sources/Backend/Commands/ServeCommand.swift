import ArgumentParser
import Logging
import ResourceServer

/// `wrktalk-backend serve`.
struct ServeCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "serve", abstract: "Serve the API until told to end (SIGTERM, SIGINT).")

  @Option(help: "Host and port; port 0 for any free one, :PORT for every address of the machine.")
  var listen = ListenAddress(host: "127.0.0.1", port: 3000)

  @Flag(help: "Serve /metrics without a token.")
  var openMetrics = false

  @Option(help: "How many requests a second one token may send for long; four times as many at once.")
  var requestsPerSecond = 1000.0

  @OptionGroup var data: DataOptions

  func validate() throws {
    guard requestsPerSecond > 0, requestsPerSecond.isFinite else {
      throw ValidationError("--requests-per-second must be more than 0")
    }
  }

  func run() async throws {
    let configuration = try data.configuration()
    var api = ResourceAPI.Configuration()
    api.areMetricsOpen = openMetrics
    api.requestsPerSecond = requestsPerSecond
    api.requestBurst = requestsPerSecond * 4
    try await BackendServer(
      configuration: configuration, apiConfiguration: api, address: listen, logger: Logger(label: "backend"),
      announce: { url in StandardOutput.write(line: "wrktalk-backend serves \(url)") }
    ).run()
  }
}

extension ListenAddress: ExpressibleByArgument {
  init?(argument: String) { self.init(argument) }
  var defaultValueDescription: String { "\(host):\(port)" }
}
