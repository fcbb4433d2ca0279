import ArgumentParser

struct RolloutCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rollout", abstract: "Bring a release to the customers in stages: plan, start, watch and stop it.",
    discussion: """
      A Rollout names a release and the stages in which customers are offered it. A stage starts when the one before has \
      passed its gate; customers that are offline, silent or have not consented are counted apart and hold up nothing.

      From a draft to all customers:
        wrktalkctl rollout plan -f rollout.yaml
        wrktalkctl rollout start -f rollout.yaml
        wrktalkctl release publish 2.3.0
        wrktalkctl rollout status spring --watch
      """,
    subcommands: [
      RolloutPlan.self, RolloutStart.self, RolloutStatus.self, RolloutApprove.self, RolloutPause.self,
      RolloutResume.self, RolloutHalt.self, RolloutRetry.self,
    ])
}

/// What commands need that change a rollout which is there.
struct RolloutChangeOptions: ParsableArguments {
  @Argument(help: "The rollout.")
  var name: String

  @OptionGroup var connection: ConnectionOptions

  /// Makes the change and prints what it came to.
  func run(_ change: (RolloutChange) async throws -> String) async throws {
    let session = try connection.session()
    let outcome = try await change(RolloutChange(name: try RolloutName.read(name), session: session))
    try session.console.write("\(outcome)\n")
  }
}
