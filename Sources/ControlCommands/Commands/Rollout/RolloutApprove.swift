import ArgumentParser

struct RolloutApprove: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "approve", abstract: "Let a rollout go on behind a stage whose gate asks for approval.",
    discussion: "It may be given before the stage has come so far; then the rollout does not wait for it.")

  @OptionGroup var rollout: RolloutChangeOptions

  @Argument(help: "The stage that is good.")
  var stage: String

  func run() async throws { try await rollout.run { try await $0.approve(stage) } }
}

struct RolloutRetry: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "retry", abstract: "Offer the release once more to the customers where it failed, exactly as it was.",
    discussion: "A rollout that has halted is taken up again by it.")

  @OptionGroup var rollout: RolloutChangeOptions

  func run() async throws { try await rollout.run { try await $0.retry() } }
}
