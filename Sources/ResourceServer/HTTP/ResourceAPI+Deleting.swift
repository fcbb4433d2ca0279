import Access
import HTTPService
import Hummingbird
import ResourceModel
import ResourceStorage
import WireFormats

extension ResourceAPI {
  /// How many deletions of a collection are under way at once: the store carries them out together.
  private static let concurrentDeletions = 64

  private enum Deletion {
    case removed(uid: String)
    /// Finalizers hold it.
    case marked(StoredObject)
  }

  func delete(_ definition: ResourceDefinition, _ key: ObjectKey, _ call: APICall) async throws -> Response {
    let options = try await deleteOptions(call)
    if definition.names == namespaces?.names { try await checkIsFree(key.name) }
    switch try await delete(definition, key, options, call) {
    case .removed(let uid):
      return .json(Self.success(definition.names, ["name": .string(key.name), "uid": .string(uid)]))
    case .marked(let stored): return try response(definition, stored, .json, call)
    }
  }

  /// Deletes page by page; only what one page holds where the request names a limit, as Kubernetes does.
  func deleteCollection(_ definition: ResourceDefinition, namespace: String?, _ call: APICall) async throws -> Response
  {
    let read = try ReadOptions(call.query, definition: definition)
    let options = try await deleteOptions(call)
    try await deleteAll(
      definition, ListQuery(namespace: namespace, selector: read.selector, continueToken: read.continueToken), options,
      call, limit: read.limit)
    return .json(Self.success(definition.names, [:]))
  }

  /// - Parameter limit: most objects to delete; nil for all.
  func deleteAll(
    _ definition: ResourceDefinition, _ query: ListQuery, _ options: DeleteOptions, _ call: APICall,
    limit: Int? = nil
  ) async throws {
    var query = query
    var remaining = limit ?? .max
    repeat {
      query.limit = min(remaining, Self.pageSize)
      let page = try await store.list(definition, query)
      try await deleteEach(definition, page.items.map(\.key), options, call)
      remaining -= page.items.count
      query.continueToken = page.continueToken
    } while query.continueToken != nil && remaining > 0
  }

  private func deleteEach(
    _ definition: ResourceDefinition, _ keys: [ObjectKey], _ options: DeleteOptions, _ call: APICall
  ) async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
      for (index, key) in keys.enumerated() {
        if index >= Self.concurrentDeletions { try await group.next() }
        group.addTask {
          do {
            _ = try await delete(definition, key, options, call)
          } catch let error as StatusError where error.reason == .notFound {
            // Somebody else deleted it.
          }
        }
      }
      try await group.waitForAll()
    }
  }

  private func delete(
    _ definition: ResourceDefinition, _ key: ObjectKey, _ options: DeleteOptions, _ call: APICall
  ) async throws -> Deletion {
    for attempt in 0... {
      guard let stored = try await store.get(definition, key) else {
        throw StatusError.notFound(definition.names, key.name)
      }
      let outcome = try lifecycle(definition).delete(
        stored.valueOrMetadata, preconditions: options.preconditions, now: now())
      do {
        let result = try await carryOut(outcome, on: stored, definition, call, isDryRun: options.isDryRun)
        if case .remove = outcome.step { return .removed(uid: stored.uid) }
        return .marked(result)
      } catch let error as StatusError where error.reason == .conflict {
        if attempt >= Self.conflictRetries { throw error }
      }
    }
    throw StatusError(.conflict, "the object changes too often")
  }

  private func deleteOptions(_ call: APICall) async throws -> DeleteOptions {
    let bytes = try await JSONBody.read(call.request, maximumBytes: 64 << 10)
    guard !bytes.isEmpty else { return try DeleteOptions(call.query, body: nil) }
    try JSONBody.requireJSON(call.request.headers[.contentType], sentWith: call.caller.credentials)
    return try DeleteOptions(call.query, body: try JSONBody.parse(bytes))
  }

  private static func success(_ names: ResourceNames, _ details: [String: JSONValue]) -> JSONValue {
    var details = details
    details["group"] = .string(names.group)
    details["kind"] = .string(names.plural)
    return [
      "apiVersion": "v1", "kind": "Status", "metadata": [:], "status": "Success", "details": .object(details),
    ]
  }
}
