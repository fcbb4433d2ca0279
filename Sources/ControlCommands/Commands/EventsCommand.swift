import ArgumentParser
import CoreKinds
import DeploymentKinds
import ResourceClient
import ResourceModel
import Timing
import WireFormats

struct EventsCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "events", abstract: "Print what happened, oldest first.")

  @Argument(help: "Only about this object, such as dd/wrktalk.")
  var object: String?

  @OptionGroup var connection: ConnectionOptions

  @Flag(name: [.customShort("A"), .long], help: "In all namespaces.")
  var allNamespaces = false

  @Flag(help: "Only warnings.")
  var warnings = false

  @Flag(name: .shortAndLong, help: "Go on printing what happens.")
  var watch = false

  func run() async throws {
    var reference: ObjectReference?
    if let object {
      let name = object.contains("/") ? object : "dd/\(object)"
      let arguments = try ResourceArguments([name])
      reference = ObjectReference(
        apiVersion: arguments.resource.apiVersion, kind: arguments.resource.kind, namespace: "",
        name: arguments.names.first ?? "", uid: nil)
    }
    let session = try connection.session()
    let namespace = allNamespaces ? nil : session.namespace
    var selector = EventReader.selector(about: reference)
    if warnings { selector.fields.append(.equals(path: "type", value: Event.Level.warning.rawValue)) }
    if watch {
      let query = ObjectQuery(
        session: session, definition: Event.definition, namespace: namespace, names: [], selector: selector)
      let printer = ObjectPrinter(
        console: session.console, names: Event.names, format: .table, showsNamespace: allNamespaces, hasHeader: true)
      try await ListFollower(query: query, printer: printer).follow(mustExist: nil)
      return
    }
    let events = try await EventReader.events(selector, in: namespace, session: session)
    if events.isEmpty {
      session.console.note("No events found" + (namespace.map { " in namespace \(printable($0))" } ?? "") + ".")
      return
    }
    try session.console.write(EventList(events, now: SystemTime.now()).render(showsNamespace: allNamespaces))
  }
}
