import Access
import ResourceModel
import WireFormats

/// What becomes of an object when somebody creates, updates or deletes it: decisions only, over JSON values. What is
/// not in the values (`now`, uids, random suffixes) is passed in.
struct ObjectLifecycle {
  let definition: ResourceDefinition

  /// What a write comes to, and what its author should be warned of.
  struct Outcome: Hashable {
    enum Step: Hashable {
      case create(JSONValue)
      case update(JSONValue)
      /// The object goes, as it was last written: without its last finalizer, where that was what held it.
      case remove(JSONValue)
      /// The object already is as asked: no new revision.
      case nothing
    }

    var step: Step
    /// What an update changes, as far as clients may: `spec.version`, `metadata.labels.tier`.
    var changedFields: [String] = []
    var warnings: [String] = []
  }

  struct CreationContext {
    /// Empty for an object of the whole cluster.
    var namespace: String
    var uid: String
    var now: Timestamp
    /// The name for an object that gives only a prefix for it (`generateName`).
    var generatedName: (_ prefix: String) -> String
  }

  // MARK: Creation

  /// The object to store for a client's `object`, complete but for `metadata.resourceVersion`.
  func create(
    _ object: JSONValue, in context: CreationContext, unknownFields: UnknownFieldPolicy,
    authorship: FieldAuthorship = .kept
  ) throws(StatusError) -> Outcome {
    var (candidate, warnings) = try accepted(object, unknownFields: unknownFields)
    let given = candidate["metadata"] ?? [:]
    if let version = given["resourceVersion"]?.string, !version.isEmpty {
      throw StatusError(.badRequest, "resourceVersion should not be set on objects to be created")
    }
    try checkNamespace(given["namespace"]?.string, is: context.namespace)
    var metadata = ObjectMetadata.clientPart(of: given)
    if (metadata["name"]?.string ?? "").isEmpty, let prefix = metadata["generateName"]?.string, !prefix.isEmpty {
      metadata["name"] = .string(context.generatedName(prefix))
    }
    metadata["namespace"] = definition.isNamespaced ? .string(context.namespace) : nil
    metadata["uid"] = .string(context.uid)
    metadata["creationTimestamp"] = .string(context.now.wholeSeconds.description)
    if definition.hasStatus { metadata["generation"] = 1 }
    candidate["metadata"] = .object(metadata)
    if definition.hasStatus { candidate["status"] = nil }
    candidate = attributed(candidate, old: nil, requested: given["managedFields"], authorship)
    try check(candidate, old: nil)
    return Outcome(step: .create(candidate), warnings: warnings)
  }

  // MARK: Update

  /// The object to store in place of `old` for a client's `object`: status stays as it is where the kind has a path of
  /// its own for it.
  ///
  /// - Parameter mustNameVersion: refuse an object without `metadata.resourceVersion`, so that a client that replaces the
  ///   whole object cannot undo a change it has not seen.
  func update(
    _ old: JSONValue, to object: JSONValue, named key: ObjectKey, mustNameVersion: Bool,
    unknownFields: UnknownFieldPolicy, authorship: FieldAuthorship = .kept
  ) throws(StatusError) -> Outcome {
    var (candidate, warnings) = try accepted(object, unknownFields: unknownFields)
    let given = candidate["metadata"] ?? [:]
    try checkIdentity(given, of: old, key, mustNameVersion: mustNameVersion)
    var metadata = ObjectMetadata.clientPart(of: given)
    carryServerMembers(from: old, into: &metadata, key)
    candidate["metadata"] = .object(metadata)
    if definition.hasStatus { candidate["status"] = old["status"] }
    // A default that an object of an earlier time does not have yet is no change of the client's.
    if definition.hasStatus, desiredPart(candidate) != desiredPart(definition.applyDefaults(to: definition.pruned(old)))
    {
      candidate["metadata"]?["generation"] = .integer((old["metadata"]?["generation"]?.integer ?? 0) + 1)
    }
    candidate = attributed(candidate, old: old, requested: given["managedFields"], authorship)
    try check(candidate, old: old, errors: finalizerErrors(candidate, old))
    return Outcome(
      step: step(from: old, to: candidate), changedFields: changedFields(from: old, to: candidate), warnings: warnings)
  }

  /// The object to store for a write to `/status`: nothing but `status` changes.
  func updateStatus(
    _ old: JSONValue, to object: JSONValue, named key: ObjectKey, mustNameVersion: Bool,
    unknownFields: UnknownFieldPolicy, authorship: FieldAuthorship = .kept
  ) throws(StatusError) -> Outcome {
    let (given, warnings) = try accepted(object, unknownFields: unknownFields)
    try checkIdentity(given["metadata"] ?? [:], of: old, key, mustNameVersion: mustNameVersion)
    var candidate = old
    candidate["status"] = given["status"]
    candidate = attributed(
      candidate, old: old, requested: given["metadata"]?["managedFields"], authorship, isStatus: true)
    try check(candidate, old: old)
    return Outcome(step: step(from: old, to: candidate), warnings: warnings)
  }

