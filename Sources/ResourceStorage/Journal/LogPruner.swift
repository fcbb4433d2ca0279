import Database
import Logging
import Synchronization
import WireFormats

/// What was added to the change log.
struct LoggedChanges: Sendable, Hashable {
  var changes = 0
  /// Of objects, before and after.
  var bytes = 0

  static func += (total: inout LoggedChanges, more: LoggedChanges) {
    total.changes += more.changes
    total.bytes += more.bytes
  }
}

/// Forgets what the change log need not keep: of each kind for itself, so that one that changes often does not cost the
/// others their history. Works beside the writes, never before them, and takes little of the database's time.
final class LogPruner: Sendable {
  private struct State {
    var logged = LoggedChanges()
    var isRunning = false
    var notBefore: ContinuousClock.Instant?
  }

  /// After how many changes the log is looked at. After a fourth of the bytes that it keeps, too: a few large objects
  /// fill a disk as well.
  private static let interval = 512
  /// How many changes are removed in one transaction.
  private static let chunk = 500

  private let database: any Database
  private let kinds: [String]
  private let options: StoreOptions
  private let logger: Logger
  private let state = Mutex(State())

  init(database: any Database, kinds: [String], options: StoreOptions, logger: Logger) {
    self.database = database
    self.kinds = kinds
    self.options = options
    self.logger = logger
  }

  /// So much was written: prunes where it is time.
  func note(_ logged: LoggedChanges) {
    start { state in
      state.logged += logged
      return state.logged.changes >= min(Self.interval, options.keptChanges)
        || state.logged.bytes >= options.keptBytes / 4
    }
  }

  /// Prunes what has become too old, and what other programs have written.
  func noteTime() { start { _ in true } }

  private func start(where isDue: (inout State) -> Bool) {
    let starts = state.withLock { state in
      guard isDue(&state), !state.isRunning, state.notBefore.map({ $0 <= ContinuousClock.now }) ?? true else {
        return false
      }
      state.logged = LoggedChanges()
      state.isRunning = true
      return true
    }
    guard starts else { return }
    Task {
      let duration = await ContinuousClock().measure { await prune() }
      state.withLock { state in
        state.isRunning = false
        state.notBefore = ContinuousClock.now.advanced(by: duration * 20)
      }
    }
  }

  func prune() async {
    do {
      for kind in kinds { try await prune(kind) }
    } catch {
      // Only space is lost until the next time.
      logger.warning("cannot prune the change log", metadata: ["error": "\(error)"])
    }
  }

  private func prune(_ kind: String) async throws {
    let age = options.keptAge.components.seconds * 1_000_000
    let limits: [SQLValue] = [
      .text(kind), .integer(Int64(options.keptChanges)), .integer(Int64(options.keptBytes)),
      .integer(options.now().microseconds - age),
    ]
    let newest = try await database.transaction(.read) { connection in
      // All of it is in an index.
      try connection.query(
        """
        SELECT revision FROM (
          SELECT revision, written_at, row_number() OVER newer AS number, sum(size) OVER newer AS bytes
          FROM resource_change WHERE kind = $1
          WINDOW newer AS (ORDER BY revision DESC ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)) AS kept
        WHERE number > $2 OR bytes > $3 OR written_at < $4 ORDER BY revision DESC LIMIT 1
        """, limits
      ).first?[0].integer
    }
    guard let newest else { return }
    try await database.transaction(.write) { connection in
      _ = try connection.execute(
        """
        INSERT INTO resource_kind_compaction (kind, revision) VALUES ($1, $2)
        ON CONFLICT (kind) DO UPDATE SET revision = excluded.revision
        WHERE resource_kind_compaction.revision < excluded.revision
        """, [.text(kind), .integer(newest)])
    }
    while try await removeChunk(of: kind, upTo: newest) == Self.chunk {}
  }

  private func removeChunk(of kind: String, upTo revision: Int64) async throws -> Int {
    try await database.transaction(.write) { connection in
      try connection.execute(
        """
        DELETE FROM resource_change WHERE revision IN (
          SELECT revision FROM resource_change WHERE kind = $1 AND revision <= $2 ORDER BY revision LIMIT $3)
        """, [.text(kind), .integer(revision), .integer(Int64(Self.chunk))])
    }
  }
}
