import HTTPTransport
import ResourceClient
import ResourceModel
import WireFormats

/// What a command works with: the server's API, the namespace, and where to print.
struct Session: Sendable {
  let client: ResourceClient
  let settings: ConnectionSettings
  /// True where the user named the namespace on the command line.
  let isNamespaceExplicit: Bool
  let console: Console

  var server: String { settings.server }
  var namespace: String { settings.namespace }

  /// The object of that name, in the namespace of the command where its kind lies in one.
  func key(_ name: String, of definition: ResourceDefinition) -> ObjectKey {
    ObjectKey(namespace: definition.isNamespaced ? namespace : "", name: name)
  }

  /// The namespace of a list; nil for a kind of the whole cluster.
  func namespace(of definition: ResourceDefinition) -> String? { definition.isNamespaced ? namespace : nil }

  /// Runs requests; what fails becomes a message for the user.
  func request<Answer>(
    _ body: () async throws(ResourceClientError) -> Answer
  ) async throws(CommandFailure) -> Answer {
    do throws(ResourceClientError) {
      return try await body()
    } catch {
      throw ClientFailureText.failure(error, server: server)
    }
  }

  /// Nil where there is no such object.
  func find(_ names: ResourceNames, _ key: ObjectKey) async throws(CommandFailure) -> JSONValue? {
    let client = client
    return try await request { () async throws(ResourceClientError) in
      do throws(ResourceClientError) {
        return try await client.get(names, key)
      } catch {
        guard error.reason == .notFound else { throw error }
        return nil
      }
    }
  }
}
