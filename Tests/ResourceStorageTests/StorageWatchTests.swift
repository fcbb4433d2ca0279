import ResourceModel
import ResourceStorage
import TestSupport
import Testing
import WireFormats

@Suite(.postgreSQLServer, .timeLimit(.minutes(10))) struct StorageWatchTests {
  @Test(arguments: TestDatabase.available)
  func aWatchTellsWhatCameBeforeAndThenWhatComes(_ database: TestDatabase) async throws {
    try await StorageFixture.with(database) { fixture in
      let start = try await fixture.store.currentRevision()
      try await fixture.create("a")
      try await fixture.replace("a", size: 1)
      let changes = try await fixture.watch(after: start)
      try await fixture.create("a", kind: StorageFixture.gadgets)
      try await fixture.remove("a")
      let seen = try await changes.first(3)
      #expect(seen.map(\.kind) == [.added, .modified, .deleted])
      #expect(seen.map(\.revision) == [start + 1, start + 2, start + 4])
      // A deletion tells the last state, at the deletion's revision.
      #expect(try seen[2].object?.size == 1)
      #expect(try seen.map { try $0.object?.resourceVersion } == seen.map { String($0.revision) })
    }
  }

  @Test(arguments: TestDatabase.available)
  func everyWatcherSeesEveryChangeOnceAndInOrder(_ database: TestDatabase) async throws {
    try await StorageFixture.with(database) { fixture in
      let start = try await fixture.store.currentRevision()
      let written = 200
      let seen = try await withThrowingTaskGroup(of: [ObjectChange].self) { group in
        for _ in 1...50 {
          let changes = try await fixture.watch(after: start)
          group.addTask { try await changes.first(written) }
        }
        try await withThrowingTaskGroup(of: Void.self) { writers in
          for number in 1...written { writers.addTask { try await fixture.create("n\(number)") } }
          try await writers.waitForAll()
        }
        return try await group.reduce(into: []) { $0.append($1) }
      }
      #expect(seen.count == 50)
      for changes in seen { #expect(changes.map(\.revision) == (1...written).map { start + Int64($0) }) }
    }
  }

  /// The acceptance test: two servers, one database, a thousand changes by many writers, ten watchers.
  @Test(arguments: TestDatabase.available)
  func watchersOfTwoServersSeeAThousandChangesOnceAndInOrder(_ database: TestDatabase) async throws {
    try await StorageFixture.with(database) { first in
      let second = try await first.another()
      let start = try await first.store.currentRevision()
      let seen = try await withThrowingTaskGroup(of: [ObjectChange].self) { group in
        for number in 1...10 {
          let changes = try await (number.isMultiple(of: 2) ? first : second).watch(after: start)
          group.addTask { try await changes.first(1000) }
        }
        try await withThrowingTaskGroup(of: Void.self) { writers in
          for number in 0..<250 {
            writers.addTask {
              let server = number.isMultiple(of: 2) ? first : second
              try await server.create("n\(number)")
              try await server.replace("n\(number)", size: 1)
              try await server.replace("n\(number)", size: 2)
              try await server.remove("n\(number)")
            }
          }
          try await writers.waitForAll()
        }
        return try await group.reduce(into: []) { $0.append($1) }
      }
      let revisions = seen[0].map(\.revision)
      #expect(revisions.count == 1000)
      #expect(zip(revisions, revisions.dropFirst()).allSatisfy { $0 < $1 })
      for changes in seen { #expect(changes == seen[0]) }
      for number in 0..<250 {
        let kinds = seen[0].filter { $0.object?.key.name == "n\(number)" }.map(\.kind)
        #expect(kinds == [.added, .modified, .modified, .deleted])
      }
      await second.close()
    }
  }

  @Test(arguments: TestDatabase.available)
  func watchersThatStartWhileOthersWriteMissNothing(_ database: TestDatabase) async throws {
    // A window of next to nothing sends watchers to the log and back again and again.
    for windowSize in [1, 1 << 20] {
      try await StorageFixture.with(database, options: StorageFixture.options(windowSize: windowSize)) { fixture in
        let start = try await fixture.store.currentRevision()
        let written = 150
        let seen = try await withThrowingTaskGroup(of: (Int64, [ObjectChange]).self) { group in
          group.addTask {
            for number in 1...written { try await fixture.create("n\(number)") }
            return (start + Int64(written), [])
          }
          for _ in 1...30 {
            group.addTask {
              for _ in 1...Int.random(in: 1...200) { await Task.yield() }
              let revision = try await fixture.store.currentRevision()
              let changes = try await fixture.watch(after: revision)
              return (revision, try await changes.first(written - Int(revision - start)))
            }
          }
          return try await group.reduce(into: []) { $0.append($1) }
        }
        for (revision, changes) in seen {
          let expected = revision < start + Int64(written) ? Array(revision + 1...start + Int64(written)) : []
          #expect(changes.map(\.revision) == expected)
        }
      }
    }
  }

  @Test(arguments: TestDatabase.available)
  func objectsThatBeginOrStopToMatchAreAddedOrDeleted(_ database: TestDatabase) async throws {
    try await StorageFixture.with(database) { fixture in
      let start = try await fixture.store.currentRevision()
      let web = ObjectSelector(labels: [.equals(key: "app", value: "web")])
      let live = try await fixture.watch(selector: web, after: start)
      try await fixture.create("a", labels: ["app": "db"], size: 1)
      try await fixture.replace("a", labels: ["app": "web"], size: 2)
      try await fixture.replace("a", labels: ["app": "web"], size: 3)
      try await fixture.replace("a", labels: [:], size: 4)
      try await fixture.replace("a", labels: ["app": "db"], size: 5)
      try await fixture.remove("a")
      try await fixture.create("b", labels: ["app": "web"], size: 6)
      try await fixture.remove("b")
      let fromLog = try await fixture.watch(selector: web, after: start)
      for stream in [live, fromLog] {
        let seen = try await stream.first(5)
        #expect(seen.map(\.kind) == [.added, .modified, .deleted, .added, .deleted])
        #expect(try seen.map { try $0.object?.size } == [2, 3, 3, 6, 6])
        #expect(seen.map(\.revision) == [2, 3, 4, 7, 8].map { start + $0 })
        #expect(try seen.map { try $0.object?.resourceVersion } == seen.map { String($0.revision) })
      }
    }
  }

  @Test(arguments: TestDatabase.available)
  func namespacesAndNamesNarrowAWatch(_ database: TestDatabase) async throws {
    try await StorageFixture.with(database) { fixture in
      let start = try await fixture.store.currentRevision()
      let inNamespace = try await fixture.watch(namespace: "b", after: start)
      let named = try await fixture.watch(
        selector: ObjectSelector(fields: [.equals(path: "metadata.name", value: "y")]), after: start)
      for (namespace, name) in [("a", "x"), ("b", "x"), ("a", "y"), ("b", "y")] {
        try await fixture.create(name, namespace: namespace)
      }
      #expect(try await inNamespace.first(2).map(\.revision) == [start + 2, start + 4])
      #expect(try await named.first(2).map(\.revision) == [start + 3, start + 4])
      let fromLog = try await fixture.another()
      let late = try await fromLog.watch(namespace: "b", after: start)
      #expect(try await late.first(2).map(\.revision) == [start + 2, start + 4])
      await fromLog.close()
    }
  }

  @Test(arguments: TestDatabase.available)
  func aRevisionThatIsNoLongerKeptIsExpired(_ database: TestDatabase) async throws {
    try await StorageFixture.with(database, options: StorageFixture.options(keptChanges: 5)) { fixture in
      let start = try await fixture.store.currentRevision()
      for number in 1...20 { try await fixture.create("n\(number)") }
      await fixture.store.prune()
      let error = await #expect(throws: StatusError.self) { try await fixture.watch(after: start) }
      #expect(error?.reason == .expired)
      let kept = try await fixture.watch(after: start + 15)
      #expect(try await kept.first(5).map(\.revision) == (16...20).map { start + $0 })
    }
  }

  @Test(arguments: TestDatabase.available)
  func aWatcherThatReadsTooSlowlyIsExpired(_ database: TestDatabase) async throws {
    let options = StorageFixture.options(keptChanges: 5, windowSize: 1)
    try await StorageFixture.with(database, options: options) { fixture in
      let start = try await fixture.store.currentRevision()
      let slow = try await fixture.watch(after: start)
      let prompt = try await fixture.watch(after: start)
      async let seen = prompt.first(40)
      for number in 1...40 { try await fixture.create("n\(number)") }
      await fixture.store.prune()
      let error = await #expect(throws: StatusError.self) { try await slow.first(40) }
      #expect(error?.reason == .expired)
      // What became of the prompt one depends on its speed; it, too, ends one way or the other.
      _ = try? await seen
    }
  }

  @Test(arguments: TestDatabase.available)
  func aRevisionFromTheFutureIsExpired(_ database: TestDatabase) async throws {
    try await StorageFixture.with(database) { fixture in
      let error = await #expect(throws: StatusError.self) { try await fixture.watch(after: 1_000_000) }
      #expect(error?.reason == .expired)
    }
  }

  @Test(arguments: TestDatabase.available)
  func anIdleWatcherIsToldTheRevision(_ database: TestDatabase) async throws {
    let clock = ManualClock()
    let options = StorageFixture.options(pollInterval: .seconds(1000), clock: clock)
    try await StorageFixture.with(database, options: options) { fixture in
      let start = try await fixture.store.currentRevision()
      let idle = try await fixture.watch(after: start)
      let other = try await fixture.store.watch(
        StorageFixture.gadgets, namespace: nil, selector: .everything, after: start)
      let gadget = try await fixture.create("a", kind: StorageFixture.gadgets)
      // Once one watcher was told of it, bookmarks count it in.
      #expect(try await other.first(1).map(\.revision) == [gadget.revision])
      await clock.waitForSleepers(2)
      clock.advance(by: .seconds(60))
      for try await change in idle {
        #expect(change == ObjectChange(kind: .bookmark, revision: gadget.revision, object: nil))
        break
      }
    }
  }

  @Test func closingTheStoreEndsItsWatches() async throws {
    try await StorageFixture.with(.sqlite) { fixture in
      let start = try await fixture.store.currentRevision()
      let changes = try await fixture.watch(after: start)
      async let seen = changes.first(1)
      fixture.store.close()
      #expect(try await seen.isEmpty)
    }
  }

  @Test func aCancelledWatcherEnds() async throws {
    try await StorageFixture.with(.sqlite) { fixture in
      let start = try await fixture.store.currentRevision()
      let changes = try await fixture.watch(after: start)
      let task = Task { try await changes.first(1) }
      task.cancel()
      let seen = try await task.value
      #expect(seen.isEmpty)
    }
  }
}
