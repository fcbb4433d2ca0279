import Database
import ResourceModel

/// How far the change log reaches, as one snapshot of the database has it.
struct LogState: Sendable, Hashable {
  /// The newest revision.
  var revision: Int64
  /// Changes up to this one are no longer kept.
  var compacted: Int64

  /// - Parameter kind: whose changes are meant; nil for those of all kinds, of which each may be kept for another time.
  init(_ connection: any SQLConnection, kind: String? = nil) throws {
    let rows = try connection.query(
      """
      SELECT r.revision, c.revision, (SELECT max(k.revision) FROM resource_kind_compaction k\(kind == nil ? "" : " WHERE k.kind = $1"))
      FROM resource_revision r CROSS JOIN resource_compaction c
      """, kind.map { [.text($0)] } ?? [])
    guard let row = rows.first, let revision = row[0].integer, let compacted = row[1].integer else {
      throw StatusError.notMigrated
    }
    self.revision = revision
    self.compacted = max(compacted, row[2].integer ?? 0)
  }

  /// True where everything after `position` can be told: it is a revision of this history, and the log reaches back to it.
  func reaches(_ position: Int64, _ connection: any SQLConnection) throws -> Bool {
    guard position >= compacted, position <= revision else { return false }
    return try connection.query(
      "SELECT 1 FROM resource_epoch WHERE last_before < $1 AND first > $1 LIMIT 1", [.integer(position)]
    ).isEmpty
  }
}

/// What tells one change from another that has the same revision in another history of the database.
struct ChangeMark: Sendable, Hashable {
  var revision: Int64
  var writtenAt: Int64
  var uid: String
}

/// Stretches of revisions between which some are left out.
///
/// A database that was restored from a backup, or taken over by a replica that lacked the newest transactions, would give
/// revisions again that clients know for other changes, and their watches would skip those without a word. So each server
/// process leaves out a random number of revisions when it starts: what the lost history had given out falls into that
/// gap, and is answered with 410 `Expired`. Where it happens under a running server, the server sees it by what it had
/// read, and begins an epoch that ends every watch.
enum Epoch {
  /// Far more than a lost history can hold, few enough that 2^53 is not reached in a thousand years of restarts.
  static let gap: ClosedRange<Int64> = 1 << 20...1 << 28

  /// - Parameters:
  ///   - known: the newest revision that anybody was told of.
  ///   - endsWatches: false where changes from before can still be told.
  /// - Returns: the newest revision.
  static func begin(
    after known: Int64 = 0, endsWatches: Bool, gap: Int64, at time: Int64, _ connection: any SQLConnection
  ) throws -> Int64 {
    guard
      let last = try connection.query(
        "SELECT revision FROM resource_revision WHERE id = 1\(connection.dialect == .postgresql ? " FOR UPDATE" : "")"
      ).first?[0].integer
    else {
      throw StatusError.notMigrated
    }
    let first = max(last, known) + gap
    try connection.execute("UPDATE resource_revision SET revision = $1 WHERE id = 1", [.integer(first)])
    try connection.execute(
      "INSERT INTO resource_epoch (first, last_before, started_at) VALUES ($1, $2, $3)",
      [.integer(first), .integer(last), .integer(time)])
    if endsWatches {
      try connection.execute("UPDATE resource_compaction SET revision = $1 WHERE id = 1", [.integer(first)])
    }
    try ChangeJournal.announce(connection)
    return first
  }
}
