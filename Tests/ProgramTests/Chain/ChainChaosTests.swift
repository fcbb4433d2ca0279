import Database
import Logging
import Synchronization
import TestSupport
import Testing
import WireFormats

/// The whole chain, with signed releases, while its programs are killed, its database is ended as by a crash, and the network between
/// all of them loses, repeats, cuts off and alters: it ends in the right state all the same. One run of a seed that stays the same, unless
/// `CHAIN_RUNS` says how many of random ones (`make chaos-chain`); `CHAIN_SEED` repeats one. Odd seeds are run on SQLite.
@Suite(.needs(.docker), .needs(.images), .usesEngine, .postgreSQLServer, .timeLimit(.minutes(300)), .serialized)
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
    let surroundings = try HostileSurroundings(seed: seed)
    let outcome: Result<Void, any Error>
    do {
      let mails = try await surroundings.startMailSink()
      let database = seed.isMultiple(of: 2) && TestDatabase.available.contains(.postgresql)
      let way: (ReleaseChain.Leg, String) async throws -> String = { try await surroundings.way($0, $1) }
      let mail = [
        "SMTP_HOST": "127.0.0.1", "SMTP_PORT": "\(mails)", "SMTP_SECURITY": "none", "SMTP_FROM": "backend@example.com",
        "WRKTALK_ADMIN_EMAIL": "ada@example.com",
      ]
      try await ReleaseChain.use(
        database: database ? .postgresql : .sqlite, isSigned: true, settings: mail, way: way
      ) { chain in
        try await Self.run(chain, surroundings, isOnPostgreSQL: database)
      }
      outcome = .success(())
    } catch {
      outcome = .failure(error)
    }
    await surroundings.end()
    do { try outcome.get() } catch { Issue.record("\(error) (CHAIN_SEED=\(seed))") }
  }

  private static func run(
    _ chain: ReleaseChain, _ surroundings: HostileSurroundings, isOnPostgreSQL: Bool
  ) async throws {
    let disturber = ChainDisturber(chain, agent: try await chain.startAgent(), isOnPostgreSQL: isOnPostgreSQL)
    async let disturbing: Void = disturber.run(seed: surroundings.seed)
    do {
      for (version, tag) in [("1.0.0", "v1"), ("2.0.0", "v2"), ("3.0.0", "crash")] {
        try await repeated { try await chain.publish(version, tag: tag) }
        try await repeated { try await chain.scheduleOnce(version) }
        try await repeated { try await chain.waitForEnd(of: version) }
      }
      disturber.end()
      try surroundings.becomeHonest()
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
    try await chain.waitUntilEverythingIsSent()
    try await chain.expectWholeAudit()
    let dispatched = try await chain.expectSoundRecords()
    surroundings.expectEachMailOnce(notices: dispatched, ends: disturber.endsOfBackend)
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

/// What lies between the programs of a chain: links that do to requests what networks do, and an SMTP server.
private final class HostileSurroundings: Sendable {
  private static let scripts = "\(Testbed.repository)/Tests/ProgramTests/Chain"

  let seed: UInt64
  private let folder: TemporaryFolder
  private let programs = Mutex<[RunningProgram]>([])
  private let mailSink = Mutex<RunningProgram?>(nil)

  init(seed: UInt64) throws {
    self.seed = seed
    folder = try TemporaryFolder()
  }

  /// A URL under which a server is reached by those of that leg.
  func way(_ leg: ReleaseChain.Leg, _ url: String) async throws -> String {
    let number = UInt64(ReleaseChain.Leg.allCases.firstIndex(of: leg) ?? 0)
    let link = try await start("hostile-link.py", String(url.dropFirst("http://".count)), "\(seed &+ number)")
    return "http://127.0.0.1:\(try await CustomerEnvironment.port(of: link))"
  }

  /// - Returns: its port.
  func startMailSink() async throws -> String {
    let sink = try await start("mail-sink.py", "\(seed)")
    mailSink.withLock { $0 = sink }
    return String(try await sink.line(containing: " serves smtp").split(separator: ":").last ?? "")
  }

  private func start(_ script: String, _ arguments: String...) async throws -> RunningProgram {
    let program = try await RunningProgram.start(
      "/usr/bin/python3", arguments: ["\(Self.scripts)/\(script)"] + arguments,
      environment: ["HOSTILE_LINK_OFF": folder.file("honest")])
    programs.withLock { $0.append(program) }
    return program
  }

  func becomeHonest() throws { try folder.write("", to: "honest") }

  func end() async {
    for program in programs.withLock({ $0 }) { await program.kill() }
  }

  /// A mail is sent again only where its sender could not know that it was taken: the server did not say so, or the sender was ended
  /// before it had noted it. Then it is the same mail under the same name.
  /// - Parameters:
  ///   - notices: how many were handed to the outbox.
  ///   - ends: how often the Backend or its database was ended.
  func expectEachMailOnce(notices: Int64, ends: Int) {
    let mails = (mailSink.withLock { $0 }?.output ?? []).compactMap { try? JSONValue(parsing: Array($0.utf8)) }
    let named = Dictionary(grouping: mails) { $0["id"]?.string ?? "" }
    print("chain chaos: \(mails.count) mails, \(named.count) of them different, of \(notices) notices; \(ends) ends")
    #expect(!named.isEmpty && named[""] == nil && named.count <= notices)
    var unexplained = 0
    for (id, copies) in named {
      #expect(Set(copies.map { $0["digest"] }).count == 1, "\(id) says the same each time")
      #expect(Set(copies.map { $0["subject"] }).count == 1, "\(id)")
      unexplained += max(copies.count - 1 - copies.count { $0["told"] == false }, 0)
    }
    #expect(unexplained <= ends, "\(unexplained) mails were sent again, and the Backend was ended \(ends) times")
    // What became of a deployment is told once.
    let outcomes = named.values.compactMap { $0.first?["subject"]?.string }
      .filter { $0.contains("deployed") || $0.contains("failed") }
    #expect(Set(outcomes).count == outcomes.count, "\(outcomes)")
  }
}

/// Ends one program after the other, or the database, until it is ended itself.
private final class ChainDisturber: Sendable {
  private let chain: ReleaseChain
  private let isOnPostgreSQL: Bool
  private let agent: Mutex<RunningProgram>
  private let isEnding = Mutex(false)
  private let ends = Mutex(0)

  init(_ chain: ReleaseChain, agent: RunningProgram, isOnPostgreSQL: Bool) {
    self.chain = chain
    self.agent = Mutex(agent)
    self.isOnPostgreSQL = isOnPostgreSQL
  }

  /// How often the Backend was ended, or what it keeps its records in.
  var endsOfBackend: Int { ends.withLock { $0 } }

  func end() { isEnding.withLock { $0 = true } }

  func run(seed: UInt64) async throws {
    var generator = SeededGenerator(seed: seed)
    while !isEnding.withLock({ $0 }) {
      try await Task.sleep(for: .milliseconds(Int.random(in: 200...2500, using: &generator)))
      switch Int.random(in: 0..<(isOnPostgreSQL ? 4 : 3), using: &generator) {
      case 0:
        await chain.vendor.kill()
        try await chain.vendor.start()
      case 1:
        ends.withLock { $0 += 1 }
        await chain.backend.kill()
        try await chain.letPollBeDue()
        try await chain.backend.start()
      case 2:
        await agent.withLock { $0 }.kill()
        let next = try await chain.startAgent()
        agent.withLock { $0 = next }
      default:
        // Of the vendor's server and the Backend at once.
        ends.withLock { $0 += 1 }
        try await PostgreSQLServer.current.crash()
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

  /// Not after the five minutes until the vendor is asked the next time, whatever became of its webhook, but as if they had passed.
  fileprivate func letPollBeDue() async throws {
    let database = try await openDatabase(databases.backend, logger: Self.silent)
    _ = try? await database.transaction(.write) { connection in
      try connection.execute("UPDATE deployment_config SET \"nextGccPoll\" = NULL, \"pollClaimedUntil\" = NULL")
    }
    await database.close()
  }

  private static let silent = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

  fileprivate func waitUntilEverythingIsSent() async throws {
    let database = try await openDatabase(databases.backend, logger: Self.silent)
    let outcome: Result<Void, any Error>
    do {
      try await poll("every report is delivered, and every mail that was to go out") {
        try await database.transaction(.read) { try $0.query("SELECT count(*) FROM outbox").first?[0].integer } == 0
      }
      outcome = .success(())
    } catch {
      outcome = .failure(error)
    }
    await database.close()
    try outcome.get()
  }

  fileprivate func expectWholeAudit() async throws {
    let said = try await CustomerEnvironment.command(
      "WRKTALK_SERVER=\(backend.url)", "WRKTALK_TOKEN=\(adminToken)", Testbed.program("wrktalkctl"), "audit", "verify")
    print("chain chaos: \(said)")
    let record = "/apis/deploy.wrktalk.com/v1/namespaces/\(place.namespace)/desireddeployments/wrktalk"
    let conditions = try await send("GET", record).1["status"]?["conditions"]
    let trusted = conditions?.array?.first { $0["type"] == "Trusted" }
    #expect(trusted?["status"] == "True", "\(conditions?.text ?? "")")
  }

  /// What must be true of the Backend's tables, whatever was killed.
  /// - Returns: how many notices were handed to the outbox.
  fileprivate func expectSoundRecords() async throws -> Int64 {
    await backend.program.stop()
    let database = try await openDatabase(databases.backend, logger: Self.silent)
    let numbers = try await database.transaction(.read) { connection in
      func number(_ sql: String) throws -> Int64 { try connection.query(sql).first?[0].integer ?? -1 }
      return [
        try number("SELECT count(*) FROM agent_task WHERE status IN ('pending', 'inProgress')"),
        try number("SELECT count(*) FROM deployment_history WHERE \"isCurrent\""),
        try number("SELECT count(*) FROM deployment_history WHERE NOT \"isRollback\""),
        try number("SELECT count(*) - count(DISTINCT fact) FROM admin_notice WHERE kind LIKE 'deployment%'"),
        try number("SELECT count(*) FROM outbox"),
        try number("SELECT count(*) FROM admin_notice WHERE \"dispatchedAt\" IS NOT NULL"),
      ]
    }
    await database.close()
    #expect(numbers[0] == 0, "no task is left over")
    #expect(numbers[1] == 1, "one version is the current one")
    #expect(numbers[2] == 3, "each release was deployed once")
    #expect(numbers[3] == 0, "what became of a deployment is told once")
    #expect(numbers[4] == 0, "everything was delivered")
    return numbers[5]
  }
}
