public import WireFormats

/// Server-side apply: a manager declares the fields that it wants, and the server merges them into the object.
///
///     live      {version: 1.0.0, suspend: true}     of "kubectl": version and suspend
///     applied   {version: 1.1.0}                    by "kubectl"
///     result    {version: 1.1.0}                    suspend was kubectl's alone, and is not applied any more
///
/// A value that another manager set, and this one sets otherwise, is a conflict; equal values are shared.
public struct ServerSideApply: Sendable {
  /// Of all that managers may own in the object; see `ResourceDefinition.ownedSchema(isStatus:)`.
  let schema: Schema
  let manager: FieldManager
  let now: Timestamp
  /// Takes conflicting fields away from their managers.
  let isForced: Bool

  public struct Result: Sendable, Hashable {
    public var object: JSONValue
    public var managedFields: ManagedFields
  }

  /// Merges `configuration` into `live`.
  ///
  /// - Parameters:
  ///   - configuration: what the manager wants; its types agree with the schema.
  ///   - live: the object as it is; of a new one only what names it.
  ///   - managedFields: those of `live`.
  public func result(
    of configuration: JSONValue, on live: JSONValue, _ managedFields: ManagedFields
  ) throws(ApplyConflicts) -> Result {
    let last = managedFields[manager]
    var managed = managedFields
    let wanted = schema.fields(of: configuration)
    managed.entries[manager] = wanted.isEmpty ? nil : ManagedFields.Entry(wanted, managedFields.entries[manager]?.time)
    let merged = schema.merged(live, with: configuration)
    let object = schema.removing(abandoned(last, managed), from: merged)

    let changes = FieldChanges(from: live, to: object, schema)
    if !isForced, let conflicts = conflicts(changes.written, managed) { throw conflicts }
    managed.disown(changes.written.union(changes.removed), besides: manager)
    if !changes.isEmpty || managed != managedFields { managed.entries[manager]?.time = now }
    return Result(object: object, managedFields: managed)
  }

  /// What the manager applied last, does not apply any more, and no other manager owns. An object goes with all that is in
  /// it where nobody owns anything in it; of the metadata only what lies in them goes.
  private func abandoned(_ last: FieldSet, _ managed: ManagedFields) -> FieldSet {
    if last.isEmpty { return last }
    let owned = managed.entries.values.reduce(FieldSet()) { $0.union($1.fields) }
    var abandoned = schema.withEnclosingObjects(last).subtracting(schema.withEnclosingObjects(owned))
    let metadata = FieldPathElement.field("metadata")
    abandoned[metadata] = abandoned[metadata].with(isMember: false)
    return abandoned
  }

  private func conflicts(_ changed: FieldSet, _ managed: ManagedFields) -> ApplyConflicts? {
    var conflicts: [FieldManager: FieldSet] = [:]
    for (other, entry) in managed.entries where other != manager {
      let fields = entry.fields.intersection(changed)
      if !fields.isEmpty { conflicts[other] = fields }
    }
    return conflicts.isEmpty ? nil : ApplyConflicts(fields: conflicts, apiVersion: managed.apiVersion)
  }
}

/// Fields that other managers set to other values.
public struct ApplyConflicts: Error, Sendable, Hashable {
  /// Of each manager, those that are not this manager's to change.
  public var fields: [FieldManager: FieldSet]
  public var apiVersion: String

  /// Those that are left without `allowed`; nil where none are.
  func subtracting(_ allowed: FieldSet) -> ApplyConflicts? {
    let rest = fields.mapValues { $0.subtracting(allowed) }.filter { !$0.value.isEmpty }
    return rest.isEmpty ? nil : ApplyConflicts(fields: rest, apiVersion: apiVersion)
  }
}

extension ApplyConflicts {
  /// How Kubernetes words conflicts: 409 with a cause for each field. At most `Schema.maximumErrorCount` fields are named.
  public var statusError: StatusError {
    let count = fields.values.reduce(0) { $0 + $1.count }
    var lines: [String] = []
    var causes: [FieldError] = []
    for (manager, set) in fields.sorted(by: { name($0.key) < name($1.key) }) {
      let paths = set.paths(limit: Schema.maximumErrorCount - causes.count)
      if paths.isEmpty { continue }
      lines.append("conflicts with \(name(manager)):")
      lines += paths.map { "- \($0)" }
      causes += paths.map {
        FieldError(field: $0, reason: .fieldManagerConflict, message: "conflict with \(name(manager))")
      }
    }
    if let only = causes.first, count == 1 {
      return StatusError(
        .conflict, "Apply failed with 1 conflict: \(only.message): \(only.field)", causes: causes)
    }
    if count > causes.count { lines.append("and \(count - causes.count) more") }
    return StatusError(
      .conflict, "Apply failed with \(count) conflicts: \(lines.joined(separator: "\n"))", causes: causes)
  }

  /// `"kubectl" with subresource "status" using deploy.wrktalk.com/v1`
  private func name(_ manager: FieldManager) -> String {
    var text = JSONValue.string(manager.name).text
    if !manager.subresource.isEmpty { text += " with subresource \(JSONValue.string(manager.subresource).text)" }
    if manager.operation == .update { text += " using \(apiVersion)" }
    return text
  }
}
