import CoreKinds
import DeploymentKinds
import ResourceClient
import ResourceModel
import WireFormats

/// Fetches Events.
enum EventReader {
  /// - Parameter namespace: nil for all namespaces.
  static func events(
    _ selector: ObjectSelector, in namespace: String?, session: Session
  ) async throws(CommandFailure) -> [Event] {
    let client = session.client
    let list = try await session.request { () async throws(ResourceClientError) in
      try await client.list(Event.names, namespace: namespace, selector: selector)
    }
    // What is no Event of the known form is left out: the others are still worth reading.
    return list.items.compactMap { try? $0.decoded(as: Event.self) }
  }

  /// - Parameter object: nil for Events about any object.
  static func selector(about object: ObjectReference?) -> ObjectSelector {
    guard let object else { return .everything }
    var fields: [ObjectSelector.FieldRequirement] = [
      .equals(path: "involvedObject.kind", value: object.kind),
      .equals(path: "involvedObject.name", value: object.name),
    ]
    if let uid = object.uid { fields.append(.equals(path: "involvedObject.uid", value: uid)) }
    return ObjectSelector(fields: fields)
  }
}
