/// The common failures in the words Kubernetes uses.
extension StatusError {
  public static func notFound(_ names: ResourceNames, _ name: String) -> StatusError {
    StatusError(
      .notFound, "\(names.qualifiedPlural) \"\(name)\" not found", kind: names.plural, group: names.group, name: name)
  }

  public static func alreadyExists(_ names: ResourceNames, _ name: String) -> StatusError {
    StatusError(
      .alreadyExists, "\(names.qualifiedPlural) \"\(name)\" already exists", kind: names.plural, group: names.group,
      name: name)
  }

  /// - Parameter detail: what does not fit any more; by default, that the object was changed in between.
  public static func conflict(
    _ names: ResourceNames, _ name: String,
    _ detail: String = "the object has been modified; please apply your changes to the latest version and try again"
  ) -> StatusError {
    StatusError(
      .conflict, "Operation cannot be fulfilled on \(names.qualifiedPlural) \"\(name)\": \(detail)", kind: names.plural,
      group: names.group, name: name)
  }

  public static func invalid(_ names: ResourceNames, _ name: String, _ errors: [FieldError]) -> StatusError {
    let list = errors.map(\.description).joined(separator: ", ")
    let kind = names.group.isEmpty ? names.kind : "\(names.kind).\(names.group)"
    return StatusError(
      .invalid, "\(kind) \"\(name)\" is invalid: \(errors.count == 1 ? list : "[\(list)]")", kind: names.kind,
      group: names.group, name: name, causes: errors)
  }

  /// What `fieldValidation=Strict` answers to fields that are not known.
  public static func unknownFields(_ errors: [FieldError]) -> StatusError {
    StatusError(
      .badRequest, "strict decoding error: \(errors.map(\.message).joined(separator: ", "))", causes: errors)
  }

  public static func expired(_ message: String) -> StatusError { StatusError(.expired, message) }
}