  // MARK: Deletion

  /// With finalizers the object is only marked; it goes when the last of them is removed.
  func delete(_ old: JSONValue, preconditions: DeletePreconditions, now: Timestamp) throws(StatusError) -> Outcome {
    let metadata = old["metadata"] ?? [:]
    if let uid = preconditions.uid, uid != metadata["uid"]?.string {
      throw conflict(
        old, "Precondition failed: UID in precondition: \(uid), UID in object meta: \(metadata["uid"]?.string ?? "")")
    }
    if let version = preconditions.resourceVersion, version != metadata["resourceVersion"]?.string {
      throw conflict(
        old,
        "Precondition failed: ResourceVersion in precondition: \(version), "
          + "ResourceVersion in object meta: \(metadata["resourceVersion"]?.string ?? "")")
    }
    guard let finalizers = metadata["finalizers"]?.array, !finalizers.isEmpty else {
      return Outcome(step: .remove(old))
    }
    guard metadata["deletionTimestamp"] == nil else { return Outcome(step: .nothing) }
    var candidate = old
    candidate["metadata"]?["deletionTimestamp"] = .string(now.wholeSeconds.description)
    candidate["metadata"]?["deletionGracePeriodSeconds"] = 0
    if definition.hasStatus {
      candidate["metadata"]?["generation"] = .integer((metadata["generation"]?.integer ?? 0) + 1)
    }
    return Outcome(step: .update(candidate))
  }

  // MARK: Parts

  /// The object with known fields only and defaults filled in, its type and the types of its metadata checked.
  func accepted(
    _ object: JSONValue, unknownFields policy: UnknownFieldPolicy
  ) throws(StatusError) -> (JSONValue, [String]) {
    guard let members = object.object else {
      throw StatusError(.badRequest, "the body must be an object, not \(object.typeName)")
    }
    try checkExtent(object)
    let names = definition.names
    if !names.isKubernetesOwn {
      for member in ["apiVersion", "kind"] where (members[member]?.string ?? "").isEmpty {
        throw StatusError(
          .badRequest, "the object does not say its \(member): this is \(names.kind) of \(names.apiVersion)")
      }
    }
    if let apiVersion = members["apiVersion"], apiVersion.string != names.apiVersion {
      throw StatusError(
        .badRequest,
        "the API version in the data (\(apiVersion.string ?? apiVersion.typeName)) does not match the expected API version "
          + "(\(names.apiVersion))")
    }
    if let kind = members["kind"], kind.string != names.kind {
      throw StatusError(
        .badRequest,
        "the kind in the data (\(kind.string ?? kind.typeName)) does not match the expected kind (\(names.kind))")
    }
    let metadata = ObjectMeta.schema.applyDefaults(to: object["metadata"] ?? [:])
    let typeErrors = ObjectMeta.schema.validate(metadata, at: "metadata").filter { $0.reason == .typeInvalid }
    if !typeErrors.isEmpty { throw .invalid(names, metadata["name"]?.string ?? "", typeErrors) }
    let warnings = try policy.warnings(for: definition.unknownFields(in: object))
    var result = definition.applyDefaults(to: definition.pruned(object))
    result["apiVersion"] = .string(names.apiVersion)
    result["kind"] = .string(names.kind)
    return (result, warnings)
  }

  /// Comes before everything recursive, whatever made the object: a body, a patch, a merge.
  private func checkExtent(_ object: JSONValue) throws(StatusError) {
    do {
      try object.nodeCount(within: .object)
    } catch {
      throw .invalid(definition.names, object["metadata"]?["name"]?.string ?? "", [FieldError(error)])
    }
  }

  /// Everything but `metadata` and `status`: what `generation` counts the changes of.
  private func desiredPart(_ object: JSONValue) -> JSONValue {
    var result = object
    result["metadata"] = nil
    if definition.hasStatus { result["status"] = nil }
    return result
  }

