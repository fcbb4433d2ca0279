import Access
import HTTPService
import Hummingbird
import Logging
import ResourceModel
import ResourceStorage
import WireFormats

extension ResourceAPI {
  /// How often a write that names no version is repeated when another write came in between.
  static let conflictRetries = 8

  /// - Parameter namespace: empty for an object of the whole cluster.
  func create(_ definition: ResourceDefinition, namespace: String, _ call: APICall) async throws -> Response {
    let options = try WriteOptions(call.query, for: .create)
    let representation = try call.representation()
    let contentType = call.request.headers[.contentType]
    let isProtobuf =
      definition.names == namespaces?.names
      && contentType.map { HTTPMediaType($0).type } == NamespaceProtobuf.mediaType
    if !isProtobuf { try JSONBody.requireJSON(contentType, sentWith: call.caller.credentials) }
    let bytes = try await JSONBody.read(call.request, maximumBytes: definition.limits.requestBytes)
    let body = try isProtobuf ? NamespaceProtobuf.object(bytes) : JSONBody.parse(bytes)
    let (stored, warnings) = try await create(
      definition, body, namespace: namespace, options, .writer(writer(options, call)), call)
    return try response(definition, stored, representation, call, status: .created, warnings: warnings)
  }

  func create(
    _ definition: ResourceDefinition, _ body: JSONValue, namespace: String, _ options: WriteOptions,
    _ authorship: FieldAuthorship, _ call: APICall
  ) async throws -> (StoredObject, warnings: [String]) {
    let outcome = try lifecycle(definition).create(
      body,
      in: ObjectLifecycle.CreationContext(
        namespace: namespace, uid: makeUID(), now: now(),
        generatedName: { prefix in
          var generator = SystemRandomNumberGenerator()
          return ObjectMeta.generatedName(prefix: prefix, using: &generator)
        }),
      unknownFields: options.unknownFields, authorship: authorship)
    guard case .create(let object) = outcome.step else {
      throw StatusError(.internalError, "the object was not created")
    }
    try checkContent(object, replacing: nil, definition, call)
    let makesNamespace = policy.makesNamespace(call.identity, definition.names)
    if definition.isNamespaced, !makesNamespace { try await checkExists(namespace) }
    if options.isDryRun {
      let key = key(of: object)
      if try await store.get(definition, key) != nil { throw StatusError.alreadyExists(definition.names, key.name) }
      return (try dryRun(object, definition), outcome.warnings)
    }
    let stored = try await write(.create(object: object), definition, call)
    if definition.isNamespaced, makesNamespace { try await makeNamespace(namespace) }
    return (stored, outcome.warnings)
  }

  func put(
    _ definition: ResourceDefinition, _ key: ObjectKey, _ call: APICall, isStatus: Bool
  ) async throws -> Response {
    try JSONBody.requireJSON(call.request.headers[.contentType], sentWith: call.caller.credentials)
    let body = try await JSONBody.parse(
      JSONBody.read(call.request, maximumBytes: definition.limits.requestBytes))
    let options = try WriteOptions(call.query, for: .update)
    do {
      return try await update(
        definition, key, options, .writer(writer(options, call)), call, isStatus: isStatus, isReplacement: true
      ) { _ in body }
    } catch let error as StatusError where error.reason == .notFound && definition.isCreatedByUpdate {
      guard (body["metadata"]?["resourceVersion"]?.string ?? "").isEmpty else { throw error }
      return try await create(definition, key, body, options, .writer(writer(options, call)), call)
    }
  }

  /// Makes the object that a PUT or an apply found missing, where its sender may create it.
  func create(
    _ definition: ResourceDefinition, _ key: ObjectKey, _ body: JSONValue, _ options: WriteOptions,
    _ authorship: FieldAuthorship, _ call: APICall
  ) async throws -> Response {
    let attributes = AccessAttributes(
      verb: "create", group: definition.names.group, resource: definition.names.plural, namespace: key.namespace,
      name: key.name)
    guard policy.allows(call.identity, attributes) else {
      throw AccessPolicy.forbidden(call.identity, attributes, namespace: key.namespace, name: key.name)
    }
    guard body["metadata"]?["name"]?.string == key.name else {
      throw StatusError(
        .badRequest,
        "the name of the object (\(body["metadata"]?["name"]?.string ?? "")) does not match the name on the "
          + "URL (\(key.name))")
    }
    let (stored, warnings) = try await create(
      definition, body, namespace: key.namespace, options, authorship, call)
    return try response(
      definition, stored, try call.representation(), call, status: .created, warnings: warnings)
  }

  func patch(
    _ definition: ResourceDefinition, _ key: ObjectKey, _ call: APICall, isStatus: Bool
  ) async throws -> Response {
    let format = try PatchFormat(contentType: call.request.headers[.contentType], for: definition.names)
    if format == .apply { return try await apply(definition, key, call, isStatus: isStatus) }
    let options = try WriteOptions(call.query, for: .patch)
    let body = try await JSONBody.parse(
      JSONBody.read(call.request, maximumBytes: definition.limits.requestBytes))
    let patch = try ObjectPatch(body, format: format, for: definition)
    return try await update(
      definition, key, options, .writer(writer(options, call)), call, isStatus: isStatus, isReplacement: false
    ) { old in
      try patch.applied(to: old, definition.names)
    }
  }

