public import Database
public import Logging
public import ResourceModel
import WireFormats

/// Keeps objects in PostgreSQL or SQLite: a table a kind, and a journal of their changes.
///
/// One row holds the newest revision. Every writing transaction counts it up and holds the row's lock until its commit, so
/// revisions become visible in their order, also with several server processes.
public final class SQLResourceStore: ResourceStore {
  private let database: any Database
  private let options: StoreOptions
  private let tables: [String: any ObjectTable]
  private let definitions: [ResourceDefinition]
  private let log: ChangeLog
  private let hub: ChangeHub
  private let queue: WriteQueue
  private let pruner: LogPruner
  private let logger: Logger

  /// - Parameters:
  ///   - database: brought up to `migrations(for:)`; stays open when the store is closed.
  ///   - definitions: the kinds that it keeps, all of them as JSON text.
  public convenience init(
    database: any Database, definitions: [ResourceDefinition], options: StoreOptions,
    logger: Logger = Logger(label: "store")
  ) {
    self.init(database: database, kinds: definitions.map { .json($0) }, options: options, logger: logger)
  }

  /// - Parameters:
  ///   - database: brought up to `migrations(for:)`; stays open when the store is closed.
  ///   - kinds: what it keeps.
  public init(
    database: any Database, kinds: [StoredKind], options: StoreOptions, logger: Logger = Logger(label: "store")
  ) {
    self.database = database
    self.options = options
    definitions = kinds.map(\.definition)
    self.logger = logger
    tables = Dictionary(
      kinds.map { ($0.definition.names.qualifiedPlural, $0.table(database.dialect)) },
      uniquingKeysWith: { first, _ in first })
    let log = ChangeLog(database: database, tables: tables)
    let pruner = LogPruner(database: database, kinds: tables.keys.sorted(), options: options, logger: logger)
    let hub = ChangeHub(log: log, options: options, logger: logger) { pruner.noteTime() }
    self.log = log
    self.hub = hub
    self.pruner = pruner
    queue = WriteQueue(
      database: database, audit: options.audit, now: options.now, maximumPendingBytes: options.maximumPendingBytes
    ) { newest, logged in
      hub.note(newest)
      pruner.note(logged)
    }
  }

  deinit { hub.close() }

  /// Begins to serve: from here on, revisions that a lost history of this database may have given out are not taken for
  /// this one's, changes are read as they come, and every stored object has the defaults of its schema. A process that only looks at the database need not call it.
  public func start() async throws {
    let (gap, time) = (Int64.random(in: Epoch.gap), options.now().microseconds)
    _ = try await database.transaction(.write) { connection in
      try Epoch.begin(endsWatches: false, gap: gap, at: time, connection)
    }
    try await hub.start()
    for definition in definitions {
      let defaults = StoredDefaults(
        definition: definition, table: try table(definition), database: database, queue: queue)
      let completed = try await defaults.fillIn()
      if completed > 0 {
        logger.info(
          "filled in the defaults of this version",
          metadata: ["kind": "\(definition.names.qualifiedPlural)", "objects": "\(completed)"])
      }
    }
  }

  public func get(_ kind: ResourceDefinition, _ key: ObjectKey) async throws -> StoredObject? {
    let table = try table(kind)
    return try await reading { try table.find(key, $0) }
  }

  public func list(_ kind: ResourceDefinition, _ query: ListQuery) async throws -> ListPage {
    let limit = min(max(query.limit ?? options.maximumPage, 1), options.maximumPage)
    let table = try table(kind)
    let token = try query.continueToken.map { try ContinueToken($0) }
    try token?.check(kind: table.kind, namespace: query.namespace)
    let reader = ListReader(table: table, query: query, token: token, limit: limit)
    var progress = reader.start
    while true {
      let outcome = try await reading { [progress] in try reader.run($0, from: progress) }
      switch outcome {
      case .page(let page): return page
      case .unfinished(let next): progress = next
      }
    }
  }

