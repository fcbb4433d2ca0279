public import ArgumentParser
import DeploymentKinds

/// The program `wrktalk-agent`.
public struct AgentCommand: AsyncParsableCommand {
  public static let configuration = CommandConfiguration(
    commandName: "wrktalk-agent",
    abstract: "Keeps an environment on the release that its DesiredDeployment wants.",
    version: ProgramVersion.current,
    subcommands: [RunCommand.self, HealthCommand.self, VersionCommand.self])

  public init() {}
}

struct VersionCommand: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "version", abstract: "Print the version.")

  func run() { print("wrktalk-agent \(ProgramVersion.current)") }
}
