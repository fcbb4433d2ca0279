import ResourceModel
import WireFormats

/// Where `metadata.managedFields` of an object that is written come from.
enum FieldAuthorship: Hashable {
  /// They stay as they are: nobody writes whom they name.
  case kept
  case writer(FieldWriter)
  /// They are in what is written, as `ObjectLifecycle.applied` computed them.
  case given
}

/// Who writes.
struct FieldWriter: Hashable {
  var manager: String
  var now: Timestamp
  /// Whether the request may say itself who manages what, as `kubectl` does when it goes over to server-side apply.
  /// Whoever may change only a part of an object may not: fields could be left to a manager that removes them with its next
  /// apply.
  var mayReassign = true
}

extension ObjectLifecycle {
  /// An object that is to be stored, with its managed fields.
  /// - Parameters:
  ///   - old: nil on creation.
  ///   - requested: `metadata.managedFields` as what is written has them. Through `/status`, and on creation, they do not
  ///     count.
  func attributed(
    _ candidate: JSONValue, old: JSONValue?, requested: JSONValue?, _ authorship: FieldAuthorship,
    isStatus: Bool = false
  ) -> JSONValue {
    let ownership = FieldOwnership(definition, isStatus: isStatus)
    let managedFields: JSONValue?
    switch (authorship, old) {
    case (.kept, _): return candidate
    case (.given, _): managedFields = requested
    case (.writer(let writer), nil):
      managedFields = ownership.created(candidate, by: writer.manager, at: writer.now)
    case (.writer(let writer), let old?):
      let requested = writer.mayReassign && !isStatus ? requested : nil
      managedFields = ownership.updated(
        from: old, to: candidate, requested: requested, by: writer.manager, at: writer.now)
    }
    var candidate = candidate
    candidate["metadata"]?["managedFields"] = managedFields
    return candidate
  }

  /// What becomes of an object to which a configuration is applied.
  ///
  /// - Parameters:
  ///   - configuration: as the client sent it.
  ///   - old: nil where there is no such object yet; never so for a status.
  /// - Returns: what `create`, `update` or `updateStatus` take, with the authorship `given`.
  func applied(
    _ configuration: JSONValue, to old: JSONValue?, by writer: FieldWriter, isStatus: Bool, isForced: Bool
  ) throws(StatusError) -> JSONValue {
    try checkConfiguration(configuration)
    var wanted = try FieldOwnership(definition, isStatus: isStatus).applied(
      configuration, to: old, by: writer.manager, at: writer.now, isForced: isForced)
    // What names the object, and which state of it, is checked where the object is written.
    for member in ["name", "namespace", "uid", "resourceVersion"] {
      guard let value = configuration["metadata"]?[member], !value.isNull else { continue }
      wanted["metadata"]?[member] = value
    }
    return wanted
  }

  /// A configuration need not be complete, but what it says must be known and of the right types. What is wrong with its
  /// values is found in the whole object.
  private func checkConfiguration(_ configuration: JSONValue) throws(StatusError) {
    for member in ["apiVersion", "kind"] where (configuration[member]?.string ?? "").isEmpty {
      throw StatusError(.badRequest, "the applied configuration does not say its \(member)")
    }
    if let managed = configuration["metadata"]?["managedFields"], !managed.isNull, managed != [] {
      throw StatusError(.badRequest, "metadata.managedFields must be nil")
    }
    let (accepted, _) = try accepted(configuration, unknownFields: .strict)
    let errors =
      definition.schema.validate(accepted)
      + ObjectMeta.schema.validate(accepted["metadata"] ?? [:], at: "metadata")
    let misfits = errors.filter { [.typeInvalid, .duplicate].contains($0.reason) }
    if !misfits.isEmpty {
      throw .invalid(definition.names, configuration["metadata"]?["name"]?.string ?? "", misfits)
    }
  }
}
