import Database
import ResourceModel
import TestSupport
import Testing
import WireFormats

@testable import ResourceStorage

/// Kinds whose columns are the truth.
@Suite(.postgreSQLServer, .timeLimit(.minutes(10))) struct ColumnTableTests {
  @Test(arguments: TestDatabase.available)
  func anObjectIsKeptInItsColumnsAndPutTogetherFromThem(_ database: TestDatabase) async throws {
    try await ColumnFixture.with(database) { fixture in
      var object = ColumnFixture.release(
        "2.3.0", number: 1, labels: ["tier": "gold"],
        spec: [
          "note": "it's \"new\"\n", "isForced": true, "retries": 7, "settings": [["key": "A", "value": nil]],
          "extra": [1, 2.5],
        ], status: ["phase": "Published", "publishedAt": "2026-02-01T00:00:00Z", "conditions": [["type": "Ready"]]])
      object["metadata"]?["annotations"] = ["note": "ünï"]
      object["metadata"]?["finalizers"] = ["example.com/a"]
      let written = try await fixture.store.write(ColumnFixture.releases, .create(object: object))
      #expect(try written.value() == object.stamped(written.revision))
      #expect(try await fixture.release("2.3.0") == written)
      let columns = try await fixture.database.transaction(.read) { connection in
        try connection.query(
          """
          SELECT CAST(id AS text) AS id, version, "releaseNotes", CAST(status AS text) AS status, "isForced", retries,
            resource_version
          FROM gcc_release
          """
        )[0]
      }
      #expect(columns["id"].text == ColumnFixture.uid(1) && columns["version"].text == "2.3.0")
      #expect(columns["releaseNotes"].text == "it's \"new\"\n" && columns["status"].text == "published")
      #expect(columns["isForced"].boolean == true && columns["retries"].integer == 7)
      #expect(columns["resource_version"].integer == written.revision)
    }
  }

  @Test(arguments: TestDatabase.available)
  func writesAndRefusalsAreThoseOfEveryKind(_ database: TestDatabase) async throws {
    try await ColumnFixture.with(database) { fixture in
      let (store, releases) = (fixture.store, ColumnFixture.releases)
      let first = try await fixture.create("1.0.0", number: 1)
      let reasons = [
        ObjectWrite.create(object: ColumnFixture.release("1.0.0", number: 2)),
        .update(object: ColumnFixture.release("1.0.0", number: 1), expected: first.revision - 1),
        .update(object: ColumnFixture.release("9.9.9", number: 9), expected: 1),
        .remove(key: first.key, expected: first.revision + 1),
        .create(object: ColumnFixture.release("3.0.0", number: 3, spec: ["retries": "many"])),
      ]
      let expected: [StatusError.Reason] = [.alreadyExists, .conflict, .notFound, .conflict, .invalid]
      for (write, reason) in zip(reasons, expected) {
        let error = await #expect(throws: StatusError.self) { try await store.write(releases, write) }
        #expect(error?.reason == reason)
      }
      let changed = ColumnFixture.release("1.0.0", number: 1, spec: ["note": "changed"])
      let second = try await store.write(releases, .update(object: changed, expected: first.revision))
      #expect(second.revision > first.revision)
      #expect(try await fixture.release("1.0.0") == second)
      let removed = try await store.write(releases, .remove(key: first.key, expected: second.revision))
      #expect(removed == second)
      #expect(try await fixture.release("1.0.0") == nil)
    }
  }

  @Test(arguments: TestDatabase.available)
  func everyWriteIsWatchedOnceAndInOrder(_ database: TestDatabase) async throws {
    try await ColumnFixture.with(database) { fixture in
      let start = try await fixture.store.currentRevision()
      let stream = try await fixture.store.watch(
        ColumnFixture.releases, namespace: nil, selector: .everything, after: start)
      let created = try await fixture.create("1.0.0", number: 1, status: ["phase": "Draft"])
      let changed = try await fixture.store.write(
        ColumnFixture.releases,
        .update(
          object: ColumnFixture.release("1.0.0", number: 1, status: ["phase": "Published"]), expected: created.revision)
      )
      _ = try await fixture.store.write(ColumnFixture.releases, .remove(key: created.key, expected: changed.revision))
      let changes = try await stream.first(3)
      #expect(changes.map(\.kind) == [.added, .modified, .deleted])
      #expect(changes[0].object == created && changes[1].object == changed)
      #expect(try changes[2].object?.value() == changed.value().stamped(changes[2].revision))
      #expect(changes.map(\.revision) == changes.map(\.revision).sorted())
    }
  }

  /// In one transaction, as in one batch of the write queue: who watches ends up with the object that is there.
  @Test(arguments: TestDatabase.available)
  func whatIsRemovedAndMadeAnewAtOnceIsThereAfterwards(_ database: TestDatabase) async throws {
    try await ColumnFixture.with(database) { fixture in
      let store = fixture.store
      let first = try await fixture.create("1.0.0", number: 1)
      let stream = try await store.watch(
        ColumnFixture.releases, namespace: nil, selector: .everything, after: first.revision)
      let outcomes = try await fixture.database.transaction(.write) { connection in
        try store.write(
          ColumnFixture.releases,
          [
            .remove(key: first.key, expected: first.revision),
            .create(object: ColumnFixture.release("1.0.0", number: 1)),
            .create(object: ColumnFixture.release("2.0.0", number: 2)),
          ], in: connection)
      }
      let made = try outcomes.map { try $0.get() }
      let changes = try await stream.first(3)
      #expect(changes.map(\.kind) == [.deleted, .added, .added])
      #expect(changes.map { $0.object?.key.name } == ["1.0.0", "1.0.0", "2.0.0"])
      #expect(changes.dropFirst().map(\.revision) == made.dropFirst().map(\.revision))
      #expect(changes[0].revision < changes[1].revision)
      #expect(try await store.currentRevision() == changes[2].revision)
      #expect(try await fixture.release("1.0.0")?.revision == changes[1].revision)
    }
  }

  @Test(arguments: TestDatabase.available)
  func listsHavePagesOfOneRevisionAlsoWhileOtherProgramsWrite(_ database: TestDatabase) async throws {
    try await ColumnFixture.with(database) { fixture in
      for number in 10..<40 {
        try await fixture.create(
          "1.\(number).0", number: number, labels: ["app": number % 3 == 0 ? "db" : "web"],
          status: ["phase": number % 2 == 0 ? "Draft" : "Published"])
      }
      let selectors = [
        ObjectSelector.everything, ObjectSelector(labels: [.equals(key: "app", value: "web")]),
        ObjectSelector(fields: [.equals(path: "status.phase", value: "Draft")]),
      ]
      for (round, selector) in selectors.enumerated() {
        let before = try await fixture.list(ColumnFixture.releases, ListQuery(selector: selector))
        var query = ListQuery(selector: selector, limit: 4)
        var items: [StoredObject] = []
        var pages = 0
        repeat {
          let page = try await fixture.store.list(ColumnFixture.releases, query)
          items += page.items
          query.continueToken = page.continueToken
          pages += 1
          try await fixture.execute(
            """
            UPDATE gcc_release SET status = CASE status WHEN 'draft' THEN 'published' ELSE 'draft' END\
            \(database == .postgresql ? "::\"ReleaseStatus\"" : ""), resource_version = 0
            WHERE version IN ('1.\(15 + pages).0', '1.\(25 + pages).0')
            """, "DELETE FROM gcc_release WHERE version = '1.\(30 + pages).0'",
            "INSERT INTO gcc_release (version, status) VALUES ('1.\(20 + pages).\(round + 1)', 'published')")
        } while query.continueToken != nil
        #expect(items == before, "\(selector)")
        #expect(pages > 1)
      }
    }
  }

  @Test(arguments: TestDatabase.available)
  func objectsOfAnOrganizationLieInItsNamespace(_ database: TestDatabase) async throws {
    try await ColumnFixture.with(database) { fixture in
      try await fixture.execute(
        """
        INSERT INTO gcc_target ("organizationName", "objectName", status, "webhookRetries")
        VALUES ('b', 'x', 'draft', 0), ('a', 'y', 'published', 2), ('a', 'x', 'other', 1)
        """)
      let all = try await fixture.list(ColumnFixture.targets)
      #expect(all.map(\.key.description) == ["a/x", "a/y", "b/x"])
      #expect(try all.map { try $0.value()["status"]?["phase"]?.string } == ["other", "Published", "Draft"])
      #expect(try all[1].value()["status"]?["webhook"]?["retries"] == 2)
      let one = try await fixture.list(ColumnFixture.targets, ListQuery(namespace: "a", limit: 1))
      #expect(one.map(\.key.name) == ["x", "y"])
      #expect(try await fixture.store.occupiedNamespaces() == ["a", "b"])
      let stream = try await fixture.store.watch(
        ColumnFixture.targets, namespace: "b", selector: .everything, after: 1)
      #expect(try await stream.first(1).map { $0.object?.key.description } == ["b/x"])
    }
  }

  @Test(arguments: TestDatabase.available)
  func whatTheObjectDoesNotShowStaysAsItWas(_ database: TestDatabase) async throws {
    try await ColumnFixture.with(database) { fixture in
      let first = try await fixture.create("1.0.0", number: 1)
      try await fixture.execute("UPDATE gcc_release SET \"webhookSecret\" = 'kept'")
      _ = try await fixture.store.write(
        ColumnFixture.releases,
        .update(object: ColumnFixture.release("1.0.0", number: 1, spec: ["note": "n"]), expected: first.revision))
      let rows = try await fixture.database.transaction(.read) { connection in
        (
          try connection.query("SELECT \"webhookSecret\" FROM gcc_release"),
          try connection.query("SELECT object, previous FROM resource_change")
        )
      }
      #expect(rows.0.map { $0[0].text } == ["kept"])
      #expect(rows.1.allSatisfy { row in row.values.allSatisfy { $0.text?.contains("kept") != true } })
    }
  }

  @Test(arguments: TestDatabase.available)
  func oldObjectsAreRetired(_ database: TestDatabase) async throws {
    try await ColumnFixture.with(database) { fixture in
      for number in 1...5 { try await fixture.create("1.\(number).0", number: number) }
      let start = try await fixture.store.currentRevision()
      let removed = try await fixture.store.retire(
        ColumnFixture.releases, RetirementRule(age: .seconds(3600), keptPerNamespace: 3, kept: 3))
      #expect(removed == 2)
      #expect(try await fixture.list().count == 3)
      let stream = try await fixture.store.watch(
        ColumnFixture.releases, namespace: nil, selector: .everything, after: start)
      #expect(try await stream.first(2).map(\.kind) == [.deleted, .deleted])
    }
  }
}
