import ArgumentParser

struct ResumeCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "resume", abstract: "Let the Agent look after a suspended deployment again.")

  @Argument(help: "The deployment.")
  var name: String

  @OptionGroup var connection: ConnectionOptions

  func run() async throws {
    try await Suspension.set(false, name: try ResourceArguments.deployment(name), try connection.session())
  }
}
