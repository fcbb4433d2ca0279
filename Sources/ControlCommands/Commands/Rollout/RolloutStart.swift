import ArgumentParser
import ResourceModel
import WireFormats

struct RolloutStart: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "start", abstract: "Print the plan of a rollout, then apply it.",
    discussion: """
      A new rollout is made only as it was printed: where customers, versions or licences have changed in between, it is \
      refused. The rollout begins to offer once its release is published. Applying the changed file again changes a rollout that runs: \
      stages that have started keep their customers.
      """)

  @OptionGroup var file: RolloutFileOption
  @OptionGroup var connection: ConnectionOptions
  @OptionGroup var watching: RolloutWatchOptions

  func validate() throws { try watching.check() }

  func run() async throws {
    let session = try connection.session()
    var manifest = try file.read(session)
    let plan = try await RolloutPlanView.ask(manifest, session)
    try session.console.write(plan.text() + "\n")
    let writer = ManifestWriter(
      client: session.client, server: session.server, method: .clientSide(manager: ManifestWriter.clientSideManager))
    // Of one that is there the members are fixed by stage.
    if try await session.find(manifest.definition.names, manifest.key) == nil { plan.bind(&manifest.object) }
    let written = try await writer.apply(manifest, isDryRun: false)
    try session.console.write("\(manifest.reference) \(written.outcome.rawValue)\n")
    guard watching.watch else {
      session.console.note("See how it goes: wrktalkctl rollout status \(printable(manifest.key.name)) --watch")
      return
    }
    try await RolloutWatch(session: session, name: manifest.key.name, timeout: try watching.duration()).run()
  }
}

/// The options of commands that can follow a rollout.
struct RolloutWatchOptions: ParsableArguments {
  @Flag(name: .shortAndLong, help: "Follow it until it has completed or halted.")
  var watch = false

  @Option(help: "With --watch: how long, such as 30m; as long as it takes by default.")
  var timeout: String?

  func check() throws {
    if timeout != nil, !watch { throw ValidationError("--timeout only works with --watch") }
  }

  func duration() throws(CommandFailure) -> Duration? {
    guard let timeout else { return nil }
    return try WaitOptions.duration(timeout)
  }
}
