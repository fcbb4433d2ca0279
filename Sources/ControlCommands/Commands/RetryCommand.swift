import ArgumentParser
import DeploymentKinds
import ResourceClient
import ResourceModel
import Timing
import WireFormats

struct RetryCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "retry", abstract: "Try a release again that failed, or deploy the one that runs once more.",
    discussion: """
      A release that runs is deployed once more with the settings that are in the bucket now, and in the Secrets and \
      ConfigMaps of spec.helm.valuesFrom. What does not change by that goes on running.
      """)

  @Argument(help: "The deployment.")
  var name: String

  @OptionGroup var connection: ConnectionOptions
  @OptionGroup var waiting: WaitOptions

  func run() async throws {
    let name = try ResourceArguments.deployment(name)
    let session = try connection.session()
    let deployment = try await DeploymentReader.read(name, session)
    guard let task = Self.task(deployment) else {
      throw CommandFailure(
        "\(DesiredDeploymentKind.names.reference(name)) has nothing that could be tried again now",
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
    try session.console.write("\(DesiredDeploymentKind.names.reference(name)): \(printable(task))\n")
    try await waiting.waitUntilReady(name, session)
  }

  /// What the Agent will do, as a sentence; nil where a retry would do nothing.
  static func task(_ deployment: DesiredDeployment) -> String? {
    guard !deployment.spec.suspend else { return nil }
    if let version = deployment.status?.failure?.version ?? waitingVersion(deployment) {
      return "\(version) is tried again"
    }
    guard let current = deployment.status?.current, deployment.status?.progress == nil,
      deployment.spec.version.map({ $0 == current.version }) ?? true
    else { return nil }
    return "\(current.version) is deployed once more"
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
