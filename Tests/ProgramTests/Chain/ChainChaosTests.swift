import Database
import Logging
import Synchronization
import TestSupport
import Testing
import WireFormats

/// The whole chain while its programs are killed and the network between them loses, repeats and cuts off: it ends in the right
/// state all the same. One run of a seed that stays the same, unless `CHAIN_RUNS` says how many of random ones (`make chaos-chain`);
/// `CHAIN_SEED` repeats one.
@Suite(.needs(.docker), .needs(.images), .usesEngine, .timeLimit(.minutes(300)), .serialized)
struct ChainChaosTests {
  private static let seeds: [UInt64] =
    if let seed = Testbed.variable("CHAIN_SEED").flatMap({ UInt64($0) }) {
      [seed]
    } else if let runs = Testbed.variable("CHAIN_RUNS").flatMap({ Int($0) }) {
      (0..<runs).map { _ in UInt64.random(in: 0..<1 << 32) }
    } else {
      [20_261_128]
    }
  /// No step takes longer, whatever is killed meanwhile.
  private static let longestStep: Duration = .seconds(600)

  @Test(arguments: seeds)
  func whateverIsKilledAndLostTheRightReleaseRunsAndIsKnown(_ seed: UInt64) async throws {
    print("chain chaos: CHAIN_SEED=\(seed)")
    let links = Mutex<[RunningProgram]>([])
    let folder = try TemporaryFolder()
    let honest = folder.file("honest")
    let outcome: Result<Void, any Error>
    do {
      let way: (String) async throws -> String = { url in
        let link = try await RunningProgram.start(
          "/usr/bin/python3",
          arguments: [
            "\(Testbed.repository)/Tests/ProgramTests/Chain/hostile-link.py", String(url.dropFirst("http://".count)),
            "\(seed)",
          ], environment: ["HOSTILE_LINK_OFF": honest])
        links.withLock { $0.append(link) }
        return "http://127.0.0.1:\(try await CustomerEnvironment.port(of: link))"
      }
      try await ReleaseChain.use(settings: ["WRKTALK_POLL_INTERVAL": "5"], way: way) { chain in
        try await Self.run(chain, seed: seed) { try folder.write("", to: "honest") }
      }
      outcome = .success(())
    } catch {
      outcome = .failure(error)
    }
    for link in links.withLock({ $0 }) { await link.kill() }
    do { try outcome.get() } catch { Issue.record("\(error) (CHAIN_SEED=\(seed))") }
  }

  private static func run(_ chain: ReleaseChain, seed: UInt64, makeHonest: () throws -> String) async throws {
    let disturber = ChainDisturber(chain, agent: try await chain.startAgent())
    async let disturbing: Void = disturber.run(seed: seed)
    do {
      for (version, tag) in [("1.0.0", "v1"), ("2.0.0", "v2"), ("3.0.0", "crash")] {
        try await repeated { try await chain.publish(version, tag: tag) }
        try await repeated { try await chain.scheduleOnce(version) }
        try await repeated { try await chain.waitForEnd(of: version) }
      }
      disturber.end()
      _ = try makeHonest()
    } catch {
      disturber.end()
      throw error
    }
    try await disturbing
    try await chain.waitForVendor(toKnow: "2.0.0")
    #expect(try await chain.servedVersion(of: "backend") == "v2")
    #expect(try await chain.servedVersion(of: "media") == "v2")
    for (version, phases) in [("1.0.0", ["Success"]), ("2.0.0", ["Success"]), ("3.0.0", ["Failed", "RolledBack"])] {
      try await chain.waitForTarget(of: version, "reported") { phases.contains($0["status"]?["phase"]?.string ?? "") }
    }
    // One that was lost on its way waits for its next attempt, whatever later ones have told the vendor.
    try await chain.waitUntilEveryReportIsDelivered()
    try await chain.expectSoundRecords()
  }

  /// Until it succeeds: a program that was killed just now comes back.
  private static func repeated(_ body: () async throws -> Void) async throws {
    let start = ContinuousClock.now
    while true {
      do {
        return try await body()
      } catch {
        guard ContinuousClock.now - start < longestStep else { throw error }
        try await Task.sleep(for: .milliseconds(200))
      }
    }
  }
}

/// Kills one program after the other, until it is ended.
private final class ChainDisturber: Sendable {
  private let chain: ReleaseChain
  private let agent: Mutex<RunningProgram>
  private let isEnding = Mutex(false)

  init(_ chain: ReleaseChain, agent: RunningProgram) {
    self.chain = chain
    self.agent = Mutex(agent)
  }

  func end() { isEnding.withLock { $0 = true } }

  func run(seed: UInt64) async throws {
    var generator = SeededGenerator(seed: seed)
    while !isEnding.withLock({ $0 }) {
      try await Task.sleep(for: .milliseconds(Int.random(in: 200...2500, using: &generator)))
      switch Int.random(in: 0..<3, using: &generator) {
      case 0:
        await chain.vendor.kill()
        try await chain.vendor.start()
      case 1:
        await chain.backend.kill()
        try await chain.backend.start()
      default:
        await agent.withLock { $0 }.kill()
        let next = try await chain.startAgent()
        agent.withLock { $0 = next }
      }
    }
  }
}

extension ReleaseChain {
  /// Schedules the release unless that was done, as an admin does who sees no answer.
  fileprivate func scheduleOnce(_ version: String) async throws {
    let known = try await releases()
    let others = (known["scheduled"]?.array ?? []) + (known["history"]?.array ?? [])
    if others.contains(where: { $0["version"]?.string == version }) { return }
    try await schedule(version)
  }

  /// Waits until the history has the release.
  fileprivate func waitForEnd(of version: String) async throws {
    try await waitForHistory("\(version) has ended") { $0["version"]?.string == version }
  }

  fileprivate func waitUntilEveryReportIsDelivered() async throws {
    try await poll("every report is delivered") {
      try await send("GET", "/api/admin/status").1["reports"]?["waiting"] == 0
    }
  }

  /// What must be true of the Backend's tables, whatever was killed.
  fileprivate func expectSoundRecords() async throws {
    await backend.program.stop()
    let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    let database = try await openDatabase("sqlite:\(folder.file("backend"))/wrktalk.db", logger: logger)
    let (active, current, facts, waiting) = try await database.transaction(.read) { connection in
      func number(_ sql: String) throws -> Int64 { try connection.query(sql).first?[0].integer ?? -1 }
      return (
        try number("SELECT count(*) FROM agent_task WHERE status IN ('pending', 'inProgress')"),
        try number("SELECT count(*) FROM deployment_history WHERE \"isCurrent\" = 1"),
        try number("SELECT count(*) - count(DISTINCT fact) FROM admin_notice WHERE \"resolvedAt\" IS NULL"),
        try number("SELECT count(*) FROM outbox WHERE topic = 'report'")
      )
    }
    await database.close()
    #expect(active == 0, "no task is left over")
    #expect(current == 1, "one version is the current one")
    #expect(facts == 0)
    #expect(waiting == 0, "every report was delivered")
  }
}
