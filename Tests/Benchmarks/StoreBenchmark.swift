import Database
import DeploymentKinds
import Logging
import ResourceModel
import ResourceStorage
import WireFormats

/// A store over a new database, and what is measured of it: each figure beside the bare database, or beside the streams
/// of the standard library.
struct StoreBenchmark {
  let name: String
  private let url: String
  let database: any Database
  let store: SQLResourceStore
  let records: Int
  private let kind = DesiredDeploymentKind.definition
  private let clock = ContinuousClock()

  /// - Parameter url: of a database that is new.
  init(_ name: String, url: String, records: Int) async throws {
    self.name = name
    self.url = url
    self.records = records
    (store, database) = try await Self.open(url)
  }

  private static func open(_ url: String) async throws -> (SQLResourceStore, any Database) {
    var logger = Logger(label: "bench")
    logger.logLevel = .error
    let kinds = [StoredKind.json(DesiredDeploymentKind.definition), SampleTarget.stored]
    let database = try await openDatabase(url, logger: logger)
    try await Migrator(SQLResourceStore.migrations(for: kinds), logger: logger) { "2026-01-01T00:00:00Z" }
      .migrate(database)
    let store = SQLResourceStore(
      database: database, kinds: kinds, options: StoreOptions(now: { Timestamp(seconds: 1_800_000_000) }),
      logger: logger)
    return (store, database)
  }

  /// What another server process over the same database has.
  private func openAnother() async throws -> (SQLResourceStore, any Database) { try await Self.open(url) }

  func run() async throws {
    let bareWrites = try await measureBareWrites(500)
    let single = try await clock.measure {
      for number in 0..<500 { try await create("alone-\(number)") }
    }
    report("writes, 1 writer", 500, single, beside: "bare INSERTs", 500, bareWrites)
    let bareSets = try await measureBareSets(records, perSet: 100)
    func reportSets(_ what: String, _ duration: Duration) {
      report(what, records, duration, beside: "bare INSERTs of 100 rows", records, bareSets)
    }
    reportSets("writes, 100 writers", try await measureWritesTogether("together", [store], writers: 100))
    let (another, anotherDatabase) = try await openAnother()
    reportSets(
      "writes, 100 writers at 2 servers", try await measureWritesTogether("both", [store, another], writers: 100))
    another.close()
    await anotherDatabase.close()
    reportSets("changes, 100 writers", try await measureChanges("together", writers: 100))
    try await measureFanOut(watchers: 1000, changes: 50)
    try await measureSetFanOut(watchers: 1000, rows: 1000)
    try await measureLists()
    store.close()
    await database.close()
  }

  private func report(
    _ what: String, _ count: Int, _ duration: Duration, beside reference: String, _ referenceCount: Int,
    _ referenceDuration: Duration
  ) {
    Measurement(
      what: "store on \(name): \(what)", count: count, duration: duration,
      reference: (reference, referenceCount, referenceDuration)
    ).print()
  }

  private func create(_ name: String, _ store: SQLResourceStore? = nil) async throws {
    _ = try await (store ?? self.store).write(kind, .create(object: sampleDeployment(name)))
  }

  /// One INSERT of the same text a transaction: what the database itself can do.
  private func measureBareWrites(_ count: Int) async throws -> Duration {
    _ = try await database.transaction(.write) { connection in
      try connection.execute("CREATE TABLE bare (name TEXT PRIMARY KEY, object TEXT NOT NULL)")
    }
    let text = sampleDeployment("bare").text
    return try await clock.measure {
      for number in 0..<count {
        _ = try await database.transaction(.write) { connection in
          try connection.execute("INSERT INTO bare VALUES ($1, $2)", [.text("\(number)"), .text(text)])
        }
      }
    }
  }