  public func write(
    _ kind: ResourceDefinition, _ write: ObjectWrite, by origin: WriteOrigin?
  ) async throws -> StoredObject {
    try await queue.submit(try RequestedWrite(table: try table(kind), write: write, origin: audited(origin, kind)))
  }

  private func audited(_ origin: WriteOrigin?, _ kind: ResourceDefinition) -> WriteOrigin? {
    origin.flatMap { options.audit?.keeps(kind.names) == true ? $0 : nil }
  }

  /// Carries out writes in a transaction of the caller's, such as one that also says what is to follow from them. No other
  /// change is made anywhere from here to its commit, so it belongs near its end.
  /// - Parameter origin: for the audit of all of them; a transaction that keeps it itself, or for which nobody answers, gives none.
  /// - Returns: the outcome of each write, in their order. What is refused is `alreadyExists`, `notFound`, `conflict` or
  ///   `requestEntityTooLarge`, and leaves the others as they are.
  /// - Throws: `DatabaseError`; `StatusError` `invalid` where a table cannot keep an object.
  public func write(
    _ kind: ResourceDefinition, _ writes: [ObjectWrite], by origin: WriteOrigin? = nil, in connection: any SQLConnection
  ) throws -> [Result<StoredObject, StatusError>] {
    let table = try table(kind)
    let origin = audited(origin, kind)
    let requests = try writes.map { write throws(StatusError) in
      try RequestedWrite(table: table, write: write, origin: origin)
    }
    return try WriteTransaction(requests: requests, writtenAt: options.now().microseconds, audit: options.audit)
      .run(connection).outcomes
  }

  /// The object as it is within a transaction of the caller's; with PostgreSQL nobody else changes it before that ends.
  /// - Returns: nil where there is no such object.
  /// - Throws: `DatabaseError`.
  public func lock(
    _ kind: ResourceDefinition, _ key: ObjectKey, in connection: any SQLConnection
  ) throws -> StoredObject? {
    let table = try table(kind)
    return try table.lock([key], connection)[key] == nil ? nil : try table.find(key, connection)
  }

  /// The object as a transaction of the caller's sees it.
  /// - Returns: nil where there is no such object.
  /// - Throws: `DatabaseError`.
  public func get(
    _ kind: ResourceDefinition, _ key: ObjectKey, in connection: any SQLConnection
  ) throws -> StoredObject? {
    try table(kind).find(key, connection)
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
  public func prune() async { await pruner.prune() }

  /// Removes objects that nobody has written for long, and the oldest of too many, in sets and without a look into them.
  /// - Returns: how many were removed.
  public func retire(_ kind: ResourceDefinition, _ rule: RetirementRule) async throws -> Int {
    let retirement = Retirement(table: try table(kind), rule: rule, now: options.now())
    let removed = try await retirement.run(database)
    if removed.changes > 0 { pruner.note(removed) }
    hub.ring()
    return removed.changes
  }

  /// Ends every watch. The database stays open.
  public func close() { hub.close() }

  /// The namespaces that objects of any kind are in, in order.
  public func occupiedNamespaces() async throws -> [String] {
    let relations = tables.values.map(\.relation).filter(\.hasNamespaces)
    return try await reading { connection in
      var names: Set<String> = []
      for relation in relations {
        let rows = try connection.query("SELECT DISTINCT namespace FROM \(relation.source) WHERE namespace <> ''")
        names.formUnion(rows.compactMap { $0[0].text })
      }
      return names.sorted()
    }
  }

  private func table(_ kind: ResourceDefinition) throws(StatusError) -> any ObjectTable {
    guard let table = tables[kind.names.qualifiedPlural] else {
      throw StatusError(.internalError, "the store was not set up for \(kind.names.qualifiedPlural)")
    }
    return table
  }

  private func reading<Value: Sendable>(
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
