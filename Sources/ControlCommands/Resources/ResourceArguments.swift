import DeploymentKinds
import ResourceModel

/// The objects that a command line names: `dd`, `dd a b`, `dd/a`, `dd/a dd/b`.
struct ResourceArguments {
  let definition: ResourceDefinition
  /// Empty for all objects of the kind.
  let names: [String]

  var resource: ResourceNames { definition.names }

  init(_ words: [String]) throws(CommandFailure) {
    guard let first = words.first else { throw Self.usage("name a kind, such as dd, or an object, such as dd/wrktalk") }
    guard first.contains("/") else {
      self.definition = try ResourceCatalog.definition(named: first)
      self.names = Array(words.dropFirst())
      if let word = names.first(where: { $0.contains("/") || $0.isEmpty }) {
        throw Self.usage("\"\(printable(word))\" is no name of an object")
      }
      return
    }
    var definition: ResourceDefinition?
    var names: [String] = []
    for word in words {
      let parts = word.split(separator: "/", omittingEmptySubsequences: false)
      guard parts.count == 2, !parts[0].isEmpty, !parts[1].isEmpty else {
        throw Self.usage("\"\(printable(word))\" is not of the form KIND/NAME")
      }
      let found = try ResourceCatalog.definition(named: String(parts[0]))
      if let definition, definition.names != found.names { throw Self.usage("the objects must be of one kind") }
      definition = found
      names.append(String(parts[1]))
    }
    guard let definition else { throw Self.usage("name an object, such as dd/wrktalk") }
    self.definition = definition
    self.names = names
  }

  /// One DesiredDeployment: `wrktalk` or `dd/wrktalk`.
  static func deployment(_ word: String) throws(CommandFailure) -> String {
    guard word.contains("/") else { return word }
    let arguments = try ResourceArguments([word])
    guard arguments.resource == DesiredDeploymentKind.names, let name = arguments.names.first else {
      throw usage("\"\(printable(word))\" is no DesiredDeployment")
    }
    return name
  }

  private static func usage(_ message: String) -> CommandFailure {
    CommandFailure(message, exitCode: CommandFailure.usageExitCode)
  }
}
