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
    guard let version = deployment.status?.failure?.version ?? Self.waitingVersion(deployment) else {
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
      "\(DesiredDeploymentKind.names.reference(name)): \(printable(version)) is tried again\n")
    try await waiting.waitUntilReady(name, session)
  }

  /// The version that a passing failure or a closed gate keeps back; nil where there is none.
  static func waitingVersion(_ deployment: DesiredDeployment) -> String? {
    let status = deployment.status
    guard let ready = status?.conditions?[DeploymentCondition.ready], ready.status == .isFalse,
      status?.progress == nil, deployment.spec.suspend != true,
      status?.current.map({ $0.version != deployment.spec.version }) ?? true
    else { return nil }
    return deployment.spec.version
  }
}
