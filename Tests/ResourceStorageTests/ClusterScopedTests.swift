import ResourceModel
import ResourceStorage
import TestSupport
import Testing
import WireFormats

/// Kinds whose objects lie in no namespace, as JSON text and as columns: their namespace is the empty text.
@Suite(.postgreSQLServer, .timeLimit(.minutes(10))) struct ClusterScopedTests {
  private static func object(_ name: String, labels: [String: String] = [:], size: Int64 = 0) -> JSONValue {
    var object = StorageFixture.object(name, namespace: "", labels: labels, size: size)
    object["metadata"]?["namespace"] = nil
    return object
  }

  @Test(arguments: TestDatabase.available)
  func objectsWithoutANamespaceAreWrittenReadListedAndWatched(_ database: TestDatabase) async throws {
    try await StorageFixture.with(database) { fixture in
      let (store, kind) = (fixture.store, StorageFixture.widgets)
      let stream = try await fixture.watch(after: 1)
      let ofNone = try await fixture.watch(namespace: "", after: 1)
      for number in 1...5 {
        _ = try await store.write(
          kind, .create(object: Self.object("n\(number)", labels: ["odd": "\(number % 2)"], size: Int64(number))))
      }
      // Another kind has the same names in a namespace.
      try await fixture.create("n1", kind: StorageFixture.gadgets)
      let key = ObjectKey(namespace: "", name: "n1")
      let first = try #require(await store.get(kind, key))
      #expect(first.key == key && key.description == "n1")
      #expect(try first.value()["metadata"]?["namespace"] == nil)
      for namespace in [nil, ""] {
        let page = try await store.list(kind, ListQuery(namespace: namespace, limit: 2))
        #expect(page.items.map(\.key.name) == ["n1", "n2"] && page.remainingItemCount == 3)
        // Pages after it show the same revision, whatever happens.
        let changed = try await store.write(
          kind,
          .update(
            object: Self.object("n4", labels: ["odd": "0"], size: 40),
            expected: try #require(await store.get(kind, ObjectKey(namespace: "", name: "n4"))).revision))
        let rest = try await store.list(
          kind, ListQuery(namespace: namespace, limit: 5, continueToken: page.continueToken))
        #expect(rest.items.map(\.key.name) == ["n3", "n4", "n5"] && rest.items[1].revision < changed.revision)
      }
      let other = await #expect(throws: StatusError.self) {
        let token = try await store.list(kind, ListQuery(limit: 1)).continueToken
        _ = try await store.list(kind, ListQuery(namespace: "other", continueToken: token))
      }
      #expect(other?.reason == .badRequest)
      let odd = ObjectSelector(
        labels: [.equals(key: "odd", value: "1")], fields: [.notEquals(path: "metadata.name", value: "n3")])
      #expect(try await fixture.list(ListQuery(selector: odd)).map(\.key.name) == ["n1", "n5"])
      let unnamed = ObjectSelector(fields: [.equals(path: "metadata.namespace", value: "")])
      #expect(try await fixture.list(ListQuery(selector: unnamed)).count == 5)
      _ = try await store.write(kind, .remove(key: key, expected: first.revision))
      for changes in [try await stream.first(8), try await ofNone.first(8)] {
        #expect(changes.map { $0.object?.key.name } == ["n1", "n2", "n3", "n4", "n5", "n4", "n4", "n1"])
        #expect(changes.last?.kind == .deleted)
      }
      #expect(try await store.occupiedNamespaces() == ["default"])
    }
  }

  @Test(arguments: TestDatabase.available)
  func columnsWithoutANamespaceAreListedInPages(_ database: TestDatabase) async throws {
    try await ColumnFixture.with(database) { fixture in
      for number in 1...5 { try await fixture.create("1.0.\(number)", number: number) }
      for namespace in [nil, ""] {
        let page = try await fixture.store.list(ColumnFixture.releases, ListQuery(namespace: namespace, limit: 2))
        #expect(page.items.map(\.key.name) == ["1.0.1", "1.0.2"] && page.remainingItemCount == 3)
        let query = ListQuery(namespace: namespace, limit: 5, continueToken: page.continueToken)
        let rest = try await fixture.store.list(ColumnFixture.releases, query)
        #expect(rest.items.map(\.key.name) == ["1.0.3", "1.0.4", "1.0.5"])
      }
      #expect(try await fixture.list(ColumnFixture.releases, ListQuery(namespace: "elsewhere")).isEmpty)
    }
  }
}
