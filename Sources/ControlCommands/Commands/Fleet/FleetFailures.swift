import ArgumentParser
import ResourceClient
import WireFormats

struct FleetFailures: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "failures", abstract: "Say what failed with a release, at how many customers, and at which.",
    discussion: "Customers that are offline, have not consented or have not reported yet are not among them.")

  @Argument(help: "The release's version, such as 2.3.0.")
  var version: String

  @OptionGroup var connection: ConnectionOptions

  @Option(name: .shortAndLong, help: "The form: text, yaml, json.")
  var output = DocumentFormat.text

  func run() async throws {
    let version = try ReleaseName.read(version)
    let session = try connection.session()
    let client = session.client
    let answer = try await session.request { () async throws(ResourceClientError) in
      try await client.get(path: InternalPath.release(version, "failures"))
    }
    switch output {
    case .text: try session.console.write(FleetFailuresView(answer: answer).text())
    case .yaml, .json: try session.console.write(answer, as: output)
    }
  }
}
