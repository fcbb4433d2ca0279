import ArgumentParser
import DeploymentKinds
import ResourceModel
import Timing
import WireFormats

struct HistoryCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "history", abstract: "Print what was deployed, newest first, and how it went.")

  @Argument(help: "The deployment.")
  var name: String

  @OptionGroup var connection: ConnectionOptions

  @Option(name: .shortAndLong, help: "The form: table, yaml or json.")
  var output = OutputFormat.table

  func run() async throws {
    let name = try ResourceArguments.deployment(name)
    let session = try connection.session()
    let deployment = try await DeploymentReader.read(name, session)
    let history = deployment.status?.history ?? []
    switch output {
    case .table, .wide:
      try session.console.write(DeploymentHistory(history, now: SystemTime.now()).render())
    case .yaml: try session.console.write(YAMLText.render(try JSONValue(encoding: history)))
    case .json:
      try session.console.write(
        JSONText.render(try JSONValue(encoding: history)))
    case .name:
      for entry in history { try session.console.write("\(entry.release.version)\n") }
    }
  }
}
