import ArgumentParser
import DeploymentKinds
import ResourceClient
import ResourceModel
import WireFormats

struct SuspendCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "suspend", abstract: "Let the Agent do nothing about a deployment until it is resumed.")

  @Argument(help: "The deployment.")
  var name: String

  @OptionGroup var connection: ConnectionOptions

  func run() async throws {
    try await Suspension.set(true, name: try ResourceArguments.deployment(name), try connection.session())
  }
}

/// Writes `spec.suspend`.
enum Suspension {
  static func set(_ isSuspended: Bool, name: String, _ session: Session) async throws {
    let client = session.client
    let names = DesiredDeploymentKind.names
    let key = ObjectKey(namespace: session.namespace, name: name)
    let before = try await DeploymentReader.read(name, session)
    _ = try await session.request { () async throws(ResourceClientError) in
      try await client.mergePatch(
        names, key, ["spec": ["suspend": .bool(isSuspended)]], options: WriteOptions(fieldManager: "wrktalkctl"))
    }
    let word = isSuspended ? "suspended" : "resumed"
    let already =
      before.spec.suspend == isSuspended ? "was \(isSuspended ? "already suspended" : "not suspended")" : word
    try session.console.write("\(names.reference(name)) \(already)\n")
  }
}
