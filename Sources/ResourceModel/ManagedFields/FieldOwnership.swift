public import WireFormats

/// Keeps `metadata.managedFields` of a kind's objects up to date, whatever they are written by. Values in, values out.
public struct FieldOwnership: Sendable {
  private let schema: Schema
  private let apiVersion: String
  private let subresource: String
  private let definition: ResourceDefinition

  /// Most managers that apply to an object.
  public static let maximumApplierCount = 64
  /// Most managers that apply to its status.
  public static let maximumStatusApplierCount = 8

  /// - Parameter isStatus: true for what is written through `/status`.
  public init(_ definition: ResourceDefinition, isStatus: Bool = false) {
    schema = definition.ownedSchema(isStatus: isStatus)
    apiVersion = definition.names.apiVersion
    subresource = isStatus ? "status" : ""
    self.definition = definition
  }

  // MARK: Update

  /// The managed fields of an object that `manager` creates by anything but apply.
  public func created(_ object: JSONValue, by manager: String, at now: Timestamp) -> JSONValue? {
    guard definition.tracksManagers else { return nil }
    var managed = ManagedFields(apiVersion: apiVersion)
    managed.record(FieldChanges(from: nil, to: object, schema), by: updater(manager), at: now)
    return managed.json
  }

  /// The managed fields of an object that `manager` changes by anything but apply. Of one without any they are not kept
  /// until it is applied to.
  ///
  /// - Parameters:
  ///   - new: the object as it is to be stored.
  ///   - requested: `metadata.managedFields` of the request. As on Kubernetes a list of one empty entry clears them; none, or
  ///     what cannot be read, changes nothing.
  public func updated(
    from old: JSONValue, to new: JSONValue, requested: JSONValue?, by manager: String, at now: Timestamp
  ) -> JSONValue? {
    let kept = old["metadata"]?["managedFields"]
    guard var managed = managedFields(requested, kept), !managed.isEmpty else { return nil }
    let changes = FieldChanges(from: old, to: new, schema)
    if changes.isEmpty, requested == nil || requested == kept { return kept }
    managed.record(changes, by: updater(manager), at: now)
    return managed.json
  }

  /// Nil where they are to be cleared.
  private func managedFields(_ requested: JSONValue?, _ kept: JSONValue?) -> ManagedFields? {
    if requested == [[:]] { return nil }
    if let requested, requested != kept, let managed = try? ManagedFields(requested, apiVersion: apiVersion),
      !managed.isEmpty
    {
      return managed
    }
    return try? ManagedFields(kept, apiVersion: apiVersion)
  }

  // MARK: Apply

  /// What becomes of an object to which `manager` applies a configuration.
  ///
  /// - Parameters:
  ///   - configuration: its types agree with the kind's schema; it names the object, and has no `metadata.managedFields`.
  ///   - live: nil where there is no such object yet.
  /// - Returns: the object with `metadata.managedFields`; what it has new has no defaults yet.
  /// - Throws: `StatusError` `conflict` that names the other managers; `invalid` where too many apply.
  public func applied(
    _ configuration: JSONValue, to live: JSONValue?, by manager: String, at now: Timestamp, isForced: Bool
  ) throws(StatusError) -> JSONValue {
    let base = live ?? skeleton(of: configuration)
    let managed = managedFields(of: live, at: now)
    let applier = FieldManager(manager, .apply, subresource: subresource)
    var apply = ServerSideApply(schema: schema, manager: applier, now: now, isForced: isForced)
    let isClient = subresource.isEmpty && ClientSideApply.managers.contains(manager)
    var result: ServerSideApply.Result
    do {
      result = try apply.result(of: configuration, on: base, managed)
    } catch {
      let allowed =
        isClient ? ClientSideApply.unchangedFields(of: base, apiVersion, schema) : FieldSet()
      if let conflicts = error.subtracting(allowed) { throw conflicts.statusError }
      apply = ServerSideApply(schema: schema, manager: applier, now: now, isForced: true)
      do {
        result = try apply.result(of: configuration, on: base, managed)
      } catch {
        throw error.statusError
      }
    }
    try checkApplierCount(result.managedFields)
    if isClient { result.object = ClientSideApply.updated(in: result.object, to: configuration) }
    result.object["metadata"]?["managedFields"] = result.managedFields.json
    return result.object
  }

  /// What names a new object, which nobody owns.
  private func skeleton(of configuration: JSONValue) -> JSONValue {
    let metadata = (configuration["metadata"]?.object ?? [:]).filter { ["name", "namespace"].contains($0.key) }
    var object: JSONValue = ["metadata": .object(metadata)]
    for member in ["apiVersion", "kind"] { object[member] = configuration[member] }
    return object
  }

  /// What is there before the first apply is of a manager of its own, so that it is not overwritten unnoticed.
  private func managedFields(of live: JSONValue?, at now: Timestamp) -> ManagedFields {
    var managed = ManagedFields(apiVersion: apiVersion)
    guard let live else { return managed }
    if let kept = try? ManagedFields(live["metadata"]?["managedFields"], apiVersion: apiVersion) { managed = kept }
    if managed.isEmpty {
      // Also of the part that is not applied to now: its turn comes when there are managed fields already.
      for isStatus in definition.hasStatus ? [false, true] : [false] {
        let manager = FieldManager("before-first-apply", .update, subresource: isStatus ? "status" : "")
        managed.record(
          FieldChanges(from: nil, to: live, definition.ownedSchema(isStatus: isStatus)), by: manager, at: now)
      }
    }
    return managed
  }

  private func checkApplierCount(_ managed: ManagedFields) throws(StatusError) {
    let count = managed.entries.keys.count { $0.operation == .apply && $0.subresource == subresource }
    let maximum = subresource.isEmpty ? Self.maximumApplierCount : Self.maximumStatusApplierCount
    guard count > maximum else { return }
    throw StatusError(
      .invalid,
      "metadata.managedFields: Too many: \(count) managers apply to this object, and at most \(maximum) may",
      causes: [.tooMany("metadata.managedFields", count: count, maximum: maximum)])
  }

  private func updater(_ manager: String) -> FieldManager { FieldManager(manager, .update, subresource: subresource) }
}

extension ResourceDefinition {
  /// The schema of what managers own: of the object, without what only the server sets and without a status that has a path
  /// of its own; or of that status.
  func ownedSchema(isStatus: Bool) -> Schema {
    guard case .object(let properties, _, _) = schema else { return schema }
    if isStatus { return .object(properties: properties.filter { $0.key == "status" }) }
    var owned = properties
    if hasStatus { owned["status"] = nil }
    owned["metadata"] = ObjectMeta.ownedSchema
    return .object(properties: owned)
  }
}
