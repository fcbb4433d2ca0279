import ArgumentParser
import DeploymentKinds
import ResourceClient
import ResourceModel
import WireFormats

struct VersionCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "version", abstract: "Print the version of this program and of the server.")

  @OptionGroup var connection: ConnectionOptions

  @Flag(help: "Do not ask the server.")
  var client = false

  func run() async throws {
    let session = try connection.session()
    try session.console.write("wrktalkctl \(ProgramVersion.current)\n")
    if client { return }
    let api = session.client
    let answer = try await session.request { () async throws(ResourceClientError) in try await api.get(path: "/version")
    }
    try session.console.write("server \(printable(answer["gitVersion"]?.string ?? "unknown")) at \(session.server)\n")
  }
}
