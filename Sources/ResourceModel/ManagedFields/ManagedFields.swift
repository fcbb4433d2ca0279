public import WireFormats

/// Who sets fields of an object, as `metadata.managedFields` tells them apart.
public struct FieldManager: Sendable, Hashable {
  public enum Operation: String, Sendable, Hashable {
    /// By server-side apply: what the manager does not apply any more is removed.
    case apply = "Apply"
    /// By anything else.
    case update = "Update"
  }

  public var name: String
  public var operation: Operation
  /// The path through which it writes: `status`; empty for the object itself.
  public var subresource: String

  public init(_ name: String, _ operation: Operation, subresource: String = "") {
    self.name = name
    self.operation = operation
    self.subresource = subresource
  }

  /// Most characters of a name.
  public static let maximumNameLength = 128

  /// Who writes, where the request does not say it: the first word of its `User-Agent`, `kubectl` of `kubectl/v1.34.1
  /// (linux/amd64)`.
  public static func name(userAgent: String?) -> String {
    let word = (userAgent ?? "").prefix { $0 != "/" }.unicodeScalars.filter(isPrintable)
    let name = String(String.UnicodeScalarView(word.prefix(maximumNameLength)))
    return name.isEmpty ? "unknown" : name
  }

  /// What is wrong with a name.
  public static func nameErrors(_ name: String, at field: String) -> [FieldError] {
    var errors: [FieldError] = []
    if name.unicodeScalars.count > maximumNameLength {
      errors.append(
        FieldError(
          field: field, reason: .tooLong,
          message: "Too long: may not be more than \(maximumNameLength) characters"))
    }
    if !name.unicodeScalars.allSatisfy(isPrintable) {
      errors.append(.invalid(field, nil, "should only contain printable characters"))
    }
    return errors
  }

  private static func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator: false
    case .spaceSeparator: scalar == " "
    default: true
    }
  }
}

/// `metadata.managedFields`: which manager set which fields of an object. Equal values may be of several managers.
public struct ManagedFields: Sendable, Hashable {
  public struct Entry: Sendable, Hashable {
    public var fields: FieldSet
    /// When the manager last set one of them.
    public var time: Timestamp?

    public init(_ fields: FieldSet, _ time: Timestamp?) {
      self.fields = fields
      self.time = time
    }
  }

  /// The version of the kind in which all fields are named: the only one that is served.
  public let apiVersion: String
  public internal(set) var entries: [FieldManager: Entry]

  public init(apiVersion: String, entries: [FieldManager: Entry] = [:]) {
    self.apiVersion = apiVersion
    self.entries = entries
  }

  public var isEmpty: Bool { entries.isEmpty }

  /// The fields of one manager.
  public subscript(manager: FieldManager) -> FieldSet { entries[manager]?.fields ?? FieldSet() }
}

extension ManagedFields {
  /// Reads `metadata.managedFields`. Entries of another version of the kind are left out.
  /// - Throws: where an entry is not one of FieldsV1.
  public init(_ json: JSONValue?, apiVersion: String) throws(FieldsV1Error) {
    self.init(apiVersion: apiVersion)
    for entry in json?.array ?? [] {
      guard let operation = entry["operation"]?.string.flatMap(FieldManager.Operation.init(rawValue:)) else {
        throw FieldsV1Error("operation must be Apply or Update")
      }
      guard entry["fieldsType"] == "FieldsV1" else { throw FieldsV1Error("fieldsType must be FieldsV1") }
      guard let version = entry["apiVersion"]?.string, !version.isEmpty else {
        throw FieldsV1Error("apiVersion must not be empty")
      }
      let name = entry["manager"]?.string ?? ""
      guard FieldManager.nameErrors(name, at: "manager").isEmpty else {
        throw FieldsV1Error("manager is not a name")
      }
      let fields = try FieldSet(fieldsV1: entry["fieldsV1"] ?? [:])
      guard version == apiVersion else { continue }
      let manager = FieldManager(name, operation, subresource: entry["subresource"]?.string ?? "")
      entries[manager] = Entry(fields, entry["time"]?.string.flatMap(Timestamp.init(_:)))
    }
  }

  /// As it is stored: nil where nothing is managed. In the order of Kubernetes: who applies comes first, then by time.
  public var json: JSONValue? {
    if entries.isEmpty { return nil }
    let sorted = entries.sorted { left, right in Self.order(left) < Self.order(right) }
    return .array(sorted.map { json(of: $0.value, $0.key) })
  }

  private static func order(_ entry: (key: FieldManager, value: Entry)) -> (String, Timestamp, String, String) {
    (
      entry.key.operation.rawValue, entry.value.time?.wholeSeconds ?? Timestamp(seconds: 0), entry.key.name,
      entry.key.subresource
    )
  }

  private func json(of entry: Entry, _ manager: FieldManager) -> JSONValue {
    var members: [String: JSONValue] = [
      "manager": .string(manager.name), "operation": .string(manager.operation.rawValue),
      "apiVersion": .string(apiVersion), "fieldsType": "FieldsV1", "fieldsV1": entry.fields.fieldsV1,
    ]
    if !manager.subresource.isEmpty { members["subresource"] = .string(manager.subresource) }
    if let time = entry.time { members["time"] = .string(time.wholeSeconds.description) }
    return .object(members)
  }
}

extension ManagedFields {
  /// Most managers that are told apart of those that do not apply; what the oldest beyond them set is of
  /// `ancient-changes` then.
  public static let maximumUpdaterCount = 10
  private static let ancient = "ancient-changes"

  /// Records what a manager changed by other means than server-side apply: it owns what it set, and nobody what it
  /// removed.
  public mutating func record(_ changes: FieldChanges, by manager: FieldManager, at time: Timestamp) {
    disown(changes.written.union(changes.removed))
    guard !changes.written.isEmpty else { return }
    entries[manager] = Entry(self[manager].union(changes.written), time)
    mergeOldest(of: manager.subresource)
  }

  /// Takes fields away from all managers.
  /// - Parameter keeper: the manager that keeps its own.
  mutating func disown(_ fields: FieldSet, besides keeper: FieldManager? = nil) {
    for (manager, entry) in entries where manager != keeper {
      let rest = entry.fields.subtracting(fields)
      if rest != entry.fields { entries[manager] = rest.isEmpty ? nil : Entry(rest, entry.time) }
    }
  }

  /// Of the object itself or of its status: who may write one must not blur who set the other.
  private mutating func mergeOldest(of subresource: String) {
    var updaters = entries.filter { $0.key.operation == .update && $0.key.subresource == subresource }.sorted {
      Self.order($0) < Self.order($1)
    }[...]
    guard updaters.count > Self.maximumUpdaterCount else { return }
    var bucket = Entry(FieldSet(), nil)
    // The bucket is one of them.
    while updaters.count >= Self.maximumUpdaterCount, let (manager, entry) = updaters.popFirst() {
      bucket = Entry(bucket.fields.union(entry.fields), entry.time)
      entries[manager] = nil
    }
    let manager = FieldManager(Self.ancient, .update, subresource: subresource)
    entries[manager] = Entry(self[manager].union(bucket.fields), bucket.time)
  }
}
