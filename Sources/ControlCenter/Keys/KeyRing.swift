import Cryptography
import Database
import Logging
import Reconciliation
import ServiceLifecycle
import Synchronization
import Timing
import WireFormats

/// All API keys of customers, in memory: a request costs no query. Changes come by notification, and where one is lost by a
/// look at the table every few seconds, so that a revoked key ends well within a minute.
final class KeyRing: Service {
  private struct State {
    var organizations: [SHA256Digest: String] = [:]
    var digests: [String: Set<SHA256Digest>] = [:]
    /// What the table was like when all of it was read, and when that was.
    var mark = ""
    var loadedAt = Timestamp(seconds: 0)
    /// Uses that are to be written down.
    var used: [SHA256Digest: Timestamp] = [:]
    /// The last uses that were.
    var recorded: [SHA256Digest: Timestamp] = [:]
  }

  private let database: any Database
  private let now: @Sendable () -> Timestamp
  private let logger: Logger
  private let state = Mutex(State())
  private let loop: DueLoop
  /// How often the table is looked at even if nothing was notified.
  private static let interval: Duration = .seconds(15)
  /// How often all keys are read where any was made or revoked since.
  private static let reloadInterval: Duration = .seconds(30)
  /// The last use of a key is written down at most so often, in microseconds.
  private static let usePrecision: Int64 = 3_600_000_000

  init(
    database: any Database, clock: any Clock<Duration> = ContinuousClock(), now: @escaping @Sendable () -> Timestamp,
    logger: Logger
  ) {
    self.database = database
    self.now = now
    self.logger = logger
    loop = DueLoop(longestWait: Self.interval, backoff: Backoff(maximum: .seconds(10)), clock: clock, logger: logger)
  }

  var count: Int { state.withLock { $0.organizations.count } }

  /// Whose key it is; nil where it is nobody's.
  func organization(_ digest: SHA256Digest) -> String? {
    let now = now()
    return state.withLock { state in
      guard let organization = state.organizations[digest] else { return nil }
      if state.recorded[digest].map({ now.microseconds - $0.microseconds >= Self.usePrecision }) ?? true {
        state.used[digest] = now
      }
      return organization
    }
  }

  /// Reads all keys.
  func load() async throws {
    let loadedAt = now()
    let (mark, rows) = try await database.transaction(.read) { connection in
      (
        try Self.mark(connection),
        try connection.query("SELECT digest, \"organizationName\" FROM gcc_organization_key")
      )
    }
    var (organizations, digests): ([SHA256Digest: String], [String: Set<SHA256Digest>]) = ([:], [:])
    organizations.reserveCapacity(rows.count)
    for row in rows {
      guard let digest = row[0].text.flatMap(Self.digest), let organization = row[1].text else { continue }
      organizations[digest] = organization
      digests[organization, default: []].insert(digest)
    }
    state.withLock { state in
      (state.organizations, state.digests, state.mark, state.loadedAt) = (organizations, digests, mark, loadedAt)
      state.used = state.used.filter { organizations[$0.key] != nil }
      state.recorded = state.recorded.filter { organizations[$0.key] != nil }
    }
  }

  /// Follows the table until the program ends.
  func run() async throws {
    let changed = Mutex<Set<String>?>([])
    let listener = Task {
      for await organization in database.notifications(channel: OrganizationKeys.channel) {
        // After a lost connection anything may have been missed.
        changed.withLock { names in
          if organization.isEmpty { names = nil } else { names?.insert(organization) }
        }
        loop.wake()
      }
    }
    await withGracefulShutdownHandler {
      await loop.run { [self] in
        let names = changed.withLock { names in
          defer { names = [] }
          return names
        }
        do {
          try await self.pass(names)
        } catch {
          changed.withLock { $0 = nil }
          throw error
        }
        return .after(Self.interval)
      }
    } onGracefulShutdown: { [loop] in
      loop.stop()
    }
    listener.cancel()
  }

  private func pass(_ names: Set<String>?) async throws {
    if let names {
      for name in names { try await reload(name) }
      // What no notification told of, such as a key that a command revoked beside an embedded database.
      if now() - state.withLock({ $0.loadedAt }) >= Self.reloadInterval {
        let mark = try await database.transaction(.read) { try Self.mark($0) }
        if mark != state.withLock({ $0.mark }) { try await load() }
      }
    } else {
      try await load()
    }
    try await writeUses()
  }

  private func reload(_ organization: String) async throws {
    let rows = try await database.transaction(.read) { connection in
      try connection.query(
        "SELECT digest FROM gcc_organization_key WHERE \"organizationName\" = $1", [.text(organization)])
    }
    let digests = Set(rows.compactMap { $0[0].text.flatMap(Self.digest) })
    state.withLock { state in
      for digest in state.digests[organization] ?? [] { state.organizations[digest] = nil }
      for digest in digests { state.organizations[digest] = organization }
      state.digests[organization] = digests.isEmpty ? nil : digests
    }
  }

  /// Other than before where a key was made or revoked.
  private static func mark(_ connection: any SQLConnection) throws -> String {
    let row = try connection.query(
      "SELECT count(*), max(\(connection.dialect.text(ofTime: "\"createdAt\""))) FROM gcc_organization_key"
    ).first
    return "\(row?[0].integer ?? 0) \(row?[1].text ?? "")"
  }

  /// For people who look for keys that nobody needs.
  private func writeUses() async throws {
    let due = state.withLock { Array($0.used.prefix(5000)) }
    guard !due.isEmpty else { return }
    var rows = RowSet([("digest", .text), ("used_at", .text)])
    for (digest, time) in due { rows.append([.text(Hexadecimal.encode(digest.bytes)), time.column]) }
    let set = rows
    try await database.transaction(.write) { connection in
      let dialect = connection.dialect
      _ = try connection.execute(
        """
        UPDATE gcc_organization_key SET "lastUsedAt" = \(dialect.time("r.used_at"))
        FROM \(set.source(dialect)) WHERE gcc_organization_key.digest = r.digest
        """, [set.parameter])
    }
    state.withLock { state in
      for (digest, time) in due {
        state.recorded[digest] = time
        state.used[digest] = nil
      }
    }
  }

  private static func digest(_ text: String) -> SHA256Digest? { SHA256Digest(hexadecimal: text) }
}
