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
    if initialEvents != nil && !isWatch {
      throw StatusError(.invalid, "sendInitialEvents is forbidden for list: it belongs to a watch")
    }
    sendsInitialEvents = initialEvents == true
    // Without a version a watch begins with the present state, unless it asks for news only.
    watchAfter = version == 0 || sendsInitialEvents ? nil : version
    switch (query["resourceVersionMatch"], version) {
    case ("Exact", 0): throw StatusError(.badRequest, "resourceVersionMatch=Exact needs a resourceVersion other than 0")
    case ("Exact", let version): versionMatch = .exact(version)
    case (nil, let version) where version > 0, ("NotOlderThan", let version) where version > 0:
      versionMatch = .notOlderThan(version)
    case (nil, _), ("NotOlderThan", _): versionMatch = .any
    case (let match?, _):
      throw StatusError(.badRequest, "resourceVersionMatch must be Exact or NotOlderThan, not \"\(match.prefix(40))\"")
    }
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
  var isDryRun: Bool
  var unknownFields: UnknownFieldPolicy

  init(_ query: QueryItems) throws(StatusError) {
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
  }
}
