import ArgumentParser
import ResourceClient
import Timing
import WireFormats

struct DeploymentRollback: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rollback", abstract: "Go back to a version that ran here, or to a revision of the Helm release.",
    discussion: "It begins at once. What is deployed automatically stops until an admin turns that on again.")

  @Option(help: "The version, such as 2.2.0.")
  var toVersion: String?

  @Option(help: "The revision of the Helm release.")
  var toRevision: Int64?

  @Option(help: "Why, for whoever looks at it later.")
  var reason: String?

  @OptionGroup var connection: ConnectionOptions

  func validate() throws {
    guard (toVersion == nil) != (toRevision == nil) else {
      throw ValidationError("give either --to-version or --to-revision")
    }
  }

  func run() async throws {
    let session = try connection.session()
    var body: JSONValue = [:]
    body["targetVersion"] = toVersion.map { .string($0) }
    body["targetRevision"] = toRevision.map { .integer($0) }
    body["reason"] = reason.map { .string($0) }
    let (client, content) = (session.client, body)
    do throws(CommandFailure) {
      _ = try await session.request { () async throws(ResourceClientError) in
        try await client.post(path: AdminPath.rollback, body: content)
      }
    } catch {
      var failure = error
      if toVersion != nil, failure.message == "Version not available" {
        failure.hint = try? await session.releases().returnHint
      }
      throw failure
    }
    let target = toVersion.map { printable($0) } ?? "revision \(toRevision ?? 0)"
    try session.console.write("rollback to \(target) begun\n")
    await session.noteAbsence(now: SystemTime.now())
  }
}
