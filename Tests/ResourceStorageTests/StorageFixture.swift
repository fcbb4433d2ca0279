import Database
import Logging
import ResourceModel
import ResourceStorage
import TestSupport
import WireFormats

/// A store over a new database, with two kinds.
struct StorageFixture: Sendable {
  static let widgets = definition("Widget", "widget")
  static let gadgets = definition("Gadget", "gadget")

  let instance: TestDatabase.Instance
  let database: any Database
  let store: SQLResourceStore

  private static func definition(_ kind: String, _ singular: String) -> ResourceDefinition {
    ResourceDefinition(
      names: ResourceNames(
        group: "test.example", version: "v1", kind: kind, plural: "\(singular)s", singular: singular),
      table: singular, schema: .any())
  }

  static func options(
    keptChanges: Int = 20_000, windowSize: Int = 1 << 20, pollInterval: Duration = .milliseconds(20),
    clock: any Clock<Duration> = ContinuousClock()
  ) -> StoreOptions {
    StoreOptions(
      keptChanges: keptChanges, windowSize: windowSize, pollInterval: pollInterval, clock: clock,
      now: { Timestamp(seconds: 1_800_000_000) })
  }

  /// Runs `body` with a store, then closes everything.
  static func with(
    _ kind: TestDatabase, options: StoreOptions = options(), _ body: (StorageFixture) async throws -> Void
  ) async throws {
    let instance = try await kind.create()
    let fixture = try await open(instance, options)
    try await body(fixture)
    await fixture.close()
  }

  /// Another server process, so to say, over the same database.
  func another(options: StoreOptions = options()) async throws -> StorageFixture {
    try await Self.open(instance, options)
  }

  private static func open(_ instance: TestDatabase.Instance, _ options: StoreOptions) async throws -> StorageFixture {
    let database = try await openDatabase(instance.url)
    var logger = Logger(label: "test")
    logger.logLevel = .critical
    try await Migrator(SQLResourceStore.migrations(for: [widgets, gadgets]), logger: logger) { "2026-01-01T00:00:00Z" }
      .migrate(database)
    let store = SQLResourceStore(
      database: database, definitions: [widgets, gadgets], options: options, logger: logger)
    return StorageFixture(instance: instance, database: database, store: store)
  }

  func close() async {
    store.close()
    await database.close()
  }

  static func object(
    _ name: String, namespace: String = "default", labels: [String: String] = [:], size: Int64 = 0
  ) -> JSONValue {
    [
      "apiVersion": "test.example/v1", "kind": "Widget",
      "metadata": [
        "name": .string(name), "namespace": .string(namespace), "uid": .string("uid-\(namespace)-\(name)"),
        "generation": 1, "creationTimestamp": "2026-01-01T00:00:00Z",
        "labels": .object(labels.mapValues { .string($0) }),
      ],
      "spec": ["size": .integer(size)],
    ]
  }

  @discardableResult
  func create(
    _ name: String, namespace: String = "default", labels: [String: String] = [:], size: Int64 = 0,
    kind: ResourceDefinition = widgets
  ) async throws -> StoredObject {
    try await store.write(
      kind, .create(object: Self.object(name, namespace: namespace, labels: labels, size: size)))
  }

  /// Replaces an object, whatever its revision is.
  @discardableResult
  func replace(
    _ name: String, namespace: String = "default", labels: [String: String] = [:], size: Int64
  ) async throws -> StoredObject {
    let object = Self.object(name, namespace: namespace, labels: labels, size: size)
    while true {
      guard let now = try await store.get(Self.widgets, ObjectKey(namespace: namespace, name: name)) else {
        throw StatusError.notFound(Self.widgets.names, name)
      }
      do {
        return try await store.write(Self.widgets, .update(object: object, expected: now.revision))
      } catch let error as StatusError where error.reason == .conflict {
        continue
      }
    }
  }

  func remove(_ name: String, namespace: String = "default") async throws {
    let key = ObjectKey(namespace: namespace, name: name)
    guard let now = try await store.get(Self.widgets, key) else { return }
    _ = try await store.write(Self.widgets, .remove(key: key, expected: now.revision))
  }

  func watch(
    namespace: String? = nil, selector: ObjectSelector = .everything, after revision: Int64
  ) async throws -> AsyncThrowingStream<ObjectChange, any Error> {
    try await store.watch(Self.widgets, namespace: namespace, selector: selector, after: revision)
  }

  /// All pages of a list.
  func list(_ query: ListQuery = ListQuery()) async throws -> [StoredObject] {
    var query = query
    var items: [StoredObject] = []
    repeat {
      let page = try await store.list(Self.widgets, query)
      items += page.items
      query.continueToken = page.continueToken
    } while query.continueToken != nil
    return items
  }
}

extension StoredObject {
  var size: Int64? { get throws { try value()["spec"]?["size"]?.integer } }
  var resourceVersion: String? { get throws { try value()["metadata"]?["resourceVersion"]?.string } }
}

extension AsyncThrowingStream where Element == ObjectChange, Failure == any Error {
  /// The next changes, bookmarks left out.
  func first(_ count: Int) async throws -> [ObjectChange] {
    var changes: [ObjectChange] = []
    for try await change in self where change.kind != .bookmark {
      changes.append(change)
      if changes.count == count { break }
    }
    return changes
  }
}
