public import ResourceModel
public import WireFormats

/// Keeps the objects of registered kinds and the order of their changes.
///
/// Every write gets the next revision of one sequence shared by all server processes, in the order of their commits, so
/// that "everything after revision N" is well defined: no watcher misses or reorders a change.
public protocol ResourceStore: Sendable {
  /// - Returns: nil where there is no such object.
  func get(_ kind: ResourceDefinition, _ key: ObjectKey) async throws -> StoredObject?

  /// One page of a list. All pages of one list show the state of one revision or fail with 410 `Expired`.
  func list(_ kind: ResourceDefinition, _ query: ListQuery) async throws -> ListPage

  /// Carries out one write.
  /// - Parameter origin: for the audit; nil for what a program does by itself.
  /// - Returns: the object as stored, or as it was before its removal.
  /// - Throws: `StatusError` `alreadyExists`, `notFound` or `conflict`.
  func write(_ kind: ResourceDefinition, _ write: ObjectWrite, by origin: WriteOrigin?) async throws -> StoredObject

  /// The changes after `revision`, each once, in order, until cancelled.
  /// - Throws: from the sequence, `StatusError` `expired` where `revision` is older than what is kept, or where the
  ///   reader is too slow for its buffer.
  func watch(
    _ kind: ResourceDefinition, namespace: String?, selector: ObjectSelector, after revision: Int64
  ) async throws -> AsyncThrowingStream<ObjectChange, any Error>

  /// The newest revision that is visible.
  func currentRevision() async throws -> Int64
}

extension ResourceStore {
  /// What a program writes by itself.
  public func write(_ kind: ResourceDefinition, _ write: ObjectWrite) async throws -> StoredObject {
    try await self.write(kind, write, by: nil)
  }
}

/// One write. `object` is complete but for `metadata.resourceVersion`, which the store sets.
public enum ObjectWrite: Sendable {
  case create(object: JSONValue)
  /// Replaces the object if its revision still is `expected`.
  case update(object: JSONValue, expected: Int64)
  /// Removes the object if its revision still is `expected`.
  case remove(key: ObjectKey, expected: Int64)
}

public struct ObjectChange: Sendable, Hashable {
  public enum Kind: Sendable, Hashable { case added, modified, deleted, bookmark }

  public var kind: Kind
  public var revision: Int64
  /// The object after the change; before it, with the change's revision, for a deletion; nil for a bookmark.
  public var object: StoredObject?

  public init(kind: Kind, revision: Int64, object: StoredObject?) {
    self.kind = kind
    self.revision = revision
    self.object = object
  }
}

public struct ListQuery: Sendable {
  /// Nil for all namespaces.
  public var namespace: String?
  public var selector: ObjectSelector
  /// At most this many objects; nil for the server's maximum page.
  public var limit: Int?
  public var continueToken: String?

  public init(
    namespace: String? = nil, selector: ObjectSelector = .everything, limit: Int? = nil, continueToken: String? = nil
  ) {
    self.namespace = namespace
    self.selector = selector
    self.limit = limit
    self.continueToken = continueToken
  }
}

public struct ListPage: Sendable {
  /// The revision the list shows, from which a watch goes on.
  public var revision: Int64
  public var items: [StoredObject]
  public var continueToken: String?
  public var remainingItemCount: Int?

  public init(revision: Int64, items: [StoredObject], continueToken: String? = nil, remainingItemCount: Int? = nil) {
    self.revision = revision
    self.items = items
    self.continueToken = continueToken
    self.remainingItemCount = remainingItemCount
  }
}
