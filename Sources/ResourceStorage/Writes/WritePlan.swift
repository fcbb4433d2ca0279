package import ResourceModel
package import WireFormats

/// One write that waits for its transaction.
struct RequestedWrite: Sendable {
  let table: any ObjectTable
  let write: ObjectWrite
  /// What is written; nil for a removal.
  let object: PreparedObject?
  let key: StoreKey
  /// About how many bytes of JSON are written.
  let size: Int
  /// For the audit; nil where it is not kept.
  let origin: WriteOrigin?

  /// - Throws: `StatusError` `invalid` where the table cannot keep the object.
  init(table: any ObjectTable, write: ObjectWrite, origin: WriteOrigin? = nil) throws(StatusError) {
    self.table = table
    self.write = write
    self.origin = origin
    switch write {
    case .create(let object), .update(let object, _):
      self.object = try table.prepare(object)
      key = StoreKey(kind: table.kind, key: ObjectKey(namespace: object.namespace, name: object.name))
    case .remove(let removed, _):
      object = nil
      key = StoreKey(kind: table.kind, key: removed)
    }
    size = ResourceLimits.size(object?.text.bytes ?? [])
  }
}

struct StoreKey: Sendable, Hashable, Comparable {
  var kind: String
  var key: ObjectKey

  static func < (left: StoreKey, right: StoreKey) -> Bool { (left.kind, left.key) < (right.kind, right.key) }
}

/// What becomes of one write.
enum WriteDecision: Sendable {
  case create
  case replace(previous: StoredRow)
  case remove(previous: StoredRow)
  case refuse(StatusError)

  /// - Parameter current: the object as it is; nil where there is none.
  init(_ request: RequestedWrite, current: StoredRow?) {
    let names = request.table.names
    let name = request.key.key.name
    switch (request.write, current) {
    case (.create, nil): self = .create
    case (.create, _?): self = .refuse(.alreadyExists(names, name))
    case (.update, nil), (.remove, nil): self = .refuse(.notFound(names, name))
    case (.update(_, let expected), let row?) where row.revision == expected: self = .replace(previous: row)
    case (.remove(_, let expected), let row?) where row.revision == expected: self = .remove(previous: row)
    case (.update, _?), (.remove, _?): self = .refuse(.conflict(names, name))
    }
  }

  /// - Parameter written: bytes of the object that is stored.
  func loggedBytes(_ written: Int) -> Int {
    switch self {
    case .create: written
    case .replace(let previous): written + previous.size
    case .remove(let previous): previous.size
    case .refuse: 0
    }
  }
}

extension ResourceLimits {
  /// What the store adds to an object, such as its place in an index, about.
  private static let addedBytes = 200

  /// About how many bytes an object takes.
  /// - Parameter json: its text, before it is stored.
  package static func size(_ json: [UInt8]) -> Int { json.count + addedBytes }

  /// Why `object` is not kept; nil where it is. What an earlier version took may shrink, and may be marked as deleted.
  /// - Parameters:
  ///   - bytes: as `size(_:)` counts them.
  ///   - previousBytes: of the object that it replaces.
  package func refusal(of object: JSONValue, bytes: Int, previousBytes: Int? = nil) -> StatusError? {
    guard bytes > objectBytes else { return nil }
    if let previousBytes, bytes <= previousBytes || object["metadata"]?["deletionTimestamp"] != nil { return nil }
    return StatusError(
      .requestEntityTooLarge,
      "the object is too large: it has \(bytes) bytes as JSON, and at most \(objectBytes) are kept")
  }

  /// Why no further object is kept beside those that are there; nil where one is.
  func refusal(_ names: ResourceNames, in namespace: String, beside count: ObjectCount) -> StatusError? {
    if let perNamespace, count.inNamespace >= perNamespace {
      return StatusError(
        .forbidden,
        "exceeded quota: namespace \"\(namespace)\" holds \(count.inNamespace) \(names.plural), limited to "
          + "\(perNamespace); delete some first")
    }
    if let total, count.total >= total {
      return StatusError(
        .forbidden,
        "exceeded quota: this server holds \(count.total) \(names.plural), limited to \(total); delete some first")
    }
    return nil
  }
}

/// How many objects of one kind there are.
struct ObjectCount: Sendable, Hashable {
  var inNamespace: Int
  var total: Int
}
