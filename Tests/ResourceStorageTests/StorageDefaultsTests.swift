import Database
import Logging
import ResourceModel
import TestSupport
import Testing
import WireFormats

@testable import ResourceStorage

/// What objects of an earlier version lack is there once a version with new defaults serves them.
@Suite(.postgreSQLServer, .timeLimit(.minutes(5)))
struct StorageDefaultsTests {
  @Test(arguments: TestDatabase.available)
  func whatReadersAreShownHasTheDefaultsOfTheVersionThatServes(_ database: TestDatabase) async throws {
    try await StorageFixture.with(database) { fixture in
      // More than are looked at in one go, and one that says it itself.
      for number in 0..<StoredDefaults.chunk + 3 { try await fixture.create("n\(number)", size: Int64(number)) }
      let given = try await fixture.store.write(
        StorageFixture.widgets, .create(object: Self.object("z", ["size": 1, "colour": "red"])))
      let store = Self.store(fixture, defaultColour: "blue")
      let watch = try await store.watch(
        Self.widgets(defaultColour: "blue"), namespace: nil, selector: .everything, after: given.revision)
      try await store.start()

      let key = ObjectKey(namespace: "default", name: "n7")
      let read = try #require(try await store.get(StorageFixture.widgets, key)).value()
      #expect(read["spec"] == ["size": 7, "colour": "blue"])
      #expect(read["metadata"]?["generation"] == 1)
      var listed: [StoredObject] = []
      var query = ListQuery()
      repeat {
        let page = try await store.list(StorageFixture.widgets, query)
        listed += page.items
        query.continueToken = page.continueToken
      } while query.continueToken != nil
      #expect(try listed.allSatisfy { try $0.value()["spec"]?["colour"] != nil })
      #expect(try listed.last?.value() == given.value())
      let told = try await watch.first(1)
      #expect(try told[0].object?.value()["spec"]?["colour"] == "blue")
      store.close()
    }
  }

  @Test(arguments: TestDatabase.available)
  func aServerThatStartsAgainWritesNothing(_ database: TestDatabase) async throws {
    try await StorageFixture.with(database) { fixture in
      try await fixture.create("a")
      let first = Self.store(fixture, defaultColour: "blue")
      try await first.start()
      let object = try await first.get(StorageFixture.widgets, ObjectKey(namespace: "default", name: "a"))
      first.close()
      let second = Self.store(fixture, defaultColour: "blue")
      try await second.start()
      #expect(try await second.get(StorageFixture.widgets, ObjectKey(namespace: "default", name: "a")) == object)
      second.close()
      // What once was filled in is the object's own: another default does not change it.
      let third = Self.store(fixture, defaultColour: "green")
      try await third.start()
      #expect(try await third.get(StorageFixture.widgets, ObjectKey(namespace: "default", name: "a")) == object)
      third.close()
    }
  }

  private static func widgets(defaultColour: String) -> ResourceDefinition {
    ResourceDefinition(
      names: StorageFixture.widgets.names, table: StorageFixture.widgets.table,
      schema: .object(properties: [
        "spec": .object(properties: [
          "size": .integer(),
          "colour": .string(.init(), Schema.Documentation("The paint.", default: .string(defaultColour))),
        ])
      ]))
  }

  private static func store(_ fixture: StorageFixture, defaultColour: String) -> SQLResourceStore {
    SQLResourceStore(
      database: fixture.database, definitions: [widgets(defaultColour: defaultColour)],
      options: StorageFixture.options(), logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
  }

  private static func object(_ name: String, _ spec: JSONValue) -> JSONValue {
    var object = StorageFixture.object(name)
    object["spec"] = spec
    return object
  }
}
