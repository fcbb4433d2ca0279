public import Database
public import Logging
public import ResourceModel
import Synchronization
import WireFormats

/// Keeps objects in PostgreSQL or SQLite: a table a kind, and a log of their changes.
///
/// One row holds the newest revision. Every writing transaction counts it up near its end and holds the row's lock until
/// its commit, so revisions become visible in their order, also with several server processes.
public final class SQLResourceStore: ResourceStore {
  /// After how many changes the log is pruned.
  private static let pruneInterval = 512

  private let database: any Database
  private let options: StoreOptions
  private let logger: Logger
  private let tables: [String: KindTable]
  private let log: ChangeLog
  private let hub: ChangeHub
  private let queue: WriteQueue

  /// - Parameters:
  ///   - database: brought up to `migrations(for:)`; stays open when the store is closed.
  ///   - definitions: the kinds that it keeps.
  public init(
    database: any Database, definitions: [ResourceDefinition], options: StoreOptions,
    logger: Logger = Logger(label: "store")
  ) {
    self.database = database
    self.options = options
    self.logger = logger
    tables = Dictionary(
      definitions.map { ($0.names.qualifiedPlural, KindTable($0, database.dialect)) },
      uniquingKeysWith: { first, _ in first })
    let log = ChangeLog(database: database)
    let hub = ChangeHub(log: log, options: options, logger: logger)
    self.log = log
    self.hub = hub
    let sincePruned = Mutex(0)
    queue = WriteQueue(database: database, now: options.now) { count in
      hub.ring()
      let isDue = sincePruned.withLock { changes in
        changes += count
        guard changes >= min(Self.pruneInterval, options.keptChanges) else { return false }
        changes = 0
        return true
      }
      if isDue { await Self.prune(log, options, logger) }
    }
  }

  deinit { hub.close() }

  public func get(_ kind: ResourceDefinition, _ key: ObjectKey) async throws -> StoredObject? {
    let table = try table(kind)
    return try await reading { connection in
      let rows = try connection.query(table.select, [.text(key.namespace), .text(key.name)])
      return rows.first.map { row in
        StoredObject(
          key: key, uid: row[0].text ?? "", revision: row[1].integer ?? 0, json: Array((row[2].text ?? "").utf8))
      }
    }
  }

  public func list(_ kind: ResourceDefinition, _ query: ListQuery) async throws -> ListPage {
    let limit = min(max(query.limit ?? options.maximumPage, 1), options.maximumPage)
    let reader = ListReader(
      table: try table(kind), query: query, token: try query.continueToken.map { try ContinueToken($0) }, limit: limit)
    return try await reading { try reader.run($0) }
  }

  public func write(_ kind: ResourceDefinition, _ write: ObjectWrite) async throws -> StoredObject {
    try await queue.submit(RequestedWrite(table: try table(kind), write: write))
  }

  public func watch(
    _ kind: ResourceDefinition, namespace: String?, selector: ObjectSelector, after revision: Int64
  ) async throws -> AsyncThrowingStream<ObjectChange, any Error> {
    let table = try table(kind)
    do {
      try await hub.start()
      let cursor = WatchCursor(
        hub: hub, log: log, scope: WatchScope(kind: table.kind, namespace: namespace), selector: selector,
        after: revision)
      try await cursor.open()
      return AsyncThrowingStream {
        do { return try await cursor.next() } catch { throw StatusError(storeFailure: error) }
      }
    } catch {
      throw StatusError(storeFailure: error)
    }
  }

  public func currentRevision() async throws -> Int64 { try await reading { try LogState($0).revision } }

  /// Forgets what the log need not keep any more; done by itself every few hundred writes.
  public func prune() async { await Self.prune(log, options, logger) }

  /// Ends every watch. The database stays open.
  public func close() { hub.close() }

  private static func prune(_ log: ChangeLog, _ options: StoreOptions, _ logger: Logger) async {
    let age = options.keptAge.components.seconds * 1_000_000
    do {
      try await log.prune(
        keeping: Int64(options.keptChanges), notBefore: options.now().microseconds - age)
    } catch {
      // Only space is lost until the next time.
      logger.warning("cannot prune the change log", metadata: ["error": "\(error)"])
    }
  }

  private func table(_ kind: ResourceDefinition) throws(StatusError) -> KindTable {
    guard let table = tables[kind.names.qualifiedPlural] else {
      throw StatusError(.internalError, "the store was not set up for \(kind.names.qualifiedPlural)")
    }
    return table
  }

  var allTables: [KindTable] { Array(tables.values) }

  func reading<Value: Sendable>(
    _ body: @escaping @Sendable (any SQLConnection) throws -> Value
  ) async throws -> Value {
    do {
      return try await database.transaction(.read, body)
    } catch let error as CancellationError {
      throw error
    } catch {
      throw StatusError(storeFailure: error)
    }
  }
}
