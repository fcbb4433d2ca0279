import ResourceModel
import ResourceServer
import ResourceStorage
import Synchronization
import WireFormats

/// A store in memory, so that the tests of the HTTP layer need no database.
final class MemoryResourceStore: ResourceStore {
  private struct State {
    var revision: Int64 = 1
    var objects: [String: [ObjectKey: StoredObject]] = [:]
    var changes: [(plural: String, change: ObjectChange)] = []
    var compactedBelow: Int64 = 0
    var watchers: [Int: Watcher] = [:]
    var nextWatcher = 0
    var holdsSearches = false
    var origins: [WriteOrigin?] = []
  }

  private struct Watcher {
    var plural: String
    var namespace: String?
    var selector: ObjectSelector
    var continuation: AsyncThrowingStream<ObjectChange, any Error>.Continuation

    func offer(_ plural: String, _ change: ObjectChange) {
      guard plural == self.plural, let object = change.object, namespace == nil || namespace == object.key.namespace,
        selector.isEverything || (try? object.value()).map(selector.matches) == true
      else { return }
      continuation.yield(change)
    }
  }

  private let state = Mutex(State())
  /// Held while changes are passed on, so that watchers see them in order; never with `state`: a stream that ends at that moment calls back
  /// (`removeWatcher`) while it keeps whoever yields to it waiting.
  private let order = Mutex(())
  enum Search { case held, cancelled }
  /// What became of lists with a selector.
  let searches: AsyncStream<Search>
  private let announceSearch: AsyncStream<Search>.Continuation

  init() { (searches, announceSearch) = AsyncStream.makeStream() }

  /// Lists with a selector last until they are cancelled.
  func holdSearches() { state.withLock { $0.holdsSearches = true } }

  func get(_ kind: ResourceDefinition, _ key: ObjectKey) async throws -> StoredObject? {
    state.withLock { $0.objects[kind.names.plural]?[key] }
  }

  func list(_ kind: ResourceDefinition, _ query: ListQuery) async throws -> ListPage {
    if !query.selector.isEverything, state.withLock(\.holdsSearches) {
      announceSearch.yield(.held)
      do {
        try await Task.sleep(for: .seconds(3600))
      } catch {
        announceSearch.yield(.cancelled)
        throw error
      }
    }
    let (revision, all) = state.withLock { ($0.revision, $0.objects[kind.names.plural] ?? [:]) }
    let matching = all.values.sorted { $0.key < $1.key }.filter { object in
      (query.namespace == nil || query.namespace == object.key.namespace)
        && (query.selector.isEverything || (try? object.value()).map(query.selector.matches) == true)
    }
    guard let start = Int(query.continueToken ?? "0") else {
      throw StatusError(.badRequest, "continue key is not valid")
    }
    let end = min(matching.count, start + (query.limit ?? 500))
    let isLast = end == matching.count
    return ListPage(
      revision: revision, items: Array(matching[start..<end]), continueToken: isLast ? nil : String(end),
      remainingItemCount: isLast ? nil : matching.count - end)
  }

  /// Who wrote, in the order of the writes.
  var origins: [WriteOrigin?] { state.withLock(\.origins) }

  func write(
    _ kind: ResourceDefinition, _ write: ObjectWrite, by origin: WriteOrigin?
  ) async throws -> StoredObject {
    try order.withLock { _ in
      let (object, change, watchers) = try kept(kind, write, by: origin)
      for watcher in watchers { watcher.offer(kind.names.plural, change) }
      return object
    }
  }

  private func kept(
    _ kind: ResourceDefinition, _ write: ObjectWrite, by origin: WriteOrigin?
  ) throws -> (StoredObject, ObjectChange, [Watcher]) {
    try state.withLock { state in
      let plural = kind.names.plural
      let change: ObjectChange
      switch write {
      case .create(let object):
        let key = Self.key(object)
        guard state.objects[plural]?[key] == nil else { throw StatusError.alreadyExists(kind.names, key.name) }
        change = Self.change(.added, object, state.revision + 1)
      case .update(let object, let expected):
        let key = Self.key(object)
        try Self.check(state.objects[plural]?[key], expected, kind, key)
        change = Self.change(.modified, object, state.revision + 1)
      case .remove(let key, let expected):
        try Self.check(state.objects[plural]?[key], expected, kind, key)
        let object = try state.objects[plural]?[key]?.value() ?? .null
        change = Self.change(.deleted, object, state.revision + 1)
      }
      guard let object = change.object else { throw StatusError(.internalError, "no object") }
      state.revision += 1
      state.origins.append(origin)
      state.objects[plural, default: [:]][object.key] = change.kind == .deleted ? nil : object
      state.changes.append((plural, change))
      return (object, change, Array(state.watchers.values))
    }
  }

  func watch(
    _ kind: ResourceDefinition, namespace: String?, selector: ObjectSelector, after revision: Int64
  ) async throws -> AsyncThrowingStream<ObjectChange, any Error> {
    let (stream, continuation) = AsyncThrowingStream<ObjectChange, any Error>.makeStream()
    let watcher = Watcher(
      plural: kind.names.plural, namespace: namespace, selector: selector, continuation: continuation)
    let number: Int? = order.withLock { _ in
      let added: (number: Int, missed: [(String, ObjectChange)])? = state.withLock { state in
        guard revision >= state.compactedBelow else { return nil }
        state.nextWatcher += 1
        state.watchers[state.nextWatcher] = watcher
        return (state.nextWatcher, state.changes.filter { $0.1.revision > revision })
      }
      for (plural, change) in added?.missed ?? [] { watcher.offer(plural, change) }
      return added?.number
    }
    guard let number else { throw StatusError(.expired, "too old resource version: \(revision)") }
    continuation.onTermination = { [weak self] _ in self?.removeWatcher(number) }
    return stream
  }

  func currentRevision() async throws -> Int64 { state.withLock { $0.revision } }

  private func removeWatcher(_ number: Int) { _ = state.withLock { $0.watchers.removeValue(forKey: number) } }

  // MARK: For tests

  var watcherCount: Int { state.withLock { $0.watchers.count } }

  /// Forgets the changes so far, as a store does with old ones.
  func compact() { state.withLock { $0.compactedBelow = $0.revision } }

  /// Ends every watch as a store does with readers that are too slow.
  func failWatchers() {
    let watchers = state.withLock { state in
      defer { state.watchers = [:] }
      return Array(state.watchers.values)
    }
    for watcher in watchers { watcher.continuation.finish(throwing: StatusError(.expired, "too slow")) }
  }

  private static func key(_ object: JSONValue) -> ObjectKey {
    ObjectKey(
      namespace: object["metadata"]?["namespace"]?.string ?? "", name: object["metadata"]?["name"]?.string ?? "")
  }

  private static func change(_ kind: ObjectChange.Kind, _ object: JSONValue, _ revision: Int64) -> ObjectChange {
    var object = object
    object["metadata"]?["resourceVersion"] = .string(String(revision))
    let stored = StoredObject(
      key: key(object), uid: object["metadata"]?["uid"]?.string ?? "", revision: revision, json: object.serialized())
    return ObjectChange(kind: kind, revision: revision, object: stored)
  }

  private static func check(
    _ stored: StoredObject?, _ expected: Int64, _ kind: ResourceDefinition, _ key: ObjectKey
  ) throws(StatusError) {
    guard let stored else { throw StatusError.notFound(kind.names, key.name) }
    guard stored.revision == expected else { throw StatusError.conflict(kind.names, key.name) }
  }
}
