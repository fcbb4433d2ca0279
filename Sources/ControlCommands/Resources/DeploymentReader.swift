import DeploymentKinds
import ResourceClient
import ResourceModel
import WireFormats

/// Fetches deployments as values of their Swift type.
enum DeploymentReader {
  static func read(_ name: String, _ session: Session) async throws(CommandFailure) -> DesiredDeployment {
    let client = session.client
    let key = ObjectKey(namespace: session.namespace, name: name)
    return try await session.request { () async throws(ResourceClientError) in
      try await client.get(DesiredDeploymentKind.self, key)
    }
  }

  static func decode(_ object: JSONValue) throws(CommandFailure) -> DesiredDeployment {
    do {
      return try object.decoded()
    } catch {
      throw CommandFailure(
        "the server answered a DesiredDeployment that this version of wrktalkctl cannot read",
        hint: "Look at it with get -o yaml, or use the version of wrktalkctl that came with the server.")
    }
  }
}
