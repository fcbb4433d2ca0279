import Cryptography
import Database
import Logging
import Reconciliation
import ServiceLifecycle
import Synchronization
import Timing
import WireFormats

/// All API keys of customers, in memory: a request costs no query. Changes come by notification, and where one is lost by a
/// look at the table `gcc_key_change` every few seconds, so that a revoked key ends well within a minute. What is read is what has
/// changed, not the table.
final class KeyRing: Service {
  private struct State {
    var organizations: [SHA256Digest: String] = [:]
    var digests: [String: Set<SHA256Digest>] = [:]
    /// When changes were last looked for; nil before everything was read.
    var lookedAt: Timestamp?
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
  /// How often changes are looked for even if nothing was notified.
  private static let interval: Duration = .seconds(15)
  /// How far back a look goes, by the database's clock: a change that was begun long before it was committed is found, too.
  private static let lookback = 120
  /// How often all keys are read, whatever has changed.
  private static let reloadInterval: Duration = .seconds(6 * 3600)
  /// More changes than this are read as a whole.
  private static let mostChanges = 5_000
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
    let rows = try await database.transaction(.read) { connection in
      try connection.query("SELECT digest, \"organizationName\" FROM gcc_organization_key")
    }
    var (organizations, digests): ([SHA256Digest: String], [String: Set<SHA256Digest>]) = ([:], [:])
    organizations.reserveCapacity(rows.count)
    for row in rows {
      guard let digest = row[0].text.flatMap(Self.digest), let organization = row[1].text else { continue }
      organizations[digest] = organization
      digests[organization, default: []].insert(digest)
    }
    state.withLock { state in
      (state.organizations, state.digests) = (organizations, digests)
      (state.loadedAt, state.lookedAt) = (loadedAt, loadedAt)
      state.used = state.used.filter { organizations[$0.key] != nil }
      state.recorded = state.recorded.filter { organizations[$0.key] != nil }
    }
  }

  /// Follows the table until the program ends.
  func run() async throws {
    await loop.runUntilShutdown(following: OrganizationKeys.channel, of: database) { [self] names in
      try await self.pass(names)
      return .after(Self.interval)
    }
  }

  /// - Parameter names: organizations of which it is known that their keys have changed; nil where that is not known.
  func pass(_ names: Set<String>?) async throws {
    let (now, known) = (now(), state.withLock { ($0.lookedAt, $0.loadedAt) })
    // A look that came too late may miss what there was.
    let isFresh = known.0.map { now - $0 < .seconds(Self.lookback / 2) && now >= $0 } ?? false
    if let names, isFresh, now - known.1 < Self.reloadInterval {
      // Where hundreds of keys are made in a second, what was notified is read, and not all that changed lately for each.
      let isLookDue = names.isEmpty || known.0.map { now - $0 >= Self.interval } ?? true
      let changed = isLookDue ? try await changes().union(names) : names
      if changed.count > Self.mostChanges { try await load() } else { try await reload(changed) }
      if isLookDue { state.withLock { $0.lookedAt = now } }
    } else {
      try await load()
    }
    try await writeUses()
  }

  /// Organizations whose keys were made or revoked lately; what is older is forgotten.
  private func changes() async throws -> Set<String> {
    try await database.transaction(.read) { connection in
      let since = Self.past(Self.lookback, connection.dialect)
      return Set(
        try connection.query(
          """
          SELECT DISTINCT "organizationName" FROM gcc_key_change WHERE "changedAt" > \(since)
          LIMIT \(Self.mostChanges + 1)
          """
        ).compactMap { $0[0].text })
    }
  }

  /// A moment so many seconds ago, by the database's clock.
  private static func past(_ seconds: Int, _ dialect: SQLDialect) -> String {
    switch dialect {
    case .postgresql: "(clock_timestamp() AT TIME ZONE 'UTC') - interval '\(seconds) seconds'"
    case .sqlite: "strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-\(seconds) seconds')"
    }
  }

  private func reload(_ organizations: Set<String>) async throws {
    guard !organizations.isEmpty else { return }
    let set = RowSet("name", of: organizations)
    let rows = try await database.transaction(.read) { connection in
      try connection.query(
        """
        SELECT k.digest, k."organizationName" FROM gcc_organization_key AS k
        WHERE k."organizationName" IN (SELECT r.name FROM \(set.source(connection.dialect)))
        """, [set.parameter])
    }
    var found: [String: Set<SHA256Digest>] = [:]
    for row in rows {
      guard let digest = row[0].text.flatMap(Self.digest), let organization = row[1].text else { continue }
      found[organization, default: []].insert(digest)
    }
    state.withLock { state in
      for organization in organizations {
        for digest in state.digests[organization] ?? [] { state.organizations[digest] = nil }
        for digest in found[organization] ?? [] { state.organizations[digest] = organization }
        state.digests[organization] = found[organization]
      }
    }
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
      try connection.execute(
        """
        UPDATE gcc_organization_key SET "lastUsedAt" = \(dialect.time("r.used_at"))
        FROM \(set.source(dialect)) WHERE gcc_organization_key.digest = r.digest
        """, [set.parameter])
      _ = try connection.execute(
        "DELETE FROM gcc_key_change WHERE \"changedAt\" < \(Self.past(3600, dialect))")
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
