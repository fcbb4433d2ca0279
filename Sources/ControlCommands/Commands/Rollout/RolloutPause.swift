import ArgumentParser
import WireFormats

struct RolloutPause: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "pause", abstract: "Offer the release to nobody else until the rollout is resumed.",
    discussion: "Customers that were offered it already may go on deploying it, and are counted.")

  @OptionGroup var rollout: RolloutChangeOptions

  func run() async throws { try await rollout.run { try await $0.set(.paused) } }
}

struct RolloutResume: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "resume", abstract: "Let a paused rollout go on where it stopped.")

  @OptionGroup var rollout: RolloutChangeOptions

  func run() async throws { try await rollout.run { try await $0.set(.running) } }
}

struct RolloutHalt: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "halt", abstract: "End a rollout: offer nothing more, and take back what nobody has begun to deploy.",
    discussion: "To stop for a while, use rollout pause. Only rollout retry takes a halted rollout up again.")

  @OptionGroup var rollout: RolloutChangeOptions

  @Flag(help: "Offer the version before to those that have deployed the release.")
  var offerPrevious = false

  func run() async throws { try await rollout.run { try await $0.set(.halted, offersPrevious: offerPrevious) } }
}
