import Archives
import ArgumentParser
import ComposeBundles
import FoundationEssentials
import HTTPTransport
import ResourceClient
import Timing
import WireFormats

struct SupportBundleCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "support-bundle",
    abstract: "Collect what helps to find a fault into one .tar.gz, without secrets.",
    discussion: """
      It holds versions, DesiredDeployments, Events, Leases, deployments, tasks, notices, readiness and metrics of the server, and \
      the logs that you name. Tokens, passwords, keys, and what the files of --env-file hold are replaced by ***, but for words and \
      small numbers whose names say nothing secret. What could not be had is listed in its README.txt.
      """)

  @Option(
    name: [.short, .long], help: "The file to write; wrktalk-support-TIME.tar.gz where none is named.",
    completion: .file())
  var output: String?

  @Option(help: "A log file of the Agent or the Backend; may be given several times.", completion: .file())
  var logFile: [String] = []

  @Option(help: "A container whose log is fetched with docker; may be given several times.")
  var container: [String] = []

  @Option(help: "A pod, NAME or NAMESPACE/NAME, whose log is fetched with kubectl; may be given several times.")
  var pod: [String] = []

  @Option(
    help: "An .env file whose values must not appear anywhere; it is not itself part of the bundle.",
    completion: .file())
  var envFile: [String] = []

  @OptionGroup var connection: ConnectionOptions

  func run() async throws {
    let session = try connection.session()
    let now = SystemTime.now()
    let folder = "wrktalk-support-\(Self.name(now))"
    let path = output ?? "\(folder).tar.gz"
    try NewFile.checkIsFree(path)
    var secrets: [String] = []
    for file in envFile {
      guard let content = FileManager.default.contents(atPath: file) else {
        throw CommandFailure("\(printable(file)) cannot be read, so its values could not be taken out")
      }
      secrets += EnvironmentFile([UInt8](content)).secrets
    }
    let endpoint = APIEndpoint(session.server, token: session.settings.token, allowsInsecureHTTP: true)
    if let token = try? endpoint.bearerToken() { secrets.append(token) }
    var collector = SupportCollector(
      client: session.client, namespace: session.namespace, environment: ProcessInfo.processInfo.environment,
      bundle: SupportBundle(mask: SupportMask(values: secrets)))
    await collector.collectServer()
    for file in logFile { collector.collect(logFile: file) }
    for name in container { await collector.collect(container: name) }
    for name in pod { await collector.collect(pod: name) }
    await collector.collectTools()
    let bytes: [UInt8]
    do throws(ArchiveError) {
      bytes = try collector.bundle.packed(folder: folder, at: now)
    } catch {
      throw CommandFailure("the bundle could not be packed: \(error)")
    }
    try NewFile.create(bytes, at: path, isSecret: true)
    for problem in collector.bundle.problems { session.console.note("missing: \(printable(problem))") }
    try session.console.write("\(path)\n")
  }

  /// A time as a part of a file's name.
  private static func name(_ time: Timestamp) -> String {
    time.wholeSeconds.description.filter { $0.isNumber || $0 == "T" || $0 == "Z" }
  }
}
