import ArgumentParser
import WireFormats

struct RolloutPause: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "pause", abstract: "Offer the release to nobody else until the rollout is resumed.",
    discussion: "Customers that were offered it already may go on deploying it, and are counted.")

  @Argument(help: "The rollout.")
  var name: String

  @OptionGroup var connection: ConnectionOptions

  func run() async throws {
    let session = try connection.session()
    let change = RolloutChange(name: try RolloutName.read(name), session: session)
    try session.console.write("\(try await change.set(.paused))\n")
  }
}

struct RolloutResume: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "resume", abstract: "Let a paused rollout go on where it stopped.")

  @Argument(help: "The rollout.")
  var name: String

  @OptionGroup var connection: ConnectionOptions

  func run() async throws {
    let session = try connection.session()
    let change = RolloutChange(name: try RolloutName.read(name), session: session)
    try session.console.write("\(try await change.set(.running))\n")
  }
}

struct RolloutHalt: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "halt", abstract: "End a rollout: offer nothing more, and take back what nobody has begun to deploy.",
    discussion: "To stop for a while, use rollout pause. Only rollout retry takes a halted rollout up again.")

  @Argument(help: "The rollout.")
  var name: String

  @Flag(help: "Offer the version before to those that have deployed the release.")
  var offerPrevious = false

  @OptionGroup var connection: ConnectionOptions

  func run() async throws {
    let session = try connection.session()
    let change = RolloutChange(name: try RolloutName.read(name), session: session)
    try session.console.write("\(try await change.set(.halted, offersPrevious: offerPrevious))\n")
  }
}
