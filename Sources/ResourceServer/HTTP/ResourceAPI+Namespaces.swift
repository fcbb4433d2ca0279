import HTTPService
import ResourceModel
import ResourceStorage
import WireFormats

/// Namespaces are objects like others, with two rules: whoever writes the first object into one makes it, and one that
/// holds objects of this API's own kinds is not deleted. Kubernetes' own kinds (Events, Leases) go with their namespace.
extension ResourceAPI {
  /// The kind of namespaces; nil where it is not served.
  var namespaces: ResourceDefinition? {
    registry.definition(APIPath.GroupVersionPlural(group: "", version: "v1", plural: "namespaces"))
  }

  /// Makes the namespaces that objects are in and that are not there, such as those of a database of an earlier version.
  public func makeNamespaces(_ names: [String]) async throws {
    for name in names { try await makeNamespace(name) }
  }

  /// Makes the namespace of an object that was created, where it is not there. After the object, so that a namespace that
  /// is deleted at the same time is either found occupied or made again.
  func makeNamespace(_ name: String) async throws {
    guard let definition = namespaces, try await store.get(definition, ObjectKey(namespace: "", name: name)) == nil
    else { return }
    let outcome = try lifecycle(definition).create(
      ["metadata": ["name": .string(name)]],
      in: ObjectLifecycle.CreationContext(namespace: "", uid: makeUID(), now: now(), generatedName: { $0 }),
      unknownFields: .ignore)
    guard case .create(let object) = outcome.step else { return }
    do {
      _ = try await store.write(definition, .create(object: object))
    } catch let error as StatusError where error.reason == .alreadyExists {
      // Somebody else made it.
    }
  }

  /// - Throws: `notFound` where the namespace is not there.
  func checkExists(_ namespace: String) async throws {
    guard let definition = namespaces else { return }
    guard try await store.get(definition, ObjectKey(namespace: "", name: namespace)) == nil else { return }
    throw StatusError.notFound(definition.names, namespace)
  }

  /// - Throws: `conflict` where there are objects in the namespace that would be lost with it.
  func checkIsFree(_ namespace: String) async throws {
    guard let held = try await content(of: namespace, where: { !$0.isKubernetesOwn }) else { return }
    throw StatusError(
      .conflict,
      "the namespace \"\(namespace)\" is not deleted, since \(held.count) \(held.names.qualifiedPlural) "
        + "\(held.count == 1 ? "is" : "are") in it (\"\(held.example)\"): delete what is in it first",
      kind: "namespaces", name: namespace)
  }

  /// Clears what a removed namespace leaves; one in which there is something again is made again.
  func namespaceWasRemoved(_ name: String, _ call: APICall) async throws {
    if try await content(of: name, where: { !$0.isKubernetesOwn }) == nil {
      for definition in registry.definitions where definition.isNamespaced && definition.names.isKubernetesOwn {
        try await deleteAll(
          definition, ListQuery(namespace: name), try DeleteOptions(QueryItems(nil), body: nil), call)
      }
    }
    if try await content(of: name, where: { _ in true }) != nil { try await makeNamespace(name) }
  }

  private func content(
    of namespace: String, where isMeant: (ResourceNames) -> Bool
  ) async throws -> (names: ResourceNames, count: Int, example: String)? {
    for definition in registry.definitions where definition.isNamespaced && isMeant(definition.names) {
      let page = try await store.list(definition, ListQuery(namespace: namespace, limit: 1))
      if let first = page.items.first {
        return (definition.names, page.items.count + (page.remainingItemCount ?? 0), first.key.name)
      }
    }
    return nil
  }
}