  /// Who writes, for the object's managed fields.
  func writer(_ options: WriteOptions, _ call: APICall) -> FieldWriter {
    FieldWriter(
      manager: options.fieldManager ?? FieldManager.name(userAgent: call.request.headers[.userAgent]), now: now(),
      mayReassign: call.scope == .everything)
  }

  /// Reads the object, lets `change` say what it should be, and writes that. Where the client named no version, a
  /// write of somebody else in between makes it start over.
  func update(
    _ definition: ResourceDefinition, _ key: ObjectKey, _ options: WriteOptions, _ authorship: FieldAuthorship,
    _ call: APICall, isStatus: Bool, isReplacement: Bool, _ change: (JSONValue) throws -> JSONValue
  ) async throws -> Response {
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
          old, to: wanted, named: key, mustNameVersion: isReplacement, unknownFields: options.unknownFields,
          authorship: authorship)
        : try lifecycle.update(
          old, to: wanted, named: key, mustNameVersion: isReplacement, unknownFields: options.unknownFields,
          authorship: authorship)
      try checkScope(outcome, key, call)
      switch outcome.step {
      case .update(let object), .remove(let object): try checkContent(object, replacing: old, definition, call)
      // The answer shows the object, which the caller perhaps may not read.
      default: try checkContent(old, replacing: old, definition, call)
      }
      do {
        let result = try await carryOut(outcome, on: stored, definition, call, isDryRun: options.isDryRun)
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
    throw AccessPolicy.forbidden(
      call.identity, attributes, namespace: key.namespace, name: key.name,
      detail: "of the object itself it may change metadata.finalizers only, and this request changes "
        + refused.joined(separator: ", "))
  }

  /// An Agent's token may write only what is its own.
  private func checkContent(
    _ object: JSONValue, replacing old: JSONValue?, _ definition: ResourceDefinition, _ call: APICall
  ) throws {
    guard let refusal = policy.refusal(call.identity, of: object, replacing: old, definition.names),
      let attributes = try call.attributes()
    else { return }
    let key = key(of: object)
    throw AccessPolicy.forbidden(
      call.identity, attributes, namespace: key.namespace, name: key.name, detail: refusal)
  }

  // MARK: Steps

  func carryOut(
    _ outcome: ObjectLifecycle.Outcome, on stored: StoredObject, _ definition: ResourceDefinition, _ call: APICall,
    isDryRun: Bool
  ) async throws -> StoredObject {
    let changed = outcome.changedFields
    switch outcome.step {
    case .nothing: return stored
    case .create(let object):
      return isDryRun ? try dryRun(object, definition) : try await write(.create(object: object), definition, call)
    case .update(let object):
      if isDryRun { return try dryRun(object, replacing: stored, definition) }
      return try await write(.update(object: object, expected: stored.revision), changing: changed, definition, call)
    case .remove(let object):
      let last = preview(object, revision: stored.revision)
      if isDryRun { return last }
      _ = try await write(
        .remove(key: stored.key, expected: stored.revision), changing: changed, definition, call)
      if definition.names == namespaces?.names { try await namespaceWasRemoved(stored.key.name, call) }
      return last
    }
  }

  /// Writes, and logs who wrote what; never what was written. Agents renew Leases and report Events all the time: those
  /// are logged at debug only.
  private func write(
    _ write: ObjectWrite, changing changedFields: [String] = [], _ definition: ResourceDefinition, _ call: APICall
  ) async throws -> StoredObject {
    let attributes = try call.attributes()
    let verb = attributes?.verb ?? ""
    let origin = WriteOrigin(
      actor: call.identity.name, roles: call.identity.roleText, address: call.peer ?? "", verb: verb,
      subresource: attributes?.subresource ?? "", changedFields: changedFields)
    let isAudited = !call.isMachine || configuration.auditsMachines
    let stored = try await store.write(definition, write, by: isAudited ? origin : nil)
    let isRoutine = call.isMachine && !definition.hasStatus
    call.logger.log(
      level: isRoutine ? .debug : .info, "Wrote object",
      metadata: [
        "user": "\(call.identity.name)", "role": "\(call.identity.roleText)",
        "verb": "\(verb)", "kind": "\(definition.names.kind)",
        "namespace": "\(stored.key.namespace)", "name": "\(stored.key.name)", "path": "\(call.request.uri.path)",
        "revision": "\(stored.revision)",
      ])
    return stored
  }

  /// What a dry run shows.
  /// - Throws: `requestEntityTooLarge` where the store would not keep the object.
  private func dryRun(
    _ object: JSONValue, replacing stored: StoredObject? = nil, _ definition: ResourceDefinition
  ) throws(StatusError) -> StoredObject {
    let preview = preview(object, revision: stored?.revision ?? 0)
    let refusal = definition.limits.refusal(
      of: object, bytes: ResourceLimits.size(preview.json), previousBytes: stored?.json.count)
    if let refusal { throw refusal }
    return preview
  }

  /// The object as it would be stored, under the version it has now.
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
