import ArgumentParser
import ResourceModel
import WireFormats

struct WaitCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "wait", abstract: "Wait until objects come to a condition.",
    discussion: """
      Fails at once, with the reason, where a deployment or a rollout stalls on its way to Ready, Healthy or Released. A \
      condition counts only once the newest generation was seen.
      """)

  @Argument(help: "A kind and names, or KIND/NAME.")
  var objects: [String]

  @OptionGroup var connection: ConnectionOptions

  @Option(name: .customLong("for"), help: "condition=NAME, condition=NAME=False, or delete.")
  var goal: String

  @Option(help: "How long to wait for each object, such as 30s or 10m.")
  var timeout = "10m"

  func run() async throws {
    let arguments = try ResourceArguments(objects)
    guard !arguments.names.isEmpty else {
      throw CommandFailure("name the object to wait for, such as dd/wrktalk", exitCode: CommandFailure.usageExitCode)
    }
    guard let goal = WaitGoal(goal) else {
      throw CommandFailure(
        "--for=\(printable(goal)) is nothing to wait for",
        hint: "Use condition=Ready, condition=Ready=False or delete.",
        exitCode: CommandFailure.usageExitCode)
    }
    let timeout = try WaitOptions.duration(timeout)
    let session = try connection.session()
    for name in arguments.names {
      try await Waiting(
        session: session, names: arguments.resource, key: session.key(name, of: arguments.definition),
        goal: goal, timeout: timeout
      ).run()
      let outcome = goal == .deletion ? "deleted" : "condition met"
      try session.console.write("\(arguments.resource.reference(name)) \(outcome)\n")
    }
  }
}
