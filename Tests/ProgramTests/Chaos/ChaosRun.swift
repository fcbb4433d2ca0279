import CoreKinds
import DeploymentKinds
import FoundationEssentials
import HTTPTransport
import ResourceClient
import ResourceModel
import Synchronization
import TestSupport
import WireFormats

/// One Backend, writers and watchers, and what befalls them.
final class ChaosRun: Sendable {
  private enum Disturbance: CaseIterable {
    case killBackend
    case stopBackend
    case tokens
    case fillDisk
    case crashDatabase
  }

  let record = ChaosRecord()
  let watchers: [ChaosWatcher]
  private let database: TestDatabase
  private let seed: UInt64
  private let backend: BackendProcess
  private let http = HTTPClient(userAgent: "wrktalk-chaos")
  private let client: ResourceClient
  /// A small file system of its own for the embedded database; nil where none could be mounted.
  private let disk: String?
  private let isEnding = Mutex(false)
  private let counts = Mutex<[String: Int]>([:])

  /// Runs `body`, and takes everything away again whatever happens.
  static func use(_ database: TestDatabase, seed: UInt64, _ body: (ChaosRun) async throws -> Void) async throws {
    let folder = try TemporaryFolder()
    var disk: String?
    if database == .sqlite {
      // Only root may mount; without it the disk stays large. It holds all that the change log may grow to.
      let mounted = try? await CustomerEnvironment.command(
        "mount", "-t", "tmpfs", "-o", "size=256m,mode=700", "chaos", folder.path)
      if mounted != nil { disk = folder.path } else { print("no small disk: mounting needs root") }
    }
    var failure: (any Error)?
    do {
      let url =
        database == .sqlite
        ? "sqlite:\(folder.file("wrktalk.db"))" : try await PostgreSQLServer.current.createDatabase()
      let backend = try await BackendProcess(url)
      do {
        let run = try await ChaosRun(database, seed, backend, disk)
        defer { if let problem = run.watchers.compactMap(\.problem).first { print(problem) } }
        try await body(run)
        await run.http.shutdown()
      } catch {
        print(
          "--- the Backend's last lines:", backend.program.output.suffix(30).joined(separator: "\n"), separator: "\n")
        failure = error
      }
      await backend.program.kill()
    } catch {
      failure = error
    }
    if let disk { try await CustomerEnvironment.command("umount", disk) }
    if let failure { throw failure }
  }

  private init(_ database: TestDatabase, _ seed: UInt64, _ backend: BackendProcess, _ disk: String?) async throws {
    (self.database, self.seed, self.backend, self.disk) = (database, seed, backend, disk)
    client = ResourceClient(
      endpoint: APIEndpoint(backend.url, token: .fixed(try await backend.createToken("chaos"))), http: http,
      timeout: .seconds(10))
    let start = try await client.list(LeaseKind.definition.names, namespace: "chaos").resourceVersion
    watchers = (0..<4).map { _ in ChaosWatcher(from: start) }
  }

  func run(for duration: Duration) async throws {
    try await withThrowingTaskGroup(of: Void.self) { watching in
      for watcher in watchers { watching.addTask { await watcher.run([self.client]) } }
      try await withThrowingTaskGroup(of: Void.self) { writing in
        for number in 0..<4 {
          let writer = ChaosWriter(
            number: number, clients: [client], record: record, isEnding: { self.isEnding.withLock { $0 } })
          writing.addTask { try await writer.run(SeededGenerator(seed: self.seed &+ UInt64(number) + 1)) }
        }
        do {
          try await disturb(for: duration)
          isEnding.withLock { $0 = true }
        } catch {
          isEnding.withLock { $0 = true }
          throw error
        }
        try await writing.waitForAll()
      }
      try await waitForWatchers()
      watching.cancelAll()
    }
    if let problem = watchers.compactMap(\.problem).first { throw ProgramError(description: problem) }
    report()
  }

  func storedObjects() async throws -> [String: Int64] {
    let items = try await client.list(LeaseKind.definition.names, namespace: "chaos").items
    return Dictionary(
      uniqueKeysWithValues: items.map { item in
        (item["metadata"]?["name"]?.string ?? "", item["spec"]?["leaseTransitions"]?.integer ?? 0)
      })
  }

  private func disturb(for duration: Duration) async throws {
    var generator = SeededGenerator(seed: seed)
    let clock = ContinuousClock()
    let (end, start) = (clock.now + duration, clock.now)
    var reported = start
    while clock.now < end {
      let before = record.counts.acknowledged
      guard let disturbance = Disturbance.allCases.randomElement(using: &generator) else { return }
      try await carryOut(disturbance, &generator)
      // Between two of them writes succeed again.
      let awaited = before + Int.random(in: 1...200, using: &generator)
      while record.counts.acknowledged < awaited {
        if let problem = watchers.compactMap(\.problem).first { throw ProgramError(description: problem) }
        guard clock.now < end + .seconds(60) else { throw ProgramError(description: "no write succeeds any more") }
        try await Task.sleep(for: .milliseconds(20))
      }
      if clock.now > reported + .seconds(10) {
        reported = clock.now
        report()
      }
    }
  }

  private func carryOut(_ disturbance: Disturbance, _ generator: inout SeededGenerator) async throws {
    let pause = Duration.milliseconds(Int.random(in: 0...500, using: &generator))
    switch disturbance {
    case .killBackend:
      await backend.program.kill()
      try await Task.sleep(for: pause)
      try await backend.start()
    case .stopBackend:
      await backend.program.stop()
      try await backend.start()
    case .tokens:
      let token = try await backend.createToken("visitor", role: "viewer")
      try await backend.command("token", "list")
      _ = try await backend.client(token, http).list(LeaseKind.definition.names, namespace: "chaos")
      try await backend.command("token", "revoke", "visitor")
    case .fillDisk:
      guard let disk else { return }
      // As full as it gets, then room again.
      _ = try? await CustomerEnvironment.command("dd", "if=/dev/zero", "of=\(disk)/ballast", "bs=64k", "status=none")
      try await Task.sleep(for: pause)
      try await CustomerEnvironment.command("rm", "-f", "\(disk)/ballast")
    case .crashDatabase:
      guard database == .postgresql else { return }
      try await PostgreSQLServer.current.crash()
    }
    counts.withLock { $0["\(disturbance)", default: 0] += 1 }
  }

  /// Until all have seen a last change.
  private func waitForWatchers() async throws {
    let last: JSONValue = ["metadata": ["name": "last"], "spec": ["leaseTransitions": 1]]
    let created = try await client.create(LeaseKind.definition.names, namespace: "chaos", last)
    let revision = created["metadata"]?["resourceVersion"]?.string.flatMap { Int64($0) } ?? .max
    record.note(.added, "last", 1, revision: revision)
    let clock = ContinuousClock()
    let end = clock.now + .seconds(60)
    while watchers.contains(where: { $0.position < revision && $0.problem == nil }) {
      guard clock.now < end else {
        throw ProgramError(description: "a watcher does not see revision \(revision): \(watchers.map(\.position))")
      }
      try await Task.sleep(for: .milliseconds(20))
    }
  }

  private func report() {
    let (acknowledged, unanswered) = record.counts
    let disturbances = counts.withLock { $0.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" } }
    print(
      "chaos on \(database.rawValue): \(acknowledged) writes acknowledged, \(unanswered) unanswered,",
      "\(watchers.first?.sightings.count ?? 0) changes seen;", disturbances.joined(separator: ", "))
  }
}
