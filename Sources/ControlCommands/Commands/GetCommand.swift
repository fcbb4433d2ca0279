import ArgumentParser
import ResourceClient
import ResourceModel
import WireFormats

struct GetCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "get", abstract: "Print objects.",
    discussion: "Examples: get dd · get dd wrktalk -o yaml · get dd/wrktalk --watch · get dd -A -l tier=gold")

  @Argument(help: "A kind and names, or KIND/NAME.")
  var objects: [String]

  @OptionGroup var connection: ConnectionOptions

  @Option(name: .shortAndLong, help: "The form: \(OutputFormat.allCases.map(\.rawValue).joined(separator: ", ")).")
  var output = OutputFormat.table

  @Flag(name: .shortAndLong, help: "Go on printing what changes.")
  var watch = false

  @Flag(name: [.customShort("A"), .long], help: "In all namespaces.")
  var allNamespaces = false

  @Option(name: [.customShort("l"), .long], help: "Only objects with these labels, such as tier=gold,!beta.")
  var selector = ""

  @Option(help: "Only objects with these fields, such as metadata.name=wrktalk.")
  var fieldSelector = ""

  @Flag(help: "With -o yaml and -o json: also who set which field.")
  var showManagedFields = false

  @Flag(help: "Leave out the header.")
  var noHeaders = false

  func run() async throws {
    let arguments = try ResourceArguments(objects)
    let session = try connection.session()
    var chosen: ObjectSelector
    do throws(SelectorError) {
      chosen = try ObjectSelector(
        parsingLabels: selector, fields: fieldSelector, selectableFields: arguments.definition.selectableFields)
    } catch {
      throw CommandFailure(error.message, exitCode: CommandFailure.usageExitCode)
    }
    if !arguments.names.isEmpty {
      if allNamespaces || !chosen.isEverything {
        throw CommandFailure(
          "objects are chosen by name or by selector and --all-namespaces, not by both",
          exitCode: CommandFailure.usageExitCode)
      }
      if watch {
        guard let name = arguments.names.first, arguments.names.count == 1 else {
          throw CommandFailure("--watch follows one object or all of a kind", exitCode: CommandFailure.usageExitCode)
        }
        chosen.fields = [.equals(path: "metadata.name", value: name)]
      }
    }
    let query = ObjectQuery(
      session: session, definition: arguments.definition,
      namespace: allNamespaces ? nil : session.namespace(of: arguments.definition),
      names: watch ? [] : arguments.names, selector: chosen)
    let printer = ObjectPrinter(
      console: session.console, names: arguments.resource, format: output,
      showsNamespace: allNamespaces && arguments.definition.isNamespaced,
      hasHeader: !noHeaders, showsManagedFields: showManagedFields)
    if watch {
      try await ListFollower(query: query, printer: printer).follow(mustExist: arguments.names.first)
    } else {
      try await printer.print(query)
    }
  }
}
