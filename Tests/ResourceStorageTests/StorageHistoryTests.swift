import Database
import ResourceModel
import ResourceStorage
import Synchronization
import TestSupport
import Testing
import WireFormats

/// What becomes of watches when the database is not the one that it was: restored from a backup, or failed over.
@Suite(.postgreSQLServer, .timeLimit(.minutes(5))) struct StorageHistoryTests {
  /// Takes the newest changes away, as a restored backup lacks them.
  private func loseChanges(_ fixture: StorageFixture, after revision: Int64) async throws {
    try await fixture.database.transaction(.write) { connection in
      try connection.execute("DELETE FROM resource_change WHERE revision > $1", [.integer(revision)])
      try connection.execute("DELETE FROM widget WHERE resource_version > $1", [.integer(revision)])
      _ = try connection.execute("UPDATE resource_revision SET revision = $1", [.integer(revision)])
    }
  }

  /// The revisions that the lost history gave out are given out again, for other changes, before anybody notices.
  @Test(arguments: TestDatabase.available)
  func watchersOfADatabaseThatLostChangesMustListAgain(_ database: TestDatabase) async throws {
    try await StorageFixture.with(database) { first in
      let second = try await first.another()
      for number in 1...10 { try await first.create("old\(number)") }
      let kept = try await first.store.currentRevision()
      let streams = [try await first.watch(after: kept), try await second.watch(after: kept)]
      for number in 1...5 { try await first.create("lost\(number)") }
      for stream in streams { #expect(try await stream.first(5).count == 5) }
      let told = try await first.store.currentRevision()
      try await loseChanges(first, after: kept)
      for number in 1...8 { try await first.create("new\(number)") }
      for stream in streams {
        let error = await #expect(throws: StatusError.self) { try await stream.first(100) }
        #expect(error?.reason == .expired)
      }
      // Nobody goes on from before, neither here nor through the other server.
      for fixture in [first, second] {
        let error = await #expect(throws: StatusError.self) { try await fixture.watch(after: told) }
        #expect(error?.reason == .expired)
      }
      let newest = try await second.store.currentRevision()
      let anew = try await second.watch(after: newest)
      let written = try await first.create("after")
      #expect(try await anew.first(1).map(\.revision) == [written.revision])
      await second.close()
    }
  }

  /// Just after the server has seen that all is there which it had read.
  @Test(arguments: TestDatabase.available)
  func aDatabaseThatLosesChangesBetweenTwoStatementsOfAReaderIsNoticed(_ database: TestDatabase) async throws {
    try await StorageFixture.with(database) { first in
      let disturbed = DisturbedDatabase(base: first.database)
      let reader = SQLResourceStore(
        database: disturbed, definitions: [StorageFixture.widgets], options: StorageFixture.options())
      let kept = try await first.create("old").revision
      let stream = try await reader.watch(StorageFixture.widgets, namespace: nil, selector: .everything, after: kept)
      for number in 1...5 { try await first.create("lost\(number)") }
      #expect(try await stream.first(5).count == 5)
      disturbed.disturb {
        try await loseChanges(first, after: kept)
        for number in 1...8 { try await first.create("new\(number)") }
      }
      let error = await #expect(throws: StatusError.self) { try await stream.first(100) }
      #expect(error?.reason == .expired)
      reader.close()
    }
  }

  @Test(arguments: TestDatabase.available)
  func aDatabaseThatWasRestoredWhileNobodyServedDoesNotTakeOldRevisionsForItsOwn(
    _ database: TestDatabase
  ) async throws {
    try await StorageFixture.with(database) { former in
      try await former.store.start()
      for number in 1...5 { try await former.create("old\(number)") }
      let kept = try await former.store.currentRevision()
      for number in 1...5 { try await former.create("lost\(number)") }
      let told = try await former.store.currentRevision()
      let token = try await former.store.list(StorageFixture.widgets, ListQuery(limit: 1)).continueToken
      former.store.close()
      try await loseChanges(former, after: kept)

      let restored = try await former.another()
      try await restored.store.start()
      for number in 1...8 { try await restored.create("new\(number)") }
      let error = await #expect(throws: StatusError.self) { try await restored.watch(after: told) }
      #expect(error?.reason == .expired)
      let list = await #expect(throws: StatusError.self) {
        try await restored.store.list(StorageFixture.widgets, ListQuery(continueToken: token))
      }
      #expect(list?.reason == .expired)
      // What the backup knows goes on without a gap.
      let going = try await restored.watch(after: kept)
      #expect(try await going.first(8).map { $0.object?.key.name } == (1...8).map { "new\($0)" })
      await restored.close()
    }
  }

  @Test(arguments: TestDatabase.available)
  func aServerThatStartsAnewEndsNoWatch(_ database: TestDatabase) async throws {
    try await StorageFixture.with(database) { fixture in
      try await fixture.store.start()
      let first = try await fixture.create("a")
      let open = try await fixture.watch(after: first.revision)
      let second = try await fixture.another()
      try await second.store.start()
      let late = try await second.watch(after: first.revision)
      let next = try await second.create("b")
      #expect(try await open.first(1).map(\.revision) == [next.revision])
      #expect(try await late.first(1).map(\.revision) == [next.revision])
      await second.close()
    }
  }
}

/// Something happens once to the database just after a reader has compared what it had read.
private struct DisturbedDatabase: Database {
  final class Occasion: Sendable {
    let action = Mutex<(@Sendable () async throws -> Void)?>(nil)
    let isThere = Mutex(false)
  }

  struct Connection: SQLConnection {
    let base: any SQLConnection
    let occasion: Occasion

    var dialect: SQLDialect { base.dialect }

    func query(_ sql: String, _ parameters: [SQLValue]) throws -> [SQLRow] {
      if sql.hasPrefix("SELECT written_at, uid FROM resource_change") { occasion.isThere.withLock { $0 = true } }
      return try base.query(sql, parameters)
    }

    func execute(_ sql: String, _ parameters: [SQLValue]) throws -> Int { try base.execute(sql, parameters) }
    func notify(channel: String, payload: String) throws { try base.notify(channel: channel, payload: payload) }
  }

  let base: any Database
  private let occasion = Occasion()

  init(base: any Database) { self.base = base }

  var dialect: SQLDialect { base.dialect }

  func disturb(_ action: @escaping @Sendable () async throws -> Void) {
    occasion.isThere.withLock { $0 = false }
    occasion.action.withLock { $0 = action }
  }

  func transaction<Value: Sendable>(
    _ mode: TransactionMode, _ body: @escaping @Sendable (any SQLConnection) throws -> Value
  ) async throws -> Value {
    let value = try await base.transaction(mode) { [occasion] in try body(Connection(base: $0, occasion: occasion)) }
    let action = occasion.isThere.withLock { $0 } ? occasion.action.withLock { $0.take() } : nil
    try await action?()
    return value
  }

  func notifications(channel: String) -> AsyncStream<String> { base.notifications(channel: channel) }
  func close() async {}
}
