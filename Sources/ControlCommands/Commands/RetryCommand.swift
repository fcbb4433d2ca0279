import ArgumentParser
import DeploymentKinds
import ResourceClient
import ResourceModel
import WireFormats

struct RetryCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "retry", abstract: "Try a release again that failed.")

  @Argument(help: "The deployment.")
  var name: String

  @OptionGroup var connection: ConnectionOptions
  @OptionGroup var waiting: WaitOptions

  func run() async throws {
    let name = try ResourceArguments.deployment(name)
    let session = try connection.session()
    let deployment = try await DeploymentReader.read(name, session)
    guard let failure = deployment.status?.failure else {
      throw CommandFailure(
        "\(DesiredDeploymentKind.names.reference(name)) has no failed attempt that could be repeated",
        hint: "wrktalkctl describe dd \(printable(name)) says what it is doing.")
    }
    let client = session.client
    let patch: JSONValue = [
      "metadata": ["annotations": [DesiredDeploymentKind.retryAnnotation: .string(SystemTime.now().description)]]
    ]
    _ = try await session.request { () async throws(ResourceClientError) in
      try await client.mergePatch(
        DesiredDeploymentKind.names, deployment.key, patch, options: WriteOptions(fieldManager: "wrktalkctl"))
    }
    try session.console.write(
      "\(DesiredDeploymentKind.names.reference(name)): \(printable(failure.version)) is tried again\n")
    try await waiting.waitUntilReady(name, session)
  }
}
