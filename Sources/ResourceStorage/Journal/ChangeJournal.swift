public import Database
import ResourceModel

/// The table `resource_change`, from which watchers learn of changes. Whoever changes objects, one or a thousand, by whatever
/// statement, journals it in the same transaction.
///
/// **Rows of a table with columns** (`StoredKind.columns`) are journaled by the table's triggers, whichever program changes
/// them:
///
/// - an inserted or deleted row always;
/// - an updated row where the statement sets its column `resource_version`: to 0, and it becomes the next revision:
///
///       UPDATE gcc_release SET status = 'published', resource_version = 0 WHERE version = '2.3.0' RETURNING id
///
///   Every watcher sees each of the rows, once and in order. What a statement changes without it is seen by whoever reads or
///   lists the object and by no watcher, until the object is changed with it: right for what changes all the time and
///   concerns nobody who watches.
///
/// From such a statement until the transaction's commit no other change is made anywhere, so it belongs near its end.
/// A transaction that changes several rows locks them first, in the order of their keys (`SELECT … ORDER BY … FOR
/// UPDATE`), or else PostgreSQL may have to end it or another one because each waits for the other; the store repeats
/// its own. In SQLite the rows that RETURNING gives do not show the new revision yet, and a transaction of this process
/// calls `announce`, or watchers learn of them up to two seconds later.
///
/// **Objects that are kept as JSON text** are written in a transaction of a program's own by `SQLResourceStore.write(_:_:in:)`.
public enum ChangeJournal {
  static let channel = "resource_change"

  /// What an INSERT into the journal names, in this order.
  static let columns = """
    revision, kind, namespace, name, type, uid, object, version_offset, previous_revision, previous, \
    previous_version_offset, written_at, size
    """

  /// Takes the next revisions, and wakes the readers of all processes once the transaction commits. The row that it changes
  /// stays locked until then, which makes the order of revisions the order of commits.
  /// - Returns: the last revision before them.
  static func allocate(_ count: Int, _ connection: any SQLConnection) throws -> Int64 {
    let update = "UPDATE resource_revision SET revision = revision + $1 WHERE id = 1 RETURNING revision"
    let newest: Int64?
    switch connection.dialect {
    case .postgresql:
      newest = try connection.query(
        """
        WITH newest AS (\(update)) SELECT revision, pg_notify('\(channel)', '') FROM newest
        """, [.integer(Int64(count))]
      ).first?[0].integer
    case .sqlite:
      newest = try connection.query(update, [.integer(Int64(count))]).first?[0].integer
      try connection.notify(channel: channel, payload: "")
    }
    guard let newest else { throw StatusError.notMigrated }
    return newest - Int64(count)
  }

  /// Wakes the readers of all processes once the transaction commits.
  public static func announce(_ connection: any SQLConnection) throws {
    try connection.notify(channel: channel, payload: "")
  }
}

extension StatusError {
  static let notMigrated = StatusError(
    .internalError, "the table resource_revision has no row; was the database migrated?")
}
