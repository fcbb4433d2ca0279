import ArgumentParser
import ResourceClient
import WireFormats

struct DeploymentCancel: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cancel", abstract: "Take back a deployment that has not begun.")

  @Argument(help: "The release's version, or the deployment's ID.")
  var version: String

  @Option(help: "Why, for whoever looks at it later.")
  var reason: String?

  @OptionGroup var connection: ConnectionOptions

  func run() async throws {
    let session = try connection.session()
    let deployment = try await session.releases().deployment(version)
    var body: JSONValue = ["deploymentId": deployment["id"] ?? .null]
    body["reason"] = reason.map { .string($0) }
    let (client, content) = (session.client, body)
    _ = try await session.request { () async throws(ResourceClientError) in
      try await client.post(path: AdminPath.cancel, body: content)
    }
    try session.console.write("\(printable(deployment["version"]?.string ?? version)) is not scheduled any more\n")
  }
}

struct DeploymentDecline: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "decline", abstract: "Say that a release is not to be deployed now, and why.")

  @Argument(help: "The release's version, or the deployment's ID.")
  var version: String

  @Option(help: "Why, for whoever looks at it later.")
  var reason: String?

  @Flag(help: "Take that back.")
  var undo = false

  @OptionGroup var connection: ConnectionOptions

  func validate() throws {
    if !undo, reason == nil { throw ValidationError("say why, with --reason") }
  }

  func run() async throws {
    let session = try connection.session()
    let deployment = try await session.releases().deployment(version)
    var body: JSONValue = ["deploymentId": deployment["id"] ?? .null, "undo": .bool(undo)]
    body["reason"] = reason.map { .string($0) }
    let (client, content) = (session.client, body)
    _ = try await session.request { () async throws(ResourceClientError) in
      try await client.post(path: AdminPath.decline, body: content)
    }
    let version = printable(deployment["version"]?.string ?? version)
    try session.console.write(undo ? "\(version) may be deployed again\n" : "\(version) is not deployed for now\n")
  }
}