  /// A default that an object of an earlier time does not have yet is no change of the client's.
  private func changedFields(from old: JSONValue, to candidate: JSONValue) -> [String] {
    let old = definition.applyDefaults(to: definition.pruned(old))
    func changed(_ before: JSONValue?, _ after: JSONValue?, except ignored: Set<String>) -> [String] {
      Set(before?.object?.keys.map(\.self) ?? []).union(after?.object?.keys.map(\.self) ?? []).subtracting(ignored)
        .filter { before?[$0] != after?[$0] }
        .sorted()
    }
    let metadata = changed(old["metadata"], candidate["metadata"], except: ObjectMetadata.serverMembers)
    let members = changed(old, candidate, except: ["metadata"]).flatMap { member in
      guard old[member]?.object != nil, candidate[member]?.object != nil else { return [member] }
      return changed(old[member], candidate[member], except: []).map { "\(member).\($0)" }
    }
    let metadataMembers = metadata.flatMap { member in
      guard member == "labels" || member == "annotations" else { return ["metadata.\(member)"] }
      return changed(old["metadata"]?[member], candidate["metadata"]?[member], except: [])
        .map { "metadata.\(member).\($0)" }
    }
    return metadataMembers + members
  }

  private func check(_ object: JSONValue, old: JSONValue?, errors: [FieldError] = []) throws(StatusError) {
    let errors = errors + definition.validationErrors(in: object, old: old)
    if !errors.isEmpty { throw .invalid(definition.names, object["metadata"]?["name"]?.string ?? "", errors) }
  }

  private func checkNamespace(_ given: String?, is namespace: String) throws(StatusError) {
    guard let given, !given.isEmpty, given != namespace else { return }
    throw StatusError(
      .badRequest,
      "the namespace of the provided object does not match the namespace sent on the request "
        + "(object: \(given), request: \(namespace))")
  }

  private func checkIdentity(
    _ given: JSONValue, of old: JSONValue, _ key: ObjectKey, mustNameVersion: Bool
  ) throws(StatusError) {
    if let name = given["name"]?.string, name != key.name {
      throw StatusError(
        .badRequest, "the name of the object (\(name)) does not match the name on the URL (\(key.name))")
    }
    try checkNamespace(given["namespace"]?.string, is: key.namespace)
    let uid = old["metadata"]?["uid"]?.string ?? ""
    if let given = given["uid"]?.string, given != uid {
      throw conflict(old, "Precondition failed: UID in precondition: \(given), UID in object meta: \(uid)")
    }
    let version = given["resourceVersion"]?.string ?? ""
    if mustNameVersion && version.isEmpty {
      let error = FieldError.invalid("metadata.resourceVersion", "", "must be specified for an update")
      throw .invalid(definition.names, key.name, [error])
    }
    if !version.isEmpty, version != old["metadata"]?["resourceVersion"]?.string {
      throw .conflict(definition.names, key.name)
    }
  }

  private func carryServerMembers(from old: JSONValue, into metadata: inout [String: JSONValue], _ key: ObjectKey) {
    metadata["name"] = .string(key.name)
    metadata["namespace"] = definition.isNamespaced ? .string(key.namespace) : nil
    for member in ObjectMetadata.serverMembers { metadata[member] = old["metadata"]?[member] }
    // `generateName` says how the name came about, and cannot change afterwards.
    metadata["generateName"] = old["metadata"]?["generateName"]
  }

  private func finalizerErrors(_ object: JSONValue, _ old: JSONValue) -> [FieldError] {
    guard old["metadata"]?["deletionTimestamp"] != nil else { return [] }
    let before = Set(old["metadata"]?["finalizers"]?.array ?? [])
    let added = (object["metadata"]?["finalizers"]?.array ?? []).filter { !before.contains($0) }
    guard !added.isEmpty else { return [] }
    let names = added.compactMap(\.string).joined(separator: ", ")
    return [
      FieldError.forbidden(
        "metadata.finalizers",
        "no new finalizers can be added if the object is being deleted, found new finalizers: \(names)")
    ]
  }

  private func step(from old: JSONValue, to candidate: JSONValue) -> Outcome.Step {
    let metadata = candidate["metadata"]
    if metadata?["deletionTimestamp"] != nil, (metadata?["finalizers"]?.array ?? []).isEmpty {
      return .remove(candidate)
    }
    return candidate == old ? .nothing : .update(candidate)
  }

  private func conflict(_ object: JSONValue, _ detail: String) -> StatusError {
    .conflict(definition.names, object["metadata"]?["name"]?.string ?? "", detail)
  }
}

/// What a delete request demands of the object it deletes.
struct DeletePreconditions: Hashable {
  var uid: String?
  var resourceVersion: String?
}

/// What to do with fields that the schema does not know (`fieldValidation`).
enum UnknownFieldPolicy: String, Hashable, CaseIterable {
  case strict = "Strict"
  case warn = "Warn"
  case ignore = "Ignore"

  /// - Throws: with `strict`, where there is an unknown field: `badRequest`, worded as Kubernetes words it.
  func warnings(for unknown: [FieldError]) throws(StatusError) -> [String] {
    guard !unknown.isEmpty else { return [] }
    switch self {
    case .ignore: return []
    case .warn: return unknown.map(\.message)
    case .strict: throw .unknownFields(unknown)
    }
  }
}
