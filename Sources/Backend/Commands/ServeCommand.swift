import ArgumentParser
import Glibc
import Logging
import ResourceServer
import WireFormats

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

  @Flag(help: "Take tokens as the password of 'Authorization: Basic' from other machines too, not only from this one.")
  var basicFromAnywhere = false

  @Option(
    name: .customLong("allowed-host"),
    help: ArgumentHelp(
      "A name by which the server may be addressed (may be repeated). Without it: any name, or on a loopback address "
        + "localhost alone; addresses written as numbers always.", valueName: "name"))
  var allowedHosts: [String] = []

  @Option(
    help: ArgumentHelp(
      "Connections at the same time (default: as many as the limit of open files lets, at most 4096); a quarter of them "
        + "may come from one address.", valueName: "number"))
  var maxConnections: Int?

  @Option(
    help: ArgumentHelp(
      "How long requests that are being answered may go on once the program is told to end (default: 10s).",
      valueName: "span"),
    transform: ServeCommand.span)
  var shutdownTimeout = DurationText(.seconds(10))

  @OptionGroup var data: DataOptions

  private static func span(_ text: String) throws -> DurationText {
    guard let span = DurationText(text), span.duration > .zero else {
      throw ValidationError("must be a span of time such as 10s or 1m")
    }
    return span
  }

  func validate() throws {
    guard (0.01...1_000_000).contains(requestsPerSecond) else {
      throw ValidationError("--requests-per-second must be from 0.01 to 1000000")
    }
    if let maxConnections, maxConnections < 16 { throw ValidationError("--max-connections must be at least 16") }
  }

  /// How many descriptors this process may have.
  private static func openFileLimit() -> Int {
    var limit = rlimit()
    return unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0
      ? Int(clamping: limit.rlim_cur) : 1024
  }

  func run() async throws {
    let configuration = try data.configuration()
    var api = ResourceAPI.Configuration()
    api.areMetricsOpen = openMetrics
    api.requestsPerSecond = requestsPerSecond
    api.requestBurst = max(1, requestsPerSecond * 4)
    api.acceptsPasswordsFromAnywhere = basicFromAnywhere
    api.hosts =
      allowedHosts.isEmpty && !listen.isLoopback ? .any : .names(Set(allowedHosts.map { $0.lowercased() }))
    let connections = ConnectionLimits(
      maximumConnections: maxConnections ?? 4096, openFileLimit: Self.openFileLimit())
    api.maximumWatchers = connections.maximumConnections * 3 / 4
    try await BackendServer(
      configuration: configuration, apiConfiguration: api, connections: connections, address: listen,
      shutdownTimeout: shutdownTimeout.duration, logger: Logger(label: "backend"),
      announce: { url in StandardOutput.write(line: "wrktalk-backend serves \(url)") }
    ).run()
  }
}

extension ListenAddress: ExpressibleByArgument {
  init?(argument: String) { self.init(argument) }
  var defaultValueDescription: String { description }
}
