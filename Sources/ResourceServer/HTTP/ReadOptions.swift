import HTTPService
import ResourceModel

/// The options of a list or watch (`metav1.ListOptions`).
struct ReadOptions: Hashable {
  enum VersionMatch: Hashable {
    /// Absent or 0: whatever is there now.
    case any
    case notOlderThan(Int64)
    case exact(Int64)
  }

  var selector: ObjectSelector
  var limit: Int?
  var continueToken: String?
  var isWatch: Bool
  var versionMatch: VersionMatch
  /// From where a watch goes on; nil where it begins with what is there.
  var watchAfter: Int64?
  var allowsBookmarks: Bool
  var sendsInitialEvents: Bool
  var timeoutSeconds: Int64?

  init(_ query: QueryItems, definition: ResourceDefinition) throws(StatusError) {
    selector = try Self.selector(query, definition: definition)
    limit = try query.number("limit").flatMap { $0 == 0 ? nil : Int(clamping: $0) }
    continueToken = query["continue"]
    isWatch = query.flag("watch") ?? false
    allowsBookmarks = query.flag("allowWatchBookmarks") ?? false
    timeoutSeconds = try query.number("timeoutSeconds")
    let version = try Self.resourceVersion(query["resourceVersion"])
    let initialEvents = query.flag("sendInitialEvents")
    let match = query["resourceVersionMatch"]
    if isWatch {
      try Self.checkWatch(match, sendInitialEvents: initialEvents)
    } else {
      try Self.checkList(match, query, sendInitialEvents: initialEvents)
    }
    if continueToken != nil, version != 0 {
      throw StatusError(.badRequest, "specifying resource version is not allowed when using continue")
    }
    sendsInitialEvents = initialEvents == true
    // Without a version a watch begins with the present state, unless it asks for news only.
    watchAfter = version == 0 || sendsInitialEvents ? nil : version
    versionMatch = match == "Exact" ? .exact(version) : version > 0 ? .notOlderThan(version) : .any
  }

  /// Kubernetes' rules for options that go together (`ValidateListOptions`).
  private static func checkList(
    _ match: String?, _ query: QueryItems, sendInitialEvents: Bool?
  ) throws(StatusError) {
    if sendInitialEvents != nil { throw forbidden("sendInitialEvents", "is forbidden for list: it belongs to a watch") }
    guard let match else { return }
    if query["resourceVersion"] == nil {
      throw forbidden("resourceVersionMatch", "is forbidden unless resourceVersion is provided")
    }
    if query["continue"] != nil {
      throw forbidden("resourceVersionMatch", "is forbidden when continue is provided")
    }
    guard ["Exact", "NotOlderThan"].contains(match) else {
      throw StatusError(
        .invalid, "resourceVersionMatch: must be Exact or NotOlderThan, not \"\(match.prefix(40))\"")
    }
    if match == "Exact", query["resourceVersion"] == "0" {
      throw forbidden("resourceVersionMatch", "\"Exact\" is forbidden for resourceVersion \"0\"")
    }
  }

  private static func checkWatch(_ match: String?, sendInitialEvents: Bool?) throws(StatusError) {
    switch (match, sendInitialEvents) {
    case (nil, nil), ("NotOlderThan", _?): return
    case (_?, nil):
      throw forbidden("resourceVersionMatch", "is forbidden for watch unless sendInitialEvents is provided")
    case (_, _?):
      throw forbidden("sendInitialEvents", "is forbidden unless resourceVersionMatch is set to NotOlderThan")
    }
  }

  private static func forbidden(_ option: String, _ reason: String) -> StatusError {
    StatusError(.invalid, "\(option): Forbidden: \(option) \(reason)")
  }

  static func selector(_ query: QueryItems, definition: ResourceDefinition) throws(StatusError) -> ObjectSelector {
    do {
      return try ObjectSelector(
        parsingLabels: query["labelSelector"] ?? "", fields: query["fieldSelector"] ?? "",
        selectableFields: definition.selectableFields)
    } catch {
      throw StatusError(.badRequest, error.message)
    }
  }

  static func resourceVersion(_ text: String?) throws(StatusError) -> Int64 {
    guard let text else { return 0 }
    guard let version = Int64(text), version >= 0 else {
      throw StatusError(
        .badRequest,
        "resourceVersion must be one that this server gave out, or 0; \"\(text.prefix(40))\" is neither")
    }
    return version
  }
}

/// The options of a create, update, patch or delete.
struct WriteOptions: Hashable {
  enum Operation: String {
    case create = "CreateOptions"
    case update = "UpdateOptions"
    case patch = "PatchOptions"
    case delete = "DeleteOptions"
    case apply
  }

  var isDryRun: Bool
  var unknownFields: UnknownFieldPolicy
  /// Who writes, where the request says it.
  var fieldManager: String?
  /// Whether an apply takes fields away from other managers.
  var isForced: Bool

  init(_ query: QueryItems, for operation: Operation) throws(StatusError) {
    switch query["dryRun"] {
    case nil: isDryRun = false
    case "All": isDryRun = true
    case let other?: throw StatusError(.badRequest, "dryRun must be All, not \"\(other.prefix(40))\"")
    }
    let validation = query["fieldValidation"]
    guard let policy = validation.map(UnknownFieldPolicy.init(rawValue:)) ?? .warn else {
      throw StatusError(.badRequest, "fieldValidation must be Strict, Warn or Ignore")
    }
    unknownFields = policy
    fieldManager = query["fieldManager"]
    isForced = query.flag("force") ?? false
    var errors = fieldManager.map { FieldManager.nameErrors($0, at: "fieldManager") } ?? []
    switch operation {
    case .apply where fieldManager == nil: errors.append(.required("fieldManager", "is required for apply patch"))
    case .patch where query.flag("force") != nil:
      errors.append(.forbidden("force", "may not be specified for non-apply patch"))
    default: break
    }
    if !errors.isEmpty { throw Self.invalid(operation, errors) }
  }

  /// `PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch`
  private static func invalid(_ operation: Operation, _ errors: [FieldError]) -> StatusError {
    let kind = operation == .apply ? Operation.patch.rawValue : operation.rawValue
    return .invalid(
      ResourceNames(group: "meta.k8s.io", version: "v1", kind: kind, plural: "", singular: ""), "", errors)
  }
}
