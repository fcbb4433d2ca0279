import ArgumentParser
import ResourceModel

/// A word where a command line wants the name of a command: the parser says only that it did not expect it.
enum UnknownCommand {
  /// Nil where every word that stands for a command is one.
  static func failure(_ arguments: [String], of root: any ParsableCommand.Type) -> CommandFailure? {
    var command = root
    var path = name(root)
    for (index, word) in arguments.enumerated() {
      let subcommands = command.configuration.subcommands
      // Options stand before no command but the root's own, and the parser makes `help` itself.
      guard !subcommands.isEmpty, !word.hasPrefix("-"), index > 0 || word != "help" else { return nil }
      guard let next = subcommands.first(where: { name($0) == word }) else {
        return CommandFailure(
          "\(path) has no command \"\(printable(String(word.prefix(60))))\"",
          hint: hint(word, after: arguments.prefix(index).last, path, subcommands.map { name($0) }),
          exitCode: CommandFailure.usageExitCode)
      }
      command = next
      path += " \(word)"
    }
    return nil
  }

  private static func hint(_ word: String, after group: String?, _ path: String, _ known: [String]) -> String {
    // What is done with every object is done by the commands for objects.
    if let kind = kinds[group ?? ""], !known.contains(word) {
      switch word {
      case "list", "ls", "get": return "Did you mean wrktalkctl get \(kind)s?"
      case "show", "describe": return "Did you mean wrktalkctl describe \(kind)/NAME?"
      case "delete", "remove", "rm": return "Did you mean wrktalkctl delete \(kind)/NAME?"
      default: break
      }
    }
    return Suggestion.nearest(to: word, among: known).map { "Did you mean \(path) \($0)?" }
      ?? "There are: \(known.joined(separator: ", ")); \(path) --help says what each does."
  }

  private static let kinds = [
    "org": "organization", "release": "release", "rollout": "rollout", "fleet": "organization",
  ]

  private static func name(_ command: any ParsableCommand.Type) -> String { command.configuration.commandName ?? "" }
}
