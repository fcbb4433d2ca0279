import ArgumentParser
import ResourceClient
import WireFormats

struct FleetStatus: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "status", abstract: "Count the customers by health and by version, and the open escalations.",
    discussion: "The names behind the numbers: wrktalkctl get organizations, wrktalkctl get escalations.")

  @OptionGroup var connection: ConnectionOptions

  @Option(name: .shortAndLong, help: "The form: text, yaml, json.")
  var output = DocumentFormat.text

  func run() async throws {
    let session = try connection.session()
    let client = session.client
    let answer = try await session.request { () async throws(ResourceClientError) in
      try await client.get(path: InternalPath.fleetSummary)
    }
    switch output {
    case .text: try session.console.write(FleetSummaryView(answer).text())
    case .yaml, .json: try session.console.write(answer, as: output)
    }
  }
}
