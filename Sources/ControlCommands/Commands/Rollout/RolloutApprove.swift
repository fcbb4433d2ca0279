import ArgumentParser

struct RolloutApprove: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "approve", abstract: "Let a rollout go on behind a stage whose gate asks for approval.",
    discussion: "It may be given before the stage has come so far; then the rollout does not wait for it.")

  @Argument(help: "The rollout.")
  var name: String

  @Argument(help: "The stage that is good.")
  var stage: String

  @OptionGroup var connection: ConnectionOptions

  func run() async throws {
    let session = try connection.session()
    let change = RolloutChange(name: try RolloutName.read(name), session: session)
    try session.console.write("\(try await change.approve(stage))\n")
  }
}

struct RolloutRetry: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "retry", abstract: "Offer the release once more to the customers where it failed, exactly as it was.",
    discussion: "A rollout that has halted is taken up again by it.")

  @Argument(help: "The rollout.")
  var name: String

  @OptionGroup var connection: ConnectionOptions

  func run() async throws {
    let session = try connection.session()
    let change = RolloutChange(name: try RolloutName.read(name), session: session)
    try session.console.write("\(try await change.retry())\n")
  }
}
