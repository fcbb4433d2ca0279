import Database
import ResourceModel
import Synchronization
import TestSupport
import Testing
import WireFormats

@testable import ResourceStorage

/// What a search with a selector costs those who share the database, and when it ends.
@Suite(.postgreSQLServer) struct StorageSearchTests {
  private static let last = ObjectSelector(fields: [.equals(path: "spec.size", value: "99")])

  private static let bytes = 400_000
  private static let count = 2 * ListReader.transactionBytes / bytes + 2

  /// More than twice what one transaction reads, the last object apart in what the selector asks for.
  private func fill(_ fixture: StorageFixture) async throws {
    for number in 0..<Self.count {
      var object = StorageFixture.object("n\(10 + number)", size: number == Self.count - 1 ? 99 : Int64(number))
      object["spec"]?["text"] = .string(String(repeating: "x", count: Self.bytes))
      _ = try await fixture.store.write(StorageFixture.widgets, .create(object: object))
    }
  }

  private func observed(
    _ fixture: StorageFixture, _ afterTransaction: @escaping @Sendable () async throws -> Void
  ) -> (store: SQLResourceStore, database: ObservedDatabase) {
    let database = ObservedDatabase(base: fixture.database, afterTransaction: afterTransaction)
    let store = SQLResourceStore(
      database: database, definitions: [StorageFixture.widgets], options: StorageFixture.options())
    return (store, database)
  }

  @Test(arguments: TestDatabase.available)
  func aSearchReadsOnlySoMuchInOneTransactionAndShowsOneRevision(_ database: TestDatabase) async throws {
    try await StorageFixture.with(database) { fixture in
      try await fill(fixture)
      let expected = try await fixture.list(ListQuery(selector: Self.last))
      let (store, observed) = observed(fixture) { try await fixture.replace("n\(9 + Self.count)", size: 1) }
      let page = try await store.list(StorageFixture.widgets, ListQuery(selector: Self.last))
      #expect(page.items == expected && expected.count == 1)
      #expect(page.continueToken == nil)
      #expect(observed.count >= 2)
      store.close()
    }
  }

  @Test(arguments: TestDatabase.available)
  func aSearchThatNobodyWaitsForEnds(_ database: TestDatabase) async throws {
    try await StorageFixture.with(database) { fixture in
      try await fill(fixture)
      let (store, observed) = observed(fixture) { unsafe withUnsafeCurrentTask { unsafe $0?.cancel() } }
      let search = Task { try await store.list(StorageFixture.widgets, ListQuery(selector: Self.last)) }
      await #expect(throws: CancellationError.self) { try await search.value }
      // At most one more has begun.
      #expect((1...2).contains(observed.count))
      store.close()
    }
  }
}

/// Tells of every reading transaction that has ended.
private final class ObservedDatabase: Database {
  private let base: any Database
  private let afterTransaction: @Sendable () async throws -> Void
  private let transactions = Mutex(0)

  init(base: any Database, afterTransaction: @escaping @Sendable () async throws -> Void) {
    self.base = base
    self.afterTransaction = afterTransaction
  }

  var count: Int { transactions.withLock { $0 } }
  var dialect: SQLDialect { base.dialect }

  func transaction<Value: Sendable>(
    _ mode: TransactionMode, _ body: @escaping @Sendable (any SQLConnection) throws -> Value
  ) async throws -> Value {
    let value = try await base.transaction(mode, body)
    if mode == .read {
      transactions.withLock { $0 += 1 }
      try await afterTransaction()
    }
    return value
  }

  func notifications(channel: String) -> AsyncStream<String> { base.notifications(channel: channel) }
  func close() async { await base.close() }
}
