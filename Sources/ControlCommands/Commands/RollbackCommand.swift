import ArgumentParser
import DeploymentKinds
import ResourceClient
import ResourceModel
import WireFormats

struct RollbackCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rollback", abstract: "Declare an earlier release again.",
    discussion: """
      Without a target it is the newest earlier version that ran well. The release's version, artifact, image tags and \
      settings file are put back as they were; a schedule is removed, so that it starts at once.
      """)

  @Argument(help: "The deployment.")
  var name: String

  @OptionGroup var connection: ConnectionOptions
  @OptionGroup var waiting: WaitOptions

  @Option(help: "The revision to return to, as wrktalkctl history shows it.")
  var toRevision: Int64?

  @Option(help: "The version to return to.")
  var toVersion: String?

  @Option(help: "server: check everything there, but store nothing.")
  var dryRun = DryRun.none

  func run() async throws {
    let name = try ResourceArguments.deployment(name)
    let target: RollbackPatch.Target
    switch (toRevision, toVersion) {
    case (nil, nil): target = .previous
    case (let revision?, nil): target = .revision(revision)
    case (nil, let version?): target = .version(version)
    case (_?, _?):
      throw CommandFailure("use --to-revision or --to-version, not both", exitCode: CommandFailure.usageExitCode)
    }
    let session = try connection.session()
    let deployment = try await DeploymentReader.read(name, session)
    let entry = try RollbackPatch.entry(target, of: deployment)
    let patch = RollbackPatch.patch(to: entry, of: deployment)
    let client = session.client
    let options = WriteOptions(isDryRun: dryRun == .server, fieldManager: "wrktalkctl")
    let changed = try await session.request { () async throws(ResourceClientError) in
      try await client.mergePatch(DesiredDeploymentKind.names, deployment.key, patch, options: options)
    }
    let reference = DesiredDeploymentKind.names.reference(name)
    let place = printable(entry.release.version) + (entry.revision.map { " (revision \($0))" } ?? "")
    if changed["metadata"]?["generation"]?.integer == deployment.metadata.generation {
      try session.console.write("\(reference) already declares \(place)\n")
    } else {
      let suffix = dryRun == .server ? " (server dry run)" : ""
      try session.console.write("\(reference) declares \(place) again\(suffix)\n")
    }
    if dryRun == .none { try await waiting.waitUntilReady(name, session) }
  }
}
