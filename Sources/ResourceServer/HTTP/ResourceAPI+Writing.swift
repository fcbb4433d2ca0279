import Hummingbird
import Logging
import ResourceModel
import WireFormats

extension ResourceAPI {
  /// How often a write that names no version is repeated when another write came in between.
  static let conflictRetries = 8

  /// Bytes of a body that writes one object.
  private func bodyLimit(_ definition: ResourceDefinition) -> Int {
    min(configuration.maximumBodyBytes, definition.limits.requestBytes)
  }

  func create(_ definition: ResourceDefinition, namespace: String?, _ call: APICall) async throws -> Response {
    let options = try WriteOptions(call.query)
    let representation = try call.representation()
    try JSONBody.requireJSON(call.request.headers[.contentType])
    let body = try await JSONBody.parse(
      JSONBody.read(call.request, maximumBytes: bodyLimit(definition)))
    guard let namespace = namespace ?? body["metadata"]?["namespace"]?.string else {
      throw StatusError(
        .badRequest,
        "every \(definition.names.kind) lives in a namespace: post to \(definition.names.rootPath)/namespaces/"
          + "NAMESPACE/\(definition.names.plural), or name it in metadata.namespace")
    }
    let outcome = try lifecycle(definition).create(
      body,
      in: ObjectLifecycle.CreationContext(
        namespace: namespace, uid: makeUID(), now: now(),
        generatedName: { prefix in
          var generator = SystemRandomNumberGenerator()
          return ObjectMeta.generatedName(prefix: prefix, using: &generator)
        }),
      unknownFields: options.unknownFields)
    guard case .create(let object) = outcome.step else {
      throw StatusError(.internalError, "the object was not created")
    }
    let stored: StoredObject
    if options.isDryRun {
      let key = key(of: object)
      if try await store.get(definition, key) != nil { throw StatusError.alreadyExists(definition.names, key.name) }
      stored = preview(object, revision: 0)
    } else {
      stored = try await write(.create(object: object), definition, call)
    }
    return try response(
      definition, stored, representation, call, status: .created, warnings: outcome.warnings)
  }

  func put(
    _ definition: ResourceDefinition, _ key: ObjectKey, _ call: APICall, isStatus: Bool
  ) async throws -> Response {
    try JSONBody.requireJSON(call.request.headers[.contentType])
    let body = try await JSONBody.parse(
      JSONBody.read(call.request, maximumBytes: bodyLimit(definition)))
    return try await update(definition, key, call, isStatus: isStatus, isReplacement: true) { _ in body }
  }

  func patch(
    _ definition: ResourceDefinition, _ key: ObjectKey, _ call: APICall, isStatus: Bool
  ) async throws -> Response {
    let format = try PatchFormat(contentType: call.request.headers[.contentType])
    let body = try await JSONBody.parse(
      JSONBody.read(call.request, maximumBytes: bodyLimit(definition)))
    let patch = try ObjectPatch(body, format: format)
    return try await update(definition, key, call, isStatus: isStatus, isReplacement: false) { old in
      try patch.applied(to: old, definition.names)
    }
  }

  /// Reads the object, lets `change` say what it should be, and writes that. Where the client named no version, a
  /// write of somebody else in between makes it start over.
  private func update(
    _ definition: ResourceDefinition, _ key: ObjectKey, _ call: APICall, isStatus: Bool, isReplacement: Bool,
    _ change: (JSONValue) throws -> JSONValue
  ) async throws -> Response {
    let options = try WriteOptions(call.query)
    let representation = try call.representation()
    for attempt in 0... {
      guard let stored = try await store.get(definition, key) else {
        throw StatusError.notFound(definition.names, key.name)
      }
      let old = try stored.value()
      let wanted = try change(old)
      let lifecycle = lifecycle(definition)
      let outcome =
        isStatus
        ? try lifecycle.updateStatus(
          old, to: wanted, named: key, mustNameVersion: isReplacement, unknownFields: options.unknownFields)
        : try lifecycle.update(
          old, to: wanted, named: key, mustNameVersion: isReplacement, unknownFields: options.unknownFields)
      try checkScope(outcome, key, call)
      do {
        let result = try await carryOut(outcome.step, on: stored, definition, call, isDryRun: options.isDryRun)
        return try response(definition, result, representation, call, warnings: outcome.warnings)
      } catch let error as StatusError where error.reason == .conflict {
        if isReplacement || attempt >= Self.conflictRetries { throw error }
      }
    }
    throw StatusError(.conflict, "the object changes too often")
  }

  /// Whoever may change only a part of the object changes that part or nothing, whatever the request is written as.
  private func checkScope(_ outcome: ObjectLifecycle.Outcome, _ key: ObjectKey, _ call: APICall) throws {
    let refused = call.scope.refused(outcome.changedFields)
    guard !refused.isEmpty, let attributes = try call.attributes() else { return }
    throw AccessRules.forbidden(
      call.identity, attributes, namespace: key.namespace, name: key.name,
      detail: "of the object itself it may change metadata.finalizers only, and this request changes "
        + refused.joined(separator: ", "))
  }

