import ArgumentParser

struct FleetCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "fleet", abstract: "See all customers at once: who is there, who runs what, what failed.",
    subcommands: [FleetStatus.self, FleetFailures.self])
}
