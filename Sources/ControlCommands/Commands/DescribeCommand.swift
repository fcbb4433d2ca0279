import ArgumentParser
import DeploymentKinds
import FleetKinds
import ResourceClient
import ResourceModel
import Timing
import WireFormats

struct DescribeCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "describe", abstract: "Tell in plain words what an object is, what became of it, and why.")

  @Argument(help: "A kind and names, or KIND/NAME.")
  var objects: [String]

  @OptionGroup var connection: ConnectionOptions

  func run() async throws {
    let arguments = try ResourceArguments(objects)
    let session = try connection.session()
    let query = ObjectQuery(
      session: session, definition: arguments.definition, namespace: session.namespace(of: arguments.definition),
      names: arguments.names,
      selector: .everything)
    let found = try await query.objects()
    if found.isEmpty {
      session.console.note(
        "No \(arguments.resource.plural) found"
          + (arguments.definition.isNamespaced ? " in namespace \(session.namespace)." : "."))
    }
    for (index, object) in found.enumerated() {
      if index > 0 { try session.console.write("\n") }
      try session.console.write(try await describe(object, arguments.resource, session))
    }
  }

  private func describe(_ object: JSONValue, _ names: ResourceNames, _ session: Session) async throws -> String {
    if names.group == FleetKind.group, FleetKind.definitions.contains(where: { $0.names == names }) {
      let events = try await EventReader.events(Self.selector(about: object), in: nil, session: session)
      return ObjectDescription(object: object, events: events, now: SystemTime.now(), console: session.console).render()
    }
    guard names == DesiredDeploymentKind.names else { return YAMLText.render(object) }
    let deployment = try DeploymentReader.decode(object)
    let events = try await EventReader.events(
      EventReader.selector(about: ObjectReference(deployment)), in: deployment.key.namespace, session: session)
    return DeploymentDescription(object: deployment, events: events, now: SystemTime.now()).render()
  }

  private static func selector(about object: JSONValue) -> ObjectSelector {
    var fields: [ObjectSelector.FieldRequirement] = [
      .equals(path: "involvedObject.kind", value: object["kind"]?.string ?? ""),
      .equals(path: "involvedObject.name", value: object["metadata"]?["name"]?.string ?? ""),
    ]
    if let uid = object["metadata"]?["uid"]?.string { fields.append(.equals(path: "involvedObject.uid", value: uid)) }
    return ObjectSelector(fields: fields)
  }
}
