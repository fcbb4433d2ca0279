import ArgumentParser
import FoundationEssentials

struct CompletionCommand: ParsableCommand {
  enum Shell: String, CaseIterable, ExpressibleByArgument {
    case bash
    case zsh
    case fish
  }

  static let configuration = CommandConfiguration(
    commandName: "completion", abstract: "Print the script that lets a shell complete commands.",
    discussion: "For bash: source <(wrktalkctl completion bash)")

  @Argument(help: "bash, zsh or fish.")
  var shell: Shell

  func run() throws {
    let script =
      switch shell {
      case .bash: Wrktalkctl.completionScript(for: .bash)
      case .zsh: Wrktalkctl.completionScript(for: .zsh)
      case .fish: Wrktalkctl.completionScript(for: .fish)
      }
    try Console.standard(environment: ProcessInfo.processInfo.environment).write(script + "\n")
  }
}
