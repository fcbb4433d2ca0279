import Database
import ResourceModel
import ResourceStorage
import TestSupport
import Testing
import WireFormats

/// Changes that are not the store's own, in transactions of other programs and of this one.
@Suite(.postgreSQLServer, .timeLimit(.minutes(10))) struct ChangeJournalTests {
  private func watch(
    _ fixture: ColumnFixture, selector: ObjectSelector = .everything, after revision: Int64? = nil
  ) async throws -> AsyncThrowingStream<ObjectChange, any Error> {
    var start = revision
    if start == nil { start = try await fixture.store.currentRevision() }
    return try await fixture.store.watch(
      ColumnFixture.releases, namespace: nil, selector: selector, after: start ?? 0)
  }

  @Test(arguments: TestDatabase.available)
  func aRowThatPlainSQLInsertsOrDeletesIsWatched(_ database: TestDatabase) async throws {
    try await ColumnFixture.with(database) { fixture in
      let stream = try await watch(fixture)
      try await fixture.execute("INSERT INTO gcc_release (version, \"releaseNotes\") VALUES ('1.0.0', 'by SQL')")
      let made = try #require(await fixture.release("1.0.0"))
      try await fixture.execute("DELETE FROM gcc_release WHERE version = '1.0.0'")
      let changes = try await stream.first(2)
      #expect(changes.map(\.kind) == [.added, .deleted])
      #expect(changes[0].object == made && changes[0].revision == made.revision)
      let value = try made.value()
      #expect(value["spec"] == ["note": "by SQL", "isForced": false] && value["status"] == ["phase": "Draft"])
      #expect(value["metadata"]?["uid"]?.string?.isEmpty == false && value["metadata"]?["generation"] == 1)
      #expect(value["metadata"]?["creationTimestamp"]?.string.flatMap { Timestamp($0) } != nil)
    }
  }

  @Test(arguments: TestDatabase.available)
  func anUpdateThatAsksForARevisionIsWatchedAndOneThatDoesNotIsOnlyRead(_ database: TestDatabase) async throws {
    try await ColumnFixture.with(database) { fixture in
      let first = try await fixture.create("1.0.0", number: 1)
      let stream = try await watch(fixture, after: first.revision)
      try await fixture.execute("UPDATE gcc_release SET \"releaseNotes\" = 'unseen' WHERE version = '1.0.0'")
      // Whoever reads or lists sees it, under the revision that it had.
      let unseen = try #require(await fixture.release("1.0.0"))
      #expect(try unseen.value()["spec"]?["note"] == "unseen" && unseen.revision == first.revision)
      #expect(try await fixture.list() == [unseen])

      try await fixture.execute(
        "UPDATE gcc_release SET status = 'published', resource_version = 0 WHERE version = '1.0.0'")
      let seen = try #require(await fixture.release("1.0.0"))
      #expect(seen.revision > first.revision)
      // The first that a watcher is told is the second change, and with it both.
      let change = try await stream.first(1)
      #expect(change.map(\.kind) == [.modified] && change[0].object == seen)
      #expect(try seen.value()["spec"]?["note"] == "unseen" && seen.value()["status"]?["phase"] == "Published")
      // A client that had read it before must read it again.
      let stale = await #expect(throws: StatusError.self) {
        try await fixture.store.write(
          ColumnFixture.releases,
          .update(object: ColumnFixture.release("1.0.0", number: 1), expected: first.revision))
      }
      #expect(stale?.reason == .conflict)
    }
  }

  @Test(arguments: TestDatabase.available)
  func watchersWithASelectorAreToldWhenARowBeginsAndStopsToMatch(_ database: TestDatabase) async throws {
    try await ColumnFixture.with(database) { fixture in
      try await fixture.create("1.0.0", number: 1, status: ["phase": "Draft"])
      let published = ObjectSelector(fields: [.equals(path: "status.phase", value: "Published")])
      let stream = try await watch(fixture, selector: published)
      for status in ["inProgress", "published", "published", "draft"] {
        try await fixture.execute("UPDATE gcc_release SET status = '\(status)', resource_version = 0")
      }
      let changes = try await stream.first(3)
      #expect(changes.map(\.kind) == [.added, .modified, .deleted])
      #expect(
        try changes.map { try $0.object?.value()["status"]?["phase"] } == ["Published", "Published", "Published"])
    }
  }

  @Test(arguments: TestDatabase.available)
  func aThousandRowsOfOneStatementAreSeenByEveryWatcherOnceAndInOrder(_ database: TestDatabase) async throws {
    try await ColumnFixture.with(database) { fixture in
      let other = try await fixture.another()
      try await fixture.database.transaction(.write) { connection in
        for number in 1000..<2000 {
          try connection.execute("INSERT INTO gcc_release (version) VALUES ($1)", [.text("1.\(number).0")])
        }
      }
      let start = try await fixture.store.currentRevision()
      let fixtures = (0..<20).map { $0.isMultiple(of: 2) ? fixture : other }
      var streams: [AsyncThrowingStream<ObjectChange, any Error>] = []
      for fixture in fixtures { streams.append(try await watch(fixture, after: start)) }
      let changed = try await fixture.database.transaction(.write) { connection in
        let rows = try connection.query(
          """
          UPDATE gcc_release SET status = 'published', resource_version = 0 WHERE status = 'draft' RETURNING version
          """)
        try ChangeJournal.announce(connection)
        return rows.compactMap { $0[0].text }
      }
      #expect(Set(changed).count == 1000)
      try await withThrowingTaskGroup(of: [ObjectChange].self) { group in
        for stream in streams { group.addTask { try await stream.first(1000) } }
        for try await changes in group {
          #expect(changes.map(\.revision) == (1...1000).map { start + $0 })
          #expect(Set(changes.compactMap { $0.object?.key.name }) == Set(changed))
          #expect(changes.allSatisfy { $0.kind == .modified })
        }
      }
      #expect(try await fixture.store.currentRevision() == start + 1000)
      await other.close()
    }
  }

  /// The object of the old name is gone.
  @Test(arguments: TestDatabase.available)
  func aRowThatIsRenamedIsAnotherObject(_ database: TestDatabase) async throws {
    try await ColumnFixture.with(database) { fixture in
      try await fixture.create("1.0.0", number: 1)
      let stream = try await watch(fixture)
      try await fixture.execute("UPDATE gcc_release SET version = '1.0.1', resource_version = 0")
      let changes = try await stream.first(2)
      #expect(changes.map(\.kind) == [.added, .deleted])
      #expect(changes.map { $0.object?.key.name } == ["1.0.1", "1.0.0"])
      let next = try await fixture.create("2.0.0", number: 2)
      #expect(next.revision > changes[1].revision)
    }
  }

  @Test(arguments: TestDatabase.available)
  func whatATransactionTakesBackIsSeenByNobody(_ database: TestDatabase) async throws {
    struct Withdrawn: Error {}
    try await ColumnFixture.with(database) { fixture in
      let stream = try await watch(fixture)
      let start = try await fixture.store.currentRevision()
      await #expect(throws: Withdrawn.self) {
        try await fixture.database.transaction(.write) { connection in
          try connection.execute("INSERT INTO gcc_release (version) VALUES ('0.0.1')")
          throw Withdrawn()
        }
      }
      #expect(try await fixture.store.currentRevision() == start)
      let next = try await fixture.create("1.0.0", number: 1)
      #expect(try await stream.first(1).map(\.revision) == [next.revision])
    }
  }

  /// Objects of JSON text and rows of columns, with what follows from them, all or nothing.
  @Test(arguments: TestDatabase.available)
  func objectsAreWrittenInATransactionOfThePrograms(_ database: TestDatabase) async throws {
    struct Withdrawn: Error {}
    try await ColumnFixture.with(database) { fixture in
      let widgets = StorageFixture.widgets
      let stream = try await fixture.store.watch(widgets, namespace: nil, selector: .everything, after: 1)
      func write(_ names: [String], isWithdrawn: Bool) async throws -> [StatusError.Reason?] {
        try await fixture.database.transaction(.write) { [store = fixture.store] connection in
          let writes = names.map { ObjectWrite.create(object: StorageFixture.object($0)) }
          let outcomes = try store.write(widgets, writes, in: connection)
          try connection.execute("UPDATE gcc_release SET status = 'published', resource_version = 0")
          if isWithdrawn { throw Withdrawn() }
          return outcomes.map { outcome in
            if case .failure(let error) = outcome { error.reason } else { nil }
          }
        }
      }
      try await fixture.create("1.0.0", number: 1)
      await #expect(throws: Withdrawn.self) { try await write(["a", "b"], isWithdrawn: true) }
      #expect(try await write(["b", "c", "c"], isWithdrawn: false) == [nil, nil, .alreadyExists])
      #expect(try await stream.first(2).map { $0.object?.key.name } == ["b", "c"])
      #expect(try await fixture.release("1.0.0")?.value()["status"]?["phase"] == "Published")
    }
  }
}
