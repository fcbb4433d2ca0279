import ArgumentParser

struct SimulateCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "simulate", abstract: "Stand in for customers that are not there, to size a server or to try it out.",
    subcommands: [SimulateFleet.self])
}