  func delete(_ definition: ResourceDefinition, _ key: ObjectKey, _ call: APICall) async throws -> Response {
    let (options, preconditions) = try await deleteOptions(call)
    let result = try await delete(definition, key, preconditions, call, isDryRun: options.isDryRun)
    switch result {
    case .removed(let uid):
      return .json([
        "apiVersion": "v1", "kind": "Status", "metadata": [:], "status": "Success",
        "details": [
          "name": .string(key.name), "group": .string(definition.names.group), "kind": .string(definition.names.plural),
          "uid": .string(uid),
        ],
      ])
    case .marked(let stored): return try response(definition, stored, .json, call)
    }
  }

  private enum Deletion {
    case removed(uid: String)
    /// Finalizers hold it.
    case marked(StoredObject)
  }

  private func delete(
    _ definition: ResourceDefinition, _ key: ObjectKey, _ preconditions: DeletePreconditions, _ call: APICall,
    isDryRun: Bool
  ) async throws -> Deletion {
    for attempt in 0... {
      guard let stored = try await store.get(definition, key) else {
        throw StatusError.notFound(definition.names, key.name)
      }
      let outcome = try lifecycle(definition).delete(
        stored.valueOrMetadata, preconditions: preconditions, now: now())
      do {
        let result = try await carryOut(outcome.step, on: stored, definition, call, isDryRun: isDryRun)
        return outcome.step == .remove ? .removed(uid: stored.uid) : .marked(result)
      } catch let error as StatusError where error.reason == .conflict {
        if attempt >= Self.conflictRetries { throw error }
      }
    }
    throw StatusError(.conflict, "the object changes too often")
  }

  func deleteCollection(_ definition: ResourceDefinition, namespace: String?, _ call: APICall) async throws -> Response
  {
    let read = try ReadOptions(call.query, definition: definition)
    let (options, preconditions) = try await deleteOptions(call)
    var query = ListQuery(namespace: namespace, selector: read.selector, limit: Self.pageSize)
    repeat {
      let page = try await store.list(definition, query)
      for item in page.items {
        do {
          _ = try await delete(definition, item.key, preconditions, call, isDryRun: options.isDryRun)
        } catch let error as StatusError where error.reason == .notFound {
          continue  // somebody else deleted it
        }
      }
      query.continueToken = page.continueToken
    } while query.continueToken != nil
    return .json([
      "apiVersion": "v1", "kind": "Status", "metadata": [:], "status": "Success",
      "details": ["group": .string(definition.names.group), "kind": .string(definition.names.plural)],
    ])
  }

  /// Options stand in the query and in the body (`metav1.DeleteOptions`); how dependents are deleted
  /// (`propagationPolicy`) makes no difference here, since nothing depends on an object.
  private func deleteOptions(_ call: APICall) async throws -> (WriteOptions, DeletePreconditions) {
    var options = try WriteOptions(call.query)
    let bytes = try await JSONBody.read(call.request, maximumBytes: 64 << 10)
    guard !bytes.isEmpty else { return (options, DeletePreconditions()) }
    try JSONBody.requireJSON(call.request.headers[.contentType])
    let body = try JSONBody.parse(bytes)
    if let dryRun = body["dryRun"]?.array, !dryRun.isEmpty {
      guard dryRun == ["All"] else { throw StatusError(.badRequest, "dryRun must be [\"All\"]") }
      options.isDryRun = true
    }
    let preconditions = body["preconditions"]
    return (
      options,
      DeletePreconditions(
        uid: preconditions?["uid"]?.string, resourceVersion: preconditions?["resourceVersion"]?.string)
    )
  }

  // MARK: Steps

  private func carryOut(
    _ step: ObjectLifecycle.Outcome.Step, on stored: StoredObject, _ definition: ResourceDefinition, _ call: APICall,
    isDryRun: Bool
  ) async throws -> StoredObject {
    switch step {
    case .nothing: return stored
    case .create(let object):
      return isDryRun ? preview(object, revision: 0) : try await write(.create(object: object), definition, call)
    case .update(let object):
      if isDryRun { return preview(object, revision: stored.revision) }
      return try await write(.update(object: object, expected: stored.revision), definition, call)
    case .remove:
      if isDryRun { return stored }
      return try await write(.remove(key: stored.key, expected: stored.revision), definition, call)
    }
  }

  /// Writes, and logs who wrote what; never what was written. Agents renew Leases and report Events all the time: those
  /// are logged at debug only.
  private func write(
    _ write: ObjectWrite, _ definition: ResourceDefinition, _ call: APICall
  ) async throws -> StoredObject {
    let stored = try await store.write(definition, write)
    let verb = try call.attributes()?.verb ?? ""
    let isRoutine = call.identity.role == .agent && !definition.hasStatus
    call.logger.log(
      level: isRoutine ? .debug : .info, "Wrote object",
      metadata: [
        "user": "\(call.identity.name)", "role": "\(call.identity.role.rawValue)",
        "verb": "\(verb)", "kind": "\(definition.names.kind)",
        "namespace": "\(stored.key.namespace)", "name": "\(stored.key.name)", "path": "\(call.request.uri.path)",
        "revision": "\(stored.revision)",
      ])
    return stored
  }

  /// What a dry run shows: the object as it would be stored, under the version it has now.
  private func preview(_ object: JSONValue, revision: Int64) -> StoredObject {
    StoredObject(
      key: key(of: object), uid: object["metadata"]?["uid"]?.string ?? "", revision: revision, json: object.serialized()
    )
  }

  private func key(of object: JSONValue) -> ObjectKey {
    ObjectKey(
      namespace: object["metadata"]?["namespace"]?.string ?? "", name: object["metadata"]?["name"]?.string ?? "")
  }
}
