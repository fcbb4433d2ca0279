import Database
import DeploymentKinds
import Logging
import ResourceModel
import ResourceServer
import WireFormats

/// A store over a new database, and what is measured of it: each figure beside the bare database, or beside the streams
/// of the standard library.
struct StoreBenchmark {
  let name: String
  let database: any Database
  let store: SQLResourceStore
  let records: Int
  private let kind = DesiredDeploymentKind.definition
  private let clock = ContinuousClock()

  /// - Parameter url: of a database that is new.
  init(_ name: String, url: String, records: Int) async throws {
    var logger = Logger(label: "bench")
    logger.logLevel = .error
    self.name = name
    self.records = records
    database = try await openDatabase(url, logger: logger)
    try await Migrator(SQLResourceStore.migrations(for: [kind]), logger: logger) { "2026-01-01T00:00:00Z" }
      .migrate(database)
    store = SQLResourceStore(
      database: database, definitions: [kind],
      options: StoreOptions(now: { Timestamp(seconds: 1_800_000_000) }), logger: logger)
  }

  func run() async throws {
    let bareWrites = try await measureBareWrites(500)
    let single = try await clock.measure {
      for number in 0..<500 { try await create("alone-\(number)") }
    }
    report("writes, 1 writer", 500, single, beside: "bare INSERTs", 500, bareWrites)
    let together = try await measureWritesTogether(writers: 100)
    report("writes, 100 writers", records, together, beside: "bare INSERTs", 500, bareWrites)
    try await measureFanOut(watchers: 1000, changes: 50)
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

  private func create(_ name: String) async throws {
    _ = try await store.write(kind, .create(object: sampleDeployment(name)))
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

  private func measureWritesTogether(writers: Int) async throws -> Duration {
    try await clock.measure {
      try await withThrowingTaskGroup(of: Void.self) { group in
        for writer in 0..<writers {
          group.addTask {
            for number in stride(from: writer, to: records, by: writers) { try await create("together-\(number)") }
          }
        }
        try await group.waitForAll()
      }
    }
  }

  private func measureFanOut(watchers: Int, changes: Int) async throws {
    let start = try await store.currentRevision()
    let told = try await clock.measure {
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
        for number in 0..<changes { try await create("watched-\(number)") }
        try await group.waitForAll()
      }
    }
    let streamed = await clock.measure {
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
    report(
      "changes told, 1 writer to \(watchers) watchers", watchers * changes, told, beside: "AsyncStream",
      watchers * changes, streamed)
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
      ("objects listed by label", ObjectSelector(labels: [.equals(key: "tier", value: "production")])),
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
      "creationTimestamp": "2026-01-01T00:00:00Z", "labels": ["tier": "production"],
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