  /// Many rows of the same text a statement and a transaction: what the database itself can do with sets.
  private func measureBareSets(_ count: Int, perSet: Int) async throws -> Duration {
    let text = sampleDeployment("bare").text
    let insert =
      switch database.dialect {
      case .postgresql:
        "INSERT INTO bare SELECT r.name, r.object FROM json_to_recordset(CAST($1 AS json)) AS r(name text, object text)"
      case .sqlite:
        "INSERT INTO bare SELECT json_extract(value, '$.name'), json_extract(value, '$.object') FROM json_each($1)"
      }
    return try await clock.measure {
      for start in stride(from: 0, to: count, by: perSet) {
        let rows = (start..<min(start + perSet, count)).map { number -> JSONValue in
          ["name": .string("set-\(number)"), "object": .string(text)]
        }
        _ = try await database.transaction(.write) { try $0.execute(insert, [.text(JSONValue.array(rows).text)]) }
      }
    }
  }

  /// - Parameter stores: of which each writer uses one.
  private func measureWritesTogether(
    _ prefix: String, _ stores: [SQLResourceStore], writers: Int
  ) async throws -> Duration {
    try await clock.measure {
      try await withThrowingTaskGroup(of: Void.self) { group in
        for writer in 0..<writers {
          group.addTask {
            for number in stride(from: writer, to: records, by: writers) {
              try await create("\(prefix)-\(number)", stores[writer % stores.count])
            }
          }
        }
        try await group.waitForAll()
      }
    }
  }

  /// Each object is read and replaced once.
  private func measureChanges(_ prefix: String, writers: Int) async throws -> Duration {
    try await clock.measure {
      try await withThrowingTaskGroup(of: Void.self) { group in
        for writer in 0..<writers {
          group.addTask {
            for number in stride(from: writer, to: records, by: writers) {
              let name = "\(prefix)-\(number)"
              guard let found = try await store.get(kind, ObjectKey(namespace: "wrktalk", name: name)) else { continue }
              var object = sampleDeployment(name)
              object["spec"]?["version"] = "2.3.1"
              _ = try await store.write(kind, .update(object: object, expected: found.revision))
            }
          }
        }
        try await group.waitForAll()
      }
    }
  }

  /// One writer, and every change to every watcher.
  private func measureFanOut(watchers: Int, changes: Int) async throws {
    let told = try await measureWatchers(watchers, kind, changes: changes) {
      for number in 0..<changes { try await create("watched-\(number)") }
    }
    report(
      "changes reported, 1 writer to \(watchers) watchers", watchers * changes, told, beside: "AsyncStream",
      watchers * changes, await measureStreams(watchers, changes))
  }

  /// Rows of a table with columns that one statement changes, and each of them to every watcher.
  private func measureSetFanOut(watchers: Int, rows: Int) async throws {
    _ = try await database.transaction(.write) { connection in
      for number in 0..<rows {
        try connection.execute(
          "INSERT INTO sample_target (id, name, status) VALUES ($1, $1, 'pending')", [.text("target-\(number)")])
      }
    }
    let bare = try await clock.measure {
      _ = try await database.transaction(.write) { try $0.execute("UPDATE sample_target SET status = 'unseen'") }
    }
    let journaled = try await clock.measure {
      _ = try await database.transaction(.write) {
        try $0.execute("UPDATE sample_target SET status = 'first', resource_version = 0")
      }
    }
    report("rows changed and journaled by one statement", rows, journaled, beside: "bare UPDATE", rows, bare)
    let told = try await measureWatchers(watchers, SampleTarget.definition, changes: rows) {
      try await database.transaction(.write) { connection in
        try connection.execute("UPDATE sample_target SET status = 'notified', resource_version = 0")
        try ChangeJournal.announce(connection)
      }
    }
    report(
      "changes reported, \(rows) rows of one statement to \(watchers) watchers", watchers * rows, told,
      beside: "AsyncStream", watchers * rows, await measureStreams(watchers, rows))
  }

  /// From the changes until every watcher has seen all of them.
  private func measureWatchers(
    _ watchers: Int, _ kind: ResourceDefinition, changes: Int, _ change: () async throws -> Void
  ) async throws -> Duration {
    let start = try await store.currentRevision()
    return try await clock.measure {
      try await withThrowingTaskGroup(of: Void.self) { group in
        for _ in 0..<watchers {
          let stream = try await store.watch(kind, namespace: nil, selector: .everything, after: start)
          group.addTask {
            var seen = 0
            for try await change in stream where change.kind != .bookmark {
              seen += 1
              if seen == changes { break }
            }
          }
        }
        try await change()
        try await group.waitForAll()
      }
    }
  }

