import Database
import Logging
import ResourceModel
import TestSupport
import Testing
import WireFormats

@testable import ResourceStorage

/// A database that an earlier version of the program has filled, whose texts hold their versions.
@Suite(.postgreSQLServer, .timeLimit(.minutes(5)))
struct StorageMigrationTests {
  /// As the former version kept it: the text complete.
  private static func text(_ name: String, revision: Int64, size: Int64) -> String {
    StorageFixture.object(name, labels: ["a": "b"], size: size).stamped(revision).text
  }

  private static func migrate(_ database: any Database, _ isChosen: (Migration) -> Bool) async throws {
    var logger = Logger(label: "test")
    logger.logLevel = .critical
    let migrations = SQLResourceStore.migrations(for: [StorageFixture.widgets, StorageFixture.gadgets])
    try await Migrator(migrations.filter(isChosen), logger: logger) { "2026-01-01T00:00:00Z" }.migrate(database)
  }

  /// Two objects, of which the second was changed once, and a third that is gone.
  private static func fill(_ database: any Database) async throws {
    try await migrate(database) { $0.version <= 2 }
    try await database.transaction(.write) { connection in
      try connection.execute("UPDATE resource_revision SET revision = 6")
      let labels = connection.dialect == .postgresql ? "CAST('{\"a\":\"b\"}' AS jsonb)" : "'{\"a\":\"b\"}'"
      for (name, revision, size) in [("a", 2, 1), ("b", 5, 3)] as [(String, Int64, Int64)] {
        try connection.execute(
          """
          INSERT INTO widget (namespace, name, uid, resource_version, generation, labels, created_at, object)
          VALUES ('default', $1, $2, $3, 1, \(labels), '2026-01-01T00:00:00Z', $4)
          """,
          [
            .text(name), .text("uid-default-\(name)"), .integer(revision),
            .text(text(name, revision: revision, size: size)),
          ])
      }
      let changes: [(Int64, String, String, String, Int64?, String?)] = [
        (2, "a", "ADDED", text("a", revision: 2, size: 1), nil, nil),
        (3, "b", "ADDED", text("b", revision: 3, size: 2), nil, nil),
        (4, "c", "ADDED", text("c", revision: 4, size: 9), nil, nil),
        (5, "b", "MODIFIED", text("b", revision: 5, size: 3), 3, text("b", revision: 3, size: 2)),
        (6, "c", "DELETED", "", 4, text("c", revision: 4, size: 9)),
      ]
      for (revision, name, type, object, previousRevision, previous) in changes {
        try connection.execute(
          """
          INSERT INTO resource_change
            (revision, kind, namespace, name, type, uid, object, previous_revision, previous, written_at, size)
          VALUES ($1, $2, 'default', $3, $4, $5, $6, $7, $8, 1, 100)
          """,
          [
            .integer(revision), .text(StorageFixture.widgets.names.qualifiedPlural), .text(name), .text(type),
            .text("uid-default-\(name)"), .text(object), previousRevision.map { .integer($0) } ?? .null,
            previous.map { .text($0) } ?? .null,
          ])
      }
    }
  }

  @Test(arguments: TestDatabase.available)
  func nothingOfItIsLostAndEveryVersionIsRight(_ kind: TestDatabase) async throws {
    let instance = try await kind.create()
    let database = try await openDatabase(instance.url)
    try await Self.fill(database)
    try await Self.migrate(database) { _ in true }
    let store = SQLResourceStore(
      database: database, definitions: [StorageFixture.widgets, StorageFixture.gadgets],
      options: StorageFixture.options(), logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    let key = ObjectKey(namespace: "default", name: "b")

    let watch = try await store.watch(
      StorageFixture.widgets, namespace: nil, selector: .everything, after: 1)
    let changes = try await watch.first(5)
    #expect(changes.map(\.revision) == [2, 3, 4, 5, 6])
    #expect(changes.map(\.kind) == [.added, .added, .added, .modified, .deleted])
    for change in changes { #expect(try change.object?.resourceVersion == String(change.revision)) }

    let listed = try await store.list(StorageFixture.widgets, ListQuery())
    #expect(try listed.items.map { try $0.resourceVersion } == ["2", "5"])
    let found = try #require(try await store.get(StorageFixture.widgets, key))
    #expect(try found.resourceVersion == "5")
    #expect(try found.value() == StorageFixture.object("b", labels: ["a": "b"], size: 3).stamped(5))

    var changed = try found.value()
    changed["spec"] = ["size": 4]
    let written = try await store.write(StorageFixture.widgets, .update(object: changed, expected: 5))
    #expect(try written.resourceVersion == "7")
    #expect(try JSONValue(parsing: written.json) == changed.stamped(7))
    let removed = try await store.write(
      StorageFixture.widgets, .remove(key: ObjectKey(namespace: "default", name: "a"), expected: 2))
    #expect(try removed.resourceVersion == "2", "as it was before")
    let later = try await store.watch(
      StorageFixture.widgets, namespace: nil, selector: ObjectSelector(labels: [.exists(key: "a")]), after: 6)
    let told = try await later.first(2)
    #expect(try told.map { try $0.object?.resourceVersion } == ["7", "8"])
    #expect(told.map(\.kind) == [.modified, .deleted])
    store.close()
    await database.close()
  }

  @Test func aTextIsTheSameAsTheSerializerWrites() throws {
    for object: JSONValue in [
      StorageFixture.object("a", labels: ["x": "y \"z\" \\ \u{1}"]), ["spec": [:]],
      ["metadata": ["uid": "u", "zone": 1]],
    ] {
      let text = ObjectText(object)
      let stored = StoredObject(
        key: ObjectKey(namespace: "", name: ""), uid: "", revision: 1_234_567, text: text.bytes,
        versionOffset: text.versionOffset)
      #expect(stored.json == object.stamped(1_234_567).serialized())
      #expect(try stored.value() == object.stamped(1_234_567))
      #expect(stored.under(9).json == object.stamped(9).serialized())
    }
  }

  /// A process of the former version has written over an object of this one, and left its offset.
  @Test func anOffsetOfAnotherTextPutsNoVersionIntoThis() throws {
    let object = StorageFixture.object("a")
    let offset = ObjectText(object).versionOffset
    for text in [object.stamped(12), StorageFixture.object("a-longer-name").stamped(7)].map({ $0.serialized() }) {
      let stored = StoredObject(
        key: ObjectKey(namespace: "default", name: "a"), uid: "", revision: 99, text: text, versionOffset: offset)
      #expect(stored.json == text)
    }
  }

  @Test(arguments: [-1, 0, 5, 1 << 40])
  func anOffsetThatLiesNowhereCostsOnlyTheVersion(_ offset: Int) throws {
    let stored = StoredObject(
      key: ObjectKey(namespace: "", name: "a"), uid: "", revision: 1, text: Array("{}".utf8), versionOffset: offset)
    #expect(stored.json == Array("{}".utf8))
  }
}
