import Database
import DeploymentKinds
import Logging
import ResourceModel
import ResourceServer
import WireFormats

/// Prints what a store over the database at `url`, which must be new, does in a second: writes, changes told to many
/// watchers, and objects of a long list.
func benchmarkStore(_ name: String, url: String, records: Int = 100_000) async throws {
  let clock = ContinuousClock()
  var logger = Logger(label: "bench")
  logger.logLevel = .error
  let database = try await openDatabase(url, logger: logger)
  let kind = DesiredDeploymentKind.definition
  try await Migrator(SQLResourceStore.migrations(for: [kind]), logger: logger) { "2026-01-01T00:00:00Z" }
    .migrate(database)
  let store = SQLResourceStore(
    database: database, definitions: [kind],
    options: StoreOptions(now: { Timestamp(seconds: 1_800_000_000) }), logger: logger)

  func report(_ what: String, _ count: Int, _ duration: Duration) {
    let rate = Int(Double(count) / (duration / .seconds(1)))
    print("store (\(name)): \(what): \(rate)/s (\(count) in \(duration))")
  }

  let single = 500
  let alone = try await clock.measure {
    for number in 0..<single { _ = try await store.write(kind, .create(object: sampleDeployment("alone-\(number)"))) }
  }
  report("writes by one writer", single, alone)

  let together = try await clock.measure {
    try await withThrowingTaskGroup(of: Void.self) { group in
      for writer in 0..<100 {
        group.addTask {
          for number in stride(from: writer, to: records - single, by: 100) {
            _ = try await store.write(kind, .create(object: sampleDeployment("together-\(number)")))
          }
        }
      }
      try await group.waitForAll()
    }
  }
  report("writes by 100 writers", records - single, together)

  let watchers = 1000
  let changes = 50
  let start = try await store.currentRevision()
  let fanOut = try await clock.measure {
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
      for number in 0..<changes {
        _ = try await store.write(kind, .create(object: sampleDeployment("watched-\(number)")))
      }
      try await group.waitForAll()
    }
  }
  report("changes told by 1 writer to \(watchers) watchers", watchers * changes, fanOut)

  func list(_ selector: ObjectSelector) async throws -> Int {
    var query = ListQuery(selector: selector, limit: 500)
    var count = 0
    repeat {
      let page = try await store.list(kind, query)
      count += page.items.count
      query.continueToken = page.continueToken
    } while query.continueToken != nil
    return count
  }
  for (what, selector) in [
    ("objects listed, in pages of 500", ObjectSelector.everything),
    ("objects listed by label", ObjectSelector(labels: [.equals(key: "tier", value: "production")])),
  ] {
    var count = 0
    let listing = try await clock.measure { count = try await list(selector) }
    report(what, count, listing)
  }
  store.close()
  await database.close()
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
