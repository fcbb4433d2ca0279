import ArgumentParser
import WireFormats

struct RolloutPlan: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "plan", abstract: "Say who would get the release in which stage, and who would not and why.",
    discussion: """
      Nothing is stored and nothing moves. A stage's customers are chosen once, when it starts: who joins, leaves or renews \
      a licence until then changes the plan.
      """)

  @OptionGroup var file: RolloutFileOption
  @OptionGroup var connection: ConnectionOptions

  @Option(name: .shortAndLong, help: "The form: text, yaml, json.")
  var output = DocumentFormat.text

  func run() async throws {
    let session = try connection.session()
    let plan = try await RolloutPlanView.ask(try file.read(session), session)
    switch output {
    case .text: try session.console.write(plan.text())
    case .yaml, .json: try session.console.write(plan.answer, as: output)
    }
  }
}