  private func measureStreams(_ watchers: Int, _ changes: Int) async -> Duration {
    await clock.measure {
      await withTaskGroup(of: Void.self) { group in
        var continuations: [AsyncStream<Int>.Continuation] = []
        for _ in 0..<watchers {
          let (stream, continuation) = AsyncStream<Int>.makeStream()
          continuations.append(continuation)
          group.addTask { for await _ in stream {} }
        }
        for number in 0..<changes {
          for continuation in continuations { continuation.yield(number) }
        }
        for continuation in continuations { continuation.finish() }
        await group.waitForAll()
      }
    }
  }

  private func measureLists() async throws {
    var bareCount = 0
    let bare = try await clock.measure {
      bareCount = try await database.transaction(.read) { connection in
        try connection.query("SELECT object FROM \(kind.table) ORDER BY namespace, name").count
      }
    }
    for (what, selector) in [
      ("objects listed in pages", ObjectSelector.everything),
      ("objects listed by a label that all have", ObjectSelector(labels: [.equals(key: "tier", value: "production")])),
      ("objects found by a label of one in a thousand", ObjectSelector(labels: [.equals(key: "sample", value: "7")])),
    ] {
      var count = 0
      let listing = try await clock.measure { count = try await list(selector) }
      report(what, count, listing, beside: "bare SELECT", bareCount, bare)
    }
  }

  private func list(_ selector: ObjectSelector) async throws -> Int {
    var query = ListQuery(selector: selector, limit: 500)
    var count = 0
    repeat {
      let page = try await store.list(kind, query)
      count += page.items.count
      query.continueToken = page.continueToken
    } while query.continueToken != nil
    return count
  }
}

private func sampleDeployment(_ name: String) -> JSONValue {
  [
    "apiVersion": "deploy.wrktalk.com/v1", "kind": "DesiredDeployment",
    "metadata": [
      "name": .string(name), "namespace": "wrktalk", "uid": .string("uid-\(name)"), "generation": 1,
      "creationTimestamp": "2026-01-01T00:00:00Z",
      "labels": ["tier": "production", "sample": .string("\(name.utf8.reduce(0) { ($0 &* 31 &+ Int($1)) % 1000 })")],
    ],
    "spec": [
      "version": "2.3.0", "runtime": "Compose",
      "artifact": [
        "path": "artifacts/compose/wrktalk-2.3.0.tgz",
        "sha256": .string(String(repeating: "0123456789abcdef", count: 4)),
      ],
      "imageTags": ["backend": "v1", "media": "v1", "controlTower": "v1", "agent": "v1"],
      "compose": ["projectName": "wrktalk", "envPath": "config/.env.v2.3.0", "timeout": "10m"],
      "failurePolicy": "RollBack", "drift": "Correct", "interval": "1m",
    ],
  ]
}

/// A kind whose objects are rows of a table with columns.
private enum SampleTarget {
  static let definition = ResourceDefinition(
    names: ResourceNames(
      group: "bench.example", version: "v1", kind: "SampleTarget", plural: "sampletargets", singular: "sampletarget"),
    table: "sample_target", schema: .any(), isNamespaced: false)

  private static let mapping = ColumnMapping(
    name: "name",
    columns: [
      .init("status", .text, at: "status.phase"), .init("errorMessage", .text, at: "status.message"),
      .init("helmRevision", .integer, at: "status.helmRevision"),
      .init("completedAt", .timestamp(hasTimeZone: true), at: "status.completedAt"),
    ])

  static let stored = StoredKind.columns(
    definition, mapping,
    migrations: [
      Migration(owner: definition.migrationOwner, version: 1, name: "sample_target") { dialect in
        let time = dialect == .postgresql ? "timestamptz" : "text"
        return [
          """
          CREATE TABLE sample_target (
            id text PRIMARY KEY, name text NOT NULL, status text, "errorMessage" text, "helmRevision" bigint,
            "completedAt" \(time), "createdAt" \(time) NOT NULL DEFAULT CURRENT_TIMESTAMP,
            \(ColumnMapping.addedColumns(dialect).joined(separator: ", ")))
          """
        ] + JournalTriggers(definition, mapping).statements(dialect)
      }
    ])
}
