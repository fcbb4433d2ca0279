/// Rows of a table, each of which is due at some time, and what is to become of them.
///
/// With PostgreSQL, several processes side by side claim with one statement that passes over the rows which another is
/// about to claim, and that says until when they are nobody else's:
///
///     UPDATE target SET locked_until = $now + $lease, locked_by = $batch
///     WHERE id IN (
///       SELECT id FROM target WHERE due_at <= $now AND (locked_until IS NULL OR locked_until <= $now)
///       ORDER BY due_at LIMIT $limit FOR UPDATE SKIP LOCKED)
///     RETURNING …
///
/// and commit with one that changes only what is still theirs, and frees it:
///
///     UPDATE target SET …, locked_until = NULL, locked_by = NULL
///     FROM json_to_recordset($changes) AS r(…) WHERE target.id = r.id AND target.locked_by = $batch
///
/// `$batch` is new with every claim. A process that is killed between the two leaves rows that another claims once
/// `locked_until` has passed; one that was only slow changes nothing any more. The lease is to be longer than a commit
/// may take. With SQLite, where one process writes, the same statements do without `FOR UPDATE SKIP LOCKED`.
public protocol BatchSource: Sendable {
  associatedtype Row: Sendable
  associatedtype Change: Sendable

  /// Takes rows that are due, so that nobody else is given them until they are committed or the claim runs out.
  /// - Parameter limit: how many at most; 1 or more.
  func claim(limit: Int) async throws -> Batch<Row>

  /// Carries out the changes in one transaction: all of them, save for those of rows that the batch has lost to another,
  /// or none. Afterwards no row of the batch is due at once, unless its change says so.
  /// - Parameters:
  ///   - changes: one for each row, in the order of the rows.
  ///   - batch: what was claimed, or a part of it.
  func commit(_ changes: [Change], of batch: Batch<Row>) async throws
}

/// Rows that one process works on.
public struct Batch<Row: Sendable>: Sendable {
  /// Names the claim; no two have the same.
  public var id: String
  public var rows: [Row]
  /// How long until the next row is due, or the claim of another process runs out; read where `rows` is empty. Nil
  /// where there is no such row.
  public var nextDue: Duration?

  public init(id: String, rows: [Row], nextDue: Duration?) {
    self.id = id
    self.rows = rows
    self.nextDue = nextDue
  }
}
