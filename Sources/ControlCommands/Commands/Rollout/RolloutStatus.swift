import ArgumentParser
import ResourceClient
import ResourceModel
import WireFormats

struct RolloutStatus: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "status", abstract: "Show how far a rollout is, stage by stage, and why it stands where it stands.",
    discussion: """
      \(StageBar.legend)

      Apart are customers that are offline, silent, passed over or taken back: they are no failures, and hold up nothing.

      Exit codes with --watch: 0 it has completed, 1 it has halted or was deleted, or customers failed in a stage whose gate \
      does not say how many may, 64 a wrong command line, 124 it has not ended within --timeout. Without --watch: 0 whatever it shows.
      """)

  @Argument(help: "The rollout.")
  var name: String

  @OptionGroup var watching: RolloutWatchOptions
  @OptionGroup var connection: ConnectionOptions

  @Option(name: .shortAndLong, help: "The form: text, yaml, json.")
  var output = DocumentFormat.text

  func validate() throws {
    try watching.check()
    if watching.watch, output != .text {
      throw ValidationError(
        "--watch prints text; wrktalkctl get rollout NAME -o \(output.rawValue) --watch prints objects")
    }
  }

  func run() async throws {
    let name = try RolloutName.read(name)
    let session = try connection.session()
    if watching.watch {
      try await RolloutWatch(session: session, name: name, timeout: try watching.duration()).run()
      return
    }
    let progress = RolloutProgress(try await RolloutChange.read(name, session))
    switch output {
    case .text:
      let view = RolloutView(progress: progress, console: session.console)
      try session.console.write(view.lines().map { $0 + "\n" }.joined())
    case .yaml, .json: try session.console.write(progress.json, as: output)
    }
  }
}
