import CoreKinds
import Database
import DeploymentKinds
import Logging
import ResourceModel
import ResourceServer
import ResourceStorage
import Synchronization
import TestSupport
import Testing
import WireFormats

@testable import Backend

@Suite(.postgreSQLServer, .timeLimit(.minutes(10))) struct EventRetentionTests {
  private static let start = Timestamp(seconds: 1_800_000_000)

  /// Runs `body` with a store whose time of day `time` tells.
  private func with(
    _ kind: TestDatabase, _ body: (SQLResourceStore, any Database, Time) async throws -> Void
  ) async throws {
    let instance = try await kind.create()
    let database = try await openDatabase(instance.url)
    try await Migrator(BackendMigrations.all, now: { "2026-11-24T00:00:00Z" }).migrate(database)
    let time = Time()
    let store = SQLResourceStore(
      database: database, definitions: BackendKinds.definitions, options: StoreOptions(now: { time.now }))
    try await body(store, database, time)
    store.close()
    await database.close()
  }

  private final class Time: Sendable {
    private let seconds = Mutex(0)

    var now: Timestamp { EventRetentionTests.start + .seconds(seconds.withLock { $0 }) }

    func pass(until second: Int) { seconds.withLock { $0 = second } }
  }

  private func create(_ name: String, in namespace: String = "n", _ store: SQLResourceStore) async throws {
    let event = Event(
      metadata: ObjectMeta(name: name, namespace: namespace, uid: "\(namespace)-\(name)"),
      involvedObject: Event.Reference(name: "x"), reason: "R", message: "m", firstTimestamp: Self.start,
      lastTimestamp: Self.start)
    _ = try await store.write(Event.definition, .create(object: try JSONValue(encoding: event)))
  }

  private func names(_ store: SQLResourceStore) async throws -> [String] {
    try await store.list(Event.definition, ListQuery()).items.map(\.key.name)
  }

  @Test(arguments: TestDatabase.available)
  func whatNobodyHasWrittenForLongGoesAndWatchersAreTold(_ kind: TestDatabase) async throws {
    try await with(kind) { store, _, time in
      for (name, second) in [("a", 0), ("b", 30), ("c", 60)] {
        time.pass(until: second)
        try await create(name, store)
      }
      let revision = try await store.currentRevision()
      let token = try await store.list(Event.definition, ListQuery(limit: 1)).continueToken
      time.pass(until: 100)
      let rule = RetirementRule(age: .seconds(60), keptPerNamespace: 100, kept: 100)
      let retention = Retention(of: Event.definition, rule, in: store, logger: Logger(label: "test"))
      #expect(try await retention.sweep() == 2)
      #expect(try await names(store) == ["c"])
      let changes = try await store.watch(
        Event.definition, namespace: nil, selector: ObjectSelector(fields: [.equals(path: "reason", value: "R")]),
        after: revision)
      var seen: [ObjectChange] = []
      for try await change in changes {
        seen.append(change)
        if seen.count == 2 { break }
      }
      #expect(seen.map(\.kind) == [.deleted, .deleted])
      #expect(seen.map(\.revision) == [revision + 1, revision + 2])
      #expect(seen.map { $0.object?.key.name } == ["a", "b"])
      for change in seen {
        #expect(try change.object?.value()["metadata"]?["resourceVersion"] == .string("\(change.revision)"))
      }
      // A list that had begun before goes on as it was.
      let rest = try await store.list(Event.definition, ListQuery(continueToken: token))
      #expect(rest.items.map(\.key.name) == ["b", "c"])
    }
  }

  @Test(arguments: TestDatabase.available)
  func ofTooManyTheOldestGo(_ kind: TestDatabase) async throws {
    try await with(kind) { store, _, time in
      for second in 0..<6 {
        time.pass(until: second)
        // In the order of their names the oldest is the last.
        try await create("e\(9 - second)", in: second.isMultiple(of: 2) ? "even" : "odd", store)
      }
      _ = try await store.retire(
        Event.definition, RetirementRule(age: .seconds(60), keptPerNamespace: 2, kept: 100))
      #expect(try await names(store) == ["e5", "e7", "e4", "e6"])
      _ = try await store.retire(Event.definition, RetirementRule(age: .seconds(60), keptPerNamespace: 2, kept: 1))
      #expect(try await names(store) == ["e4"])
    }
  }

  /// An earlier version took objects of 3 MB, and nested as deeply as a patch could make them.
  @Test(arguments: TestDatabase.available)
  func whatAnEarlierVersionTookIsReadDeletedAndRetired(_ kind: TestDatabase) async throws {
    try await with(kind) { store, database, _ in
      let deep = String(repeating: "[", count: 5_000) + String(repeating: "]", count: 5_000)
      let large = "\"\(String(repeating: "x", count: 2_900_000))\""
      for (name, text, createdAt) in [
        ("deep", deep, "2020-01-01T00:00:00Z"), ("kept-deep", deep, "2099-01-01T00:00:00Z"),
        ("kept-large", large, "2099-01-01T00:00:00Z"), ("large", large, "2020-01-01T00:00:00Z"),
      ] {
        let object = "{\"metadata\":{\"name\":\"\(name)\",\"namespace\":\"n\"},\"message\":\(text)}"
        try await database.transaction(.write) { connection in
          _ = try connection.execute(
            """
            INSERT INTO event (namespace, name, uid, resource_version, generation, labels, created_at, object)
            VALUES ('n', $1, $1, 1, 1, '{}', $2, $3)
            """, [.text(name), .text(createdAt), .text(object)])
        }
      }
      // Large ones do not share a page.
      var query = ListQuery()
      var pages: [[String]] = []
      repeat {
        let page = try await store.list(Event.definition, query)
        pages.append(page.items.map(\.key.name))
        query.continueToken = page.continueToken
      } while query.continueToken != nil
      #expect(pages == [["deep", "kept-deep"], ["kept-large"], ["large"]])
      _ = try await store.retire(
        Event.definition, RetirementRule(age: .seconds(60), keptPerNamespace: 100, kept: 100))
      #expect(try await names(store) == ["kept-deep"])
      for name in ["kept-deep", "kept-large"] {
        _ = try await store.write(
          Event.definition, .remove(key: ObjectKey(namespace: "n", name: name), expected: 1))
      }
      let changes = try await store.watch(Event.definition, namespace: nil, selector: .everything, after: 1)
      var seen: [String?] = []
      for try await change in changes {
        seen.append(change.object?.key.name)
        if seen.count == 4 { break }
      }
      #expect(seen == ["deep", "large", "kept-deep", "kept-large"])
    }
  }
}
