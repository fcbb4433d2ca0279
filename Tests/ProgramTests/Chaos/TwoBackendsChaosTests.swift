import CoreKinds
import HTTPTransport
import ResourceClient
import ResourceModel
import Synchronization
import TestSupport
import Testing
import WireFormats

/// Two Backends over one PostgreSQL of which one is killed every two seconds, while a thousand writers write through both and ten
/// watchers watch through both: what was acknowledged is there, and each watcher saw every change once and in order.
/// `CHAOS_SECONDS` says how long.
@Suite(.needs(.postgresql), .postgreSQLServer, .timeLimit(.minutes(90)))
struct TwoBackendsChaosTests {
  private static let seconds = Int(Testbed.variable("CHAOS_SECONDS") ?? "") ?? 10
  private static let writerCount = 1000
  private static let watcherCount = 10

  @Test func whoIsKilledTakesNoChangeAlongAndRepeatsNone() async throws {
    let first = try await BackendProcess(try await PostgreSQLServer.current.createDatabase())
    let second = try await BackendProcess(first.databaseURL)
    let http = HTTPClient(userAgent: "wrktalk-chaos", limits: ClientConnectionLimits(total: 400, perHost: 200))
    let token = try await first.createToken("chaos")
    let clients = [first, second].map { $0.client(token, http) }
    let start = try await clients[0].list(LeaseKind.definition.names, namespace: nil).resourceVersion
    let record = ChaosRecord()
    let isEnding = Mutex(false)
    let watchers = (0..<Self.watcherCount).map { _ in ChaosWatcher(from: start) }
    let seed = Testbed.variable("CHAOS_SEED").flatMap { UInt64($0) } ?? UInt64.random(in: 0...UInt64.max)

    try await withThrowingTaskGroup(of: Void.self) { watching in
      for (number, watcher) in watchers.enumerated() {
        watching.addTask { await watcher.run(number % 2 == 0 ? clients : clients.reversed(), namespace: nil) }
      }
      try await withThrowingTaskGroup(of: Void.self) { writing in
        for number in 0..<Self.writerCount {
          let writer = ChaosWriter(
            number: number, clients: clients, record: record, namespace: "chaos-\(number / 50)", objectCount: 1,
            isEnding: { isEnding.withLock { $0 } })
          writing.addTask { try await writer.run(SeededGenerator(seed: seed &+ UInt64(number))) }
        }
        defer { isEnding.withLock { $0 = true } }
        for kill in 0..<max(Self.seconds / 2, 2) {
          try await Task.sleep(for: .seconds(2))
          let backend = kill % 2 == 0 ? second : first
          await backend.program.kill()
          try await backend.start()
        }
        isEnding.withLock { $0 = true }
        try await writing.waitForAll()
      }
      try await Self.waitForAll(watchers, record, clients[0])
      watching.cancelAll()
    }
    let (acknowledged, unanswered) = record.counts
    print("two Backends: \(acknowledged) writes acknowledged, \(unanswered) unanswered, CHAOS_SEED=\(seed)")
    #expect(acknowledged > Self.writerCount / 2, "writers get through")
    let items = try await clients[1].list(LeaseKind.definition.names, namespace: nil).items
    let stored = Dictionary(
      uniqueKeysWithValues: items.map {
        ($0["metadata"]?["name"]?.string ?? "", $0["spec"]?["leaseTransitions"]?.integer ?? 0)
      })
    for problem in record.problems(stored: stored, watchers: watchers.map(\.sightings)).prefix(20) {
      Issue.record("\(problem) (CHAOS_SEED=\(seed))")
    }
    for backend in [first, second] { await backend.program.stop() }
    await http.shutdown()
  }

  /// Until all have seen a last change.
  private static func waitForAll(
    _ watchers: [ChaosWatcher], _ record: ChaosRecord, _ client: ResourceClient
  ) async throws {
    let last: JSONValue = ["metadata": ["name": "last"], "spec": ["leaseTransitions": 1]]
    let created = try await client.create(LeaseKind.definition.names, namespace: "chaos", last)
    let revision = created["metadata"]?["resourceVersion"]?.string.flatMap { Int64($0) } ?? .max
    record.note(.added, "last", 1, revision: revision)
    while let late = watchers.first(where: { $0.position < revision }) {
      if let problem = late.problem { throw ProgramError(description: problem) }
      try await Task.sleep(for: .milliseconds(20))
    }
  }
}
