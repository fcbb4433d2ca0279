public import WireFormats

/// A kind of the API: its spec and status as Swift types, and its definition for servers and CRDs.
public protocol ResourceKind: Sendable {
  associatedtype Spec: Codable & Hashable & Sendable
  associatedtype Status: Codable & Hashable & Sendable
  static var definition: ResourceDefinition { get }
}

/// One object of a kind.
public struct Resource<Kind: ResourceKind>: Codable, Hashable, Sendable {
  public var apiVersion: String
  public var kind: String
  public var metadata: ObjectMeta
  public var spec: Kind.Spec
  public var status: Kind.Status?

  public init(metadata: ObjectMeta, spec: Kind.Spec, status: Kind.Status? = nil) {
    self.apiVersion = Kind.definition.names.apiVersion
    self.kind = Kind.definition.names.kind
    self.metadata = metadata
    self.spec = spec
    self.status = status
  }

  public var key: ObjectKey { ObjectKey(namespace: metadata.namespace ?? "", name: metadata.name) }
}

/// Everything a server, a client and a CRD need to know of a kind. Adding a kind takes one file of types and one
/// registration of its definition.
public struct ResourceDefinition: Sendable {
  public var names: ResourceNames
  /// The SQL table that keeps the kind's objects, as the specification names it (`spec §12`, `§13`).
  public var table: String
  /// The schema of the whole object apart from `apiVersion`, `kind` and `metadata`: for most kinds `spec` and `status`.
  public var schema: Schema
  /// False for a kind whose objects belong to the whole cluster and lie in no namespace.
  public var isNamespaced: Bool
  /// True where `status` is written through its own path, `/status`, and only there. Such a kind also counts the changes
  /// of its desired state in `metadata.generation`.
  public var hasStatus: Bool
  /// True where a PUT makes the object that is not there, as Kubernetes has it for some of its own kinds.
  public var isCreatedByUpdate: Bool
  /// True where `metadata.managedFields` are kept from an object's creation on; false for kinds that are written too often
  /// for it, whose objects have them from the first server-side apply on.
  public var tracksManagers: Bool
  public var printerColumns: [PrinterColumn]
  /// False where `kubectl get` shows the printer columns alone, without the object's name before them.
  public var hasNameColumn: Bool
  /// Paths a field selector may name besides `metadata.name` and `metadata.namespace` (`involvedObject.name`).
  public var selectableFields: [String]
  public var limits: ResourceLimits
  /// Rules that a schema cannot say, in the form in which an API server of a cluster keeps them, too.
  public var rules: [ValidationRule]
  /// What a printer column without a path shows.
  public var computedCell: @Sendable (_ column: String, _ object: JSONValue) -> JSONValue?
  /// The rules a schema cannot say, over a defaulted object that its schema accepts; `old` is nil on creation.
  public var validate: @Sendable (_ object: JSONValue, _ old: JSONValue?) -> [FieldError]

  public init(
    names: ResourceNames, table: String, schema: Schema, isNamespaced: Bool = true, hasStatus: Bool = true,
    isCreatedByUpdate: Bool = false, tracksManagers: Bool = true, printerColumns: [PrinterColumn] = [],
    hasNameColumn: Bool = true, selectableFields: [String] = [], limits: ResourceLimits = ResourceLimits(),
    rules: [ValidationRule] = [],
    computedCell: @escaping @Sendable (_ column: String, _ object: JSONValue) -> JSONValue? = { _, _ in nil },
    validate: @escaping @Sendable (_ object: JSONValue, _ old: JSONValue?) -> [FieldError] = { _, _ in [] }
  ) {
    self.names = names
    self.table = table
    self.schema = schema
    self.isNamespaced = isNamespaced
    self.hasStatus = hasStatus
    self.isCreatedByUpdate = isCreatedByUpdate
    self.tracksManagers = tracksManagers
    self.printerColumns = printerColumns
    self.hasNameColumn = hasNameColumn
    self.selectableFields = selectableFields
    self.limits = limits
    self.rules = rules
    self.computedCell = computedCell
    self.validate = validate
  }
}

/// How much of a kind a server keeps, so that nobody who may write it can fill memory and disk.
public struct ResourceLimits: Sendable, Hashable {
  /// Bytes of one object's JSON as it is kept.
  public var objectBytes: Int
  /// How many objects one namespace holds; nil for any number.
  public var perNamespace: Int?
  /// How many objects all namespaces hold together; nil for any number.
  public var total: Int?

  public init(objectBytes: Int = 512 << 10, perNamespace: Int? = nil, total: Int? = nil) {
    self.objectBytes = objectBytes
    self.perNamespace = perNamespace
    self.total = total
  }

  /// Bytes of a request that writes one object: as the client indents and escapes it.
  public var requestBytes: Int { 2 * objectBytes + 64 << 10 }
}

/// A column of `kubectl get` (`additionalPrinterColumns` of a CRD).
public struct PrinterColumn: Sendable, Hashable {
  public enum ColumnType: String, Sendable { case string, integer, number, boolean, date }

  public var name: String
  public var type: ColumnType
  /// A simple JSONPath such as `.status.conditions[?(@.type=="Ready")].status`; empty where the kind computes the cell.
  public var jsonPath: String
  public var description: String
  /// 0 is always shown, 1 and more only with `-o wide`.
  public var priority: Int

  public init(name: String, type: ColumnType, jsonPath: String, description: String, priority: Int = 0) {
    self.name = name
    self.type = type
    self.jsonPath = jsonPath
    self.description = description
    self.priority = priority
  }
}

/// What is wrong with one field of an object (`StatusCause` of Kubernetes).
public struct FieldError: Error, Sendable, Hashable, CustomStringConvertible {
  public enum Reason: String, Sendable, Hashable {
    case required = "FieldValueRequired"
    case invalid = "FieldValueInvalid"
    case notSupported = "FieldValueNotSupported"
    case duplicate = "FieldValueDuplicate"
    case forbidden = "FieldValueForbidden"
    case typeInvalid = "FieldValueTypeInvalid"
    case unknown = "FieldUnknown"
    case tooLong = "FieldValueTooLong"
    case tooMany = "FieldValueTooMany"
    /// Another manager set it, and this one sets it otherwise.
    case fieldManagerConflict = "FieldManagerConflict"
  }

  /// The path from the object's root: `spec.artifact.sha256`, `spec.newNonEssentialEnvs[1].key`.
  public var field: String
  public var reason: Reason
  /// What is wrong and what would be right; never holds a secret.
  public var message: String

  public init(field: String, reason: Reason, message: String) {
    self.field = field
    self.reason = reason
    self.message = message
  }

  public var description: String { "\(field): \(message)" }
}
