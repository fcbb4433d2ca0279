/// How a write is carried out.
public struct WriteOptions: Sendable, Hashable {
  /// What the server does about fields that the schema does not know.
  public enum FieldValidation: String, Sendable, Hashable {
    case ignore = "Ignore"
    case warn = "Warn"
    case strict = "Strict"
  }

  /// The server checks and answers as always, but stores nothing.
  public var isDryRun: Bool
  public var fieldValidation: FieldValidation?
  /// Who writes, for the object's `managedFields`.
  public var fieldManager: String?

  public init(isDryRun: Bool = false, fieldValidation: FieldValidation? = nil, fieldManager: String? = nil) {
    self.isDryRun = isDryRun
    self.fieldValidation = fieldValidation
    self.fieldManager = fieldManager
  }

  var queryItems: [(name: String, value: String)] {
    var items: [(name: String, value: String)] = []
    if isDryRun { items.append(("dryRun", "All")) }
    if let fieldValidation { items.append(("fieldValidation", fieldValidation.rawValue)) }
    if let fieldManager { items.append(("fieldManager", fieldManager)) }
    return items
  }
}

/// What a deletion asks for.
public struct DeleteOptions: Sendable, Hashable {
  /// What becomes of the objects that the deleted one owns. The Backend, where nothing owns anything, pays no heed.
  public enum PropagationPolicy: String, Sendable, Hashable {
    /// They stay, without their owner.
    case orphan = "Orphan"
    /// They are deleted after it.
    case background = "Background"
    /// They are deleted before it.
    case foreground = "Foreground"
  }

  public var isDryRun: Bool
  /// Deletes only the object with this uid, not one that was created in its place.
  public var uid: String?
  /// Nil for what the kind does by itself.
  public var propagationPolicy: PropagationPolicy?

  public init(isDryRun: Bool = false, uid: String? = nil, propagationPolicy: PropagationPolicy? = nil) {
    self.isDryRun = isDryRun
    self.uid = uid
    self.propagationPolicy = propagationPolicy
  }
}

/// The form in which objects are answered.
public enum Representation: Sendable, Hashable {
  case object
  /// `meta.k8s.io/v1` Table: the columns of `kubectl get`, computed by the server.
  case table
  /// `meta.k8s.io/v1` PartialObjectMetadata: metadata alone.
  case metadata

  /// The form asked for; of a list it is the form of the whole list.
  func accept(isList: Bool) -> String {
    switch self {
    case .object: "application/json"
    case .metadata:
      "application/json;as=PartialObjectMetadata\(isList ? "List" : "");v=v1;g=meta.k8s.io,application/json"
    case .table: "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
    }
  }
}
