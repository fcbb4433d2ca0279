import ArgumentParser
import FleetSimulator
import HTTPTransport
import ResourceClient
import WireFormats

struct SimulateFleet: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "fleet",
    abstract: "Be up to 100,000 customers of a server: ask, send heartbeats, receive webhooks, deploy.",
    discussion: """
      Only for a server that serves nobody else: it makes the organizations there, each with a key and a webhook secret, and \
      leaves them when it ends. What it made is kept in --keys, which is as secret as the keys in it; with the same file the \
      next run begins at once.

      Who is offline, slow or failing is decided by --seed: the same seed makes the same fleet. Nothing is deployed; what a \
      customer reports is made up. Ctrl-C ends it. The summary goes to standard output as JSON, all else to standard error.

      Example:
        wrktalkctl simulate fleet --url http://127.0.0.1:3100 --token-file admin.token --organizations 10000 \
      --heartbeat-every 30s --poll-every 30s --for 10m
      """)

  @Option(help: "The server's address; the same as --server.")
  var url: String?

  @OptionGroup var connection: ConnectionOptions

  @Option(name: [.long, .customShort("N")], help: "How many customers, at most 100,000.")
  var organizations: Int

  @Option(help: "The file that keeps the keys of the organizations.", completion: .file())
  var keys = "keys.jsonl"

  @Option(help: "What their names begin with.")
  var prefix = "sim"

  @Option(help: "Decides who is what. A number.")
  var seed: UInt64 = 1

  @Option(help: "The share that is offline and never seen.")
  var offline = Share(0.05)

  @Option(help: "The share that answers webhooks late and deploys ten times as slowly.")
  var slow = Share(0.05)

  @Option(help: "The share of deployments that fail.")
  var failing = Share(0.01)

  @Option(help: "The share that never consents to a release.")
  var neverConsents = Share(0.02)

  @Option(help: "Between two heartbeats of a customer; as the server asks by default.")
  var heartbeatEvery: String?

  @Option(help: "Between two questions for updates of a customer; as the server asks by default.")
  var pollEvery: String?

  @Option(help: "From an offer to the consent, on average.")
  var consentAfter = "10s"

  @Option(help: "How long a deployment takes, on average.")
  var deployment = "20s"

  @Option(
    help:
      "Let each deploy in a nightly window of its own time zone, of two hours in a day of this length, such as 24h or 10m; at once by default."
  )
  var day: String?

  @Option(help: "Requests under way at once.")
  var concurrency = 500

  @Option(help: "Where webhooks are received.")
  var listen = "127.0.0.1:18900"

  @Option(
    help: "How the server reaches this machine for webhooks, such as http://10.0.0.5:18900; by --listen by default.")
  var webhookURL: String?

  @Option(
    help:
      "Spread the customers over so many addresses of 127.0.0.0/8, as if each were another machine; for a server on this one."
  )
  var webhookHosts = 1

  @Flag(help: "Receive no webhooks: customers only ask.")
  var noWebhooks = false

  @Option(name: .customLong("for"), help: "How long, such as 10m; until Ctrl-C by default.")
  var span: String?

  @Option(help: "Between two lines that say how it goes.")
  var every = "5s"

  func validate() throws {
    guard (1...100_000).contains(organizations) else {
      throw ValidationError("--organizations must be from 1 to 100000")
    }
    guard (1...20_000).contains(concurrency) else { throw ValidationError("--concurrency must be from 1 to 20000") }
    guard (1...10_000).contains(webhookHosts) else { throw ValidationError("--webhook-hosts must be from 1 to 10000") }
    if url != nil, connection.server != nil { throw ValidationError("--url and --server are the same: give one") }
    if !prefix.allSatisfy({ $0.isASCII && ($0.isLowercase || $0.isNumber || $0 == "-") }) || prefix.isEmpty {
      throw ValidationError("--prefix must be of lower-case letters, digits and -")
    }
  }

  func run() async throws {
    var connection = connection
    if let url { connection.server = url }
    let session = try connection.session()
    let settings = try settings(session)
    let console = session.console
    do {
      let summary = try await InterruptibleTask.run {
        try await FleetSimulation(settings: settings).run { console.note($0) }
      }
      try console.write(JSONText.render(summary.json))
    } catch let error as SimulationError {
      throw CommandFailure(printable(error.message), hint: error.hint)
    }
  }

  private func settings(_ session: Session) throws(CommandFailure) -> SimulationSettings {
    let token: String?
    do throws(ResourceClientError) {
      token = try session.client.endpoint.bearerToken()
    } catch {
      throw ClientFailureText.failure(error, server: session.server)
    }
    guard let token else {
      throw CommandFailure(
        "a token is needed that may write organizations and make keys",
        hint: "Give one with --token-file; wrktalk-gcc token create makes one.")
    }
    var settings = SimulationSettings(
      server: session.client.endpoint.baseURL, token: token,
      certificateAuthorityFile: session.settings.certificateAuthority, organizations: organizations,
      namePrefix: prefix, keysFile: keys, concurrency: concurrency)
    settings.behaviour = FleetBehaviour(
      seed: seed, offline: offline.value, slow: slow.value, failing: failing.value,
      neverConsents: neverConsents.value,
      heartbeatInterval: try heartbeatEvery.map { text throws(CommandFailure) in
        try Self.duration(text, "--heartbeat-every")
      },
      pollInterval: try pollEvery.map { text throws(CommandFailure) in try Self.duration(text, "--poll-every") },
      consentDelay: try Self.duration(consentAfter, "--consent-after"),
      deploymentTime: try Self.duration(deployment, "--deployment"),
      day: try day.map { text throws(CommandFailure) in try Self.duration(text, "--day") })
    settings.duration = try span.map { text throws(CommandFailure) in try Self.duration(text, "--for") }
    settings.progressInterval = try Self.duration(every, "--every")
    settings.webhooks = noWebhooks ? nil : try webhooks()
    return settings
  }

  private func webhooks() throws(CommandFailure) -> SimulationSettings.Webhooks {
    guard let colon = listen.lastIndex(of: ":"), let port = Int(listen[listen.index(after: colon)...]),
      (1...65535).contains(port)
    else {
      throw CommandFailure(
        "--listen=\(printable(listen)) is not an address", hint: "Write it as 127.0.0.1:18900 or :18900.",
        exitCode: CommandFailure.usageExitCode)
    }
    var host = String(listen[..<colon])
    if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
    if host.isEmpty { host = "0.0.0.0" }
    if host == "0.0.0.0", webhookURL == nil, webhookHosts == 1 {
      throw CommandFailure(
        "with --listen on every address, --webhook-url has to say how the server reaches this machine",
        exitCode: CommandFailure.usageExitCode)
    }
    return .init(
      host: host, port: port,
      url: try webhookURL.map { text throws(CommandFailure) in try ConnectionSettings.checked(text) },
      hosts: webhookHosts)
  }

  private static func duration(_ text: String, _ option: String) throws(CommandFailure) -> Duration {
    guard let span = DurationText(text), span.duration > .zero else {
      throw CommandFailure(
        "\(option)=\(printable(text)) is not a span of time", hint: "Write it as 30s, 10m or 1h30m.",
        exitCode: CommandFailure.usageExitCode)
    }
    return span.duration
  }
}

/// A part of a whole on the command line: `5%` or `0.05`.
struct Share: ExpressibleByArgument, Hashable, CustomStringConvertible {
  var value: Double

  init(_ value: Double) { self.value = value }

  init?(argument: String) {
    let isPercent = argument.hasSuffix("%")
    guard let number = Double(isPercent ? argument.dropLast() : argument[...]) else { return nil }
    let value = isPercent ? number / 100 : number
    guard (0...1).contains(value) else { return nil }
    self.value = value
  }

  var description: String { "\(Decimals.text(value * 100, value * 100 == (value * 100).rounded() ? 0 : 1))%" }
  var defaultValueDescription: String { description }
}
