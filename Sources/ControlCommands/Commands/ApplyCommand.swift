import ArgumentParser
import WireFormats

struct ApplyCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "apply", abstract: "Create or change what files declare.",
    discussion: """
      A field that an earlier apply set and the file no longer has is removed; what others set stays. An object that \
      cannot be applied does not keep the others from it: all are tried, and the exit code is 1 if one failed.

      With --server-side the server merges, and names who set a field otherwise instead of overwriting it. An object that \
      was applied without it before is taken over.
      """)

  @OptionGroup var manifests: ManifestOptions
  @OptionGroup var applying: ApplyOptions
  @OptionGroup var connection: ConnectionOptions

  @Option(help: "server: check everything there, but store nothing.")
  var dryRun = DryRun.none

  @Option(name: .shortAndLong, help: "Print the objects in this form: yaml, json or name.")
  var output: OutputFormat?

  func run() async throws {
    let session = try connection.session()
    let reading = manifests.read(session)
    var failures = FailureCount()
    for failure in reading.failures { failures.add(failure, session.console) }
    let writer = ManifestWriter(client: session.client, server: session.server, method: applying.method)
    for manifest in reading.manifests {
      do throws(CommandFailure) {
        let written = try await writer.apply(manifest, isDryRun: dryRun == .server)
        switch output {
        case .none, .table, .wide:
          let suffix = dryRun == .server ? " (server dry run)" : ""
          try session.console.write("\(manifest.reference) \(written.outcome.rawValue)\(suffix)\n")
        case .name: try session.console.write(manifest.reference + "\n")
        case .yaml: try session.console.write("---\n" + YAMLText.render(LiveObject.withoutManagers(written.after)))
        case .json:
          try session.console.write(JSONText.render(LiveObject.withoutManagers(written.after)))
        }
      } catch {
        failures.add(error, session.console)
      }
    }
    try failures.end()
  }
}
