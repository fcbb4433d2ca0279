import Database
import ResourceModel
import Synchronization
import TestSupport
import Testing
import WireFormats

@testable import ResourceStorage

/// Nobody who may write can fill memory or disk.
@Suite(.postgreSQLServer, .timeLimit(.minutes(10))) struct StorageBoundsTests {
  private static let limited = ResourceDefinition(
    names: StorageFixture.widgets.names, table: "widget", schema: .any(),
    limits: ResourceLimits(objectBytes: 2_000, perNamespace: 2, total: 3))

  private func store(_ fixture: StorageFixture, _ options: StoreOptions = StorageFixture.options()) -> SQLResourceStore
  {
    SQLResourceStore(database: fixture.database, definitions: [Self.limited, StorageFixture.gadgets], options: options)
  }

  private func object(_ name: String, namespace: String = "default", bytes: Int = 0) -> JSONValue {
    var object = StorageFixture.object(name, namespace: namespace)
    object["spec"] = ["text": .string(String(repeating: "x", count: bytes))]
    return object
  }

  @Test(arguments: TestDatabase.available)
  func anObjectThatIsTooLargeIsRefusedButMayShrinkAndGo(_ database: TestDatabase) async throws {
    try await StorageFixture.with(database) { fixture in
      let store = store(fixture)
      // From a time without limits.
      let large = try await fixture.store.write(StorageFixture.widgets, .create(object: object("old", bytes: 5_000)))
      let error = await #expect(throws: StatusError.self) {
        try await store.write(Self.limited, .create(object: object("new", bytes: 5_000)))
      }
      #expect(error?.reason == .requestEntityTooLarge)
      #expect(error?.message.contains("at most 2000 are kept") == true)
      let larger = await #expect(throws: StatusError.self) {
        try await store.write(
          Self.limited, .update(object: object("old", bytes: 5_500), expected: large.revision))
      }
      #expect(larger?.reason == .requestEntityTooLarge)
      let smaller = try await store.write(
        Self.limited, .update(object: object("old", bytes: 4_000), expected: large.revision))
      _ = try await store.write(Self.limited, .remove(key: smaller.key, expected: smaller.revision))
      store.close()
    }
  }

  @Test(arguments: TestDatabase.available)
  func aNamespaceAndTheServerHoldOnlySoMany(_ database: TestDatabase) async throws {
    try await StorageFixture.with(database) { fixture in
      let store = store(fixture)
      let outcomes = await withTaskGroup(of: StatusError.Reason?.self) { group in
        for number in 0..<20 {
          group.addTask {
            do {
              _ = try await store.write(
                Self.limited, .create(object: object("n\(number)", namespace: number < 10 ? "a" : "b")))
              return nil
            } catch {
              return (error as? StatusError)?.reason ?? .internalError
            }
          }
        }
        return await group.reduce(into: []) { $0.append($1) }
      }
      #expect(outcomes.filter { $0 == nil }.count == 3)
      #expect(outcomes.filter { $0 == .forbidden }.count == 17)
      let kept = try await fixture.list()
      #expect(kept.count == 3 && kept.filter { $0.key.namespace == "a" }.count <= 2)
      let key = kept[0].key
      _ = try await store.write(Self.limited, .remove(key: key, expected: kept[0].revision))
      _ = try await store.write(Self.limited, .create(object: object("again", namespace: key.namespace)))
      store.close()
    }
  }

  @Test(arguments: TestDatabase.available)
  func theLogIsBoundedByBytesOfEachKind(_ database: TestDatabase) async throws {
    try await StorageFixture.with(database) { fixture in
      var options = StorageFixture.options()
      options.keptBytes = 20_000
      let other = try await fixture.another(options: options)
      let quiet = try await fixture.create("quiet", kind: StorageFixture.gadgets)
      let start = try await fixture.create("a").revision
      for _ in 1...20 {
        let now = try #require(
          await fixture.store.get(StorageFixture.widgets, ObjectKey(namespace: "default", name: "a")))
        _ = try await fixture.store.write(
          StorageFixture.widgets, .update(object: object("a", bytes: 3_000), expected: now.revision))
      }
      await other.store.prune()
      let error = await #expect(throws: StatusError.self) { try await other.watch(after: start) }
      #expect(error?.reason == .expired)
      // The other kind keeps its history.
      let gadgets = try await other.store.watch(
        StorageFixture.gadgets, namespace: nil, selector: .everything, after: quiet.revision - 1)
      #expect(try await gadgets.first(1).map(\.revision) == [quiet.revision])
      let bytes = try await fixture.database.transaction(.read) {
        try $0.query("SELECT CAST(sum(size) AS bigint) FROM resource_change")[0][0].integer ?? 0
      }
      #expect((1...21_000).contains(bytes))
      await other.close()
    }
  }

  @Test(arguments: TestDatabase.available)
  func aLargeChangeAloneMakesTheLogForget(_ database: TestDatabase) async throws {
    var options = StorageFixture.options()
    options.keptBytes = 20_000
    try await StorageFixture.with(database, options: options) { fixture in
      let small = try await fixture.create("a")
      let large = try await fixture.store.write(
        StorageFixture.widgets, .update(object: object("a", bytes: 30_000), expected: small.revision))
      var oldest: Int64 = 0
      // Beside the writes, so it may take a moment; where it does not begin, the time limit ends this.
      while oldest == 0 {
        oldest = try await fixture.database.transaction(.read) {
          try $0.query("SELECT max(revision) FROM resource_kind_compaction")[0][0].integer ?? 0
        }
      }
      #expect(oldest == large.revision)
    }
  }

  /// Nobody writes any more, and still what is too old goes; what is younger stays.
  @Test(arguments: TestDatabase.available)
  func theLogIsBoundedByAge(_ database: TestDatabase) async throws {
    let (clock, time) = (ManualClock(), TimeOfDay())
    var options = StorageFixture.options(pollInterval: .seconds(100_000), clock: clock)
    options.now = { Timestamp(seconds: time.seconds.withLock { $0 }) }
    try await StorageFixture.with(database, options: options) { fixture in
      try await fixture.store.start()
      let old = try await fixture.create("old")
      time.seconds.withLock { $0 += 3000 }
      let young = try await fixture.create("young")
      time.seconds.withLock { $0 += 1000 }
      await clock.waitForSleepers(2)
      clock.advance(by: .seconds(60))
      var compacted: Int64 = 0
      while compacted == 0 {
        compacted = try await fixture.database.transaction(.read) {
          try $0.query("SELECT max(revision) FROM resource_kind_compaction")[0][0].integer ?? 0
        }
      }
      #expect(compacted == old.revision)
      let late = try await fixture.another()
      #expect(try await late.watch(after: old.revision).first(1).map(\.revision) == [young.revision])
      await late.close()
    }
  }

  /// The time of day, which passes as a test wants it.
  private final class TimeOfDay: Sendable {
    let seconds = Mutex<Int64>(1_800_000_000)
  }

  @Test(arguments: TestDatabase.available)
  func largeChangesAreReadAFewAtATimeAndNoneIsLeftOut(_ database: TestDatabase) async throws {
    try await StorageFixture.with(database) { fixture in
      let start = try await fixture.store.currentRevision()
      for number in 1...8 {
        _ = try await fixture.store.write(
          StorageFixture.widgets, .create(object: object("n\(number)", bytes: 400_000)))
      }
      let log = ChangeLog(database: fixture.database, tables: [:])
      guard case .changes(let batch, let isLast) = try await log.page(after: start, continuing: nil, known: start)
      else {
        Issue.record("the log does not reach back")
        return
      }
      #expect(batch.records.count == 2 && !isLast && batch.end == start + 2)
      let late = try await fixture.another()
      let changes = try await late.watch(after: start)
      #expect(try await changes.first(8).map(\.revision) == (1...8).map { start + $0 })
      let page = try await fixture.store.list(StorageFixture.widgets, ListQuery())
      #expect(page.items.count == 2 && page.remainingItemCount == 6)
      #expect(try await fixture.list().count == 8)
      await late.close()
    }
  }

  @Test func writesThatADatabaseCannotTakeAreRefusedBeforeTheyFillMemory() async throws {
    try await StorageFixture.with(.sqlite) { fixture in
      var options = StorageFixture.options()
      options.maximumPendingBytes = 100_000
      let store = SQLResourceStore(
        database: fixture.database, definitions: [StorageFixture.widgets], options: options)
      // Nothing is written while this transaction lasts.
      let (entered, enter) = AsyncStream.makeStream(of: Void.self)
      let gate = Mutex(false)
      async let holding: Void = fixture.database.transaction(.write) { _ in
        enter.yield()
        while !gate.withLock({ $0 }) {}
      }
      for await _ in entered { break }
      let reasons = await withTaskGroup(of: StatusError.Reason?.self) { group in
        for number in 1...40 {
          group.addTask {
            do {
              _ = try await store.write(
                StorageFixture.widgets, .create(object: object("n\(number)", bytes: 10_000)))
              return nil
            } catch {
              return (error as? StatusError)?.reason ?? .internalError
            }
          }
        }
        var reasons: [StatusError.Reason?] = []
        for await reason in group {
          reasons.append(reason)
          // Once one is refused, the others may be written.
          gate.withLock { $0 = true }
        }
        return reasons
      }
      try await holding
      #expect(reasons.contains(.tooManyRequests) && reasons.contains(nil))
      #expect(reasons.allSatisfy { $0 == nil || $0 == .tooManyRequests })
      store.close()
    }
  }
}
