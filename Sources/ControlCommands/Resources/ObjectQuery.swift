import ResourceClient
import ResourceModel
import WireFormats

/// Which objects a command is about, and how they are fetched.
struct ObjectQuery: Sendable {
  let session: Session
  let definition: ResourceDefinition
  /// Nil for all namespaces, and for objects of the whole cluster.
  let namespace: String?
  /// Empty for all that `selector` chooses.
  let names: [String]
  let selector: ObjectSelector

  var resource: ResourceNames { definition.names }

  /// The answers of the server: one object each for names, else the pages of a list.
  func pages(_ representation: Representation) async throws(CommandFailure) -> [JSONValue] {
    let (client, resource) = (session.client, definition.names)
    var pages: [JSONValue] = []
    for name in names {
      let key = session.key(name, of: definition)
      pages.append(
        try await session.request { () async throws(ResourceClientError) in
          try await client.get(resource, key, representation: representation)
        })
    }
    if !names.isEmpty { return pages }
    var token: String?
    repeat {
      let page = try await session.request { [token] () async throws(ResourceClientError) in
        try await client.page(
          resource, namespace: namespace, selector: selector, limit: 500, continueToken: token,
          representation: representation)
      }
      pages.append(page)
      let next = page["metadata"]?["continue"]?.string
      token = next?.isEmpty == true || next == token ? nil : next
    } while token != nil
    return pages
  }

  /// All objects, each with its `apiVersion` and `kind`.
  func objects() async throws(CommandFailure) -> [JSONValue] {
    let pages = try await pages(.object)
    if !names.isEmpty { return pages }
    return pages.flatMap { $0["items"]?.array ?? [] }.map { item in
      var item = item
      if item["apiVersion"] == nil { item["apiVersion"] = .string(resource.apiVersion) }
      if item["kind"] == nil { item["kind"] = .string(resource.kind) }
      return item
    }
  }
}
