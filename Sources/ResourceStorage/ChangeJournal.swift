import Database
import ResourceModel

/// Writes the table `resource_change`, from which watchers are told. Whoever changes objects, one or a thousand, by whatever
/// statement, does it in one transaction:
///
/// 1. lock the rows, in the order of kind, namespace and name;
/// 2. `allocate` a revision for each change, as late as can be: from here to the commit no other change is made anywhere;
/// 3. append what changed, with what it was before, and change the rows;
/// 4. `announce` the newest revision.
enum ChangeJournal {
  static let channel = "resource_change"

  /// What an INSERT into the journal names, in this order.
  static let columns = """
    revision, kind, namespace, name, type, uid, object, version_offset, previous_revision, previous, \
    previous_version_offset, written_at, size
    """

  /// Takes the next revisions. The row that it changes stays locked until the commit, which makes the order of revisions the
  /// order of commits.
  /// - Returns: the last revision before them.
  static func allocate(_ count: Int, _ connection: any SQLConnection) throws -> Int64 {
    let newest = try connection.query(
      "UPDATE resource_revision SET revision = revision + $1 WHERE id = 1 RETURNING revision",
      [.integer(Int64(count))]
    ).first?[0].integer
    guard let newest else {
      throw StatusError(.internalError, "the table resource_revision has no row; was the database migrated?")
    }
    return newest - Int64(count)
  }

  /// Wakes the readers of all processes once the transaction commits.
  static func announce(_ newest: Int64, _ connection: any SQLConnection) throws {
    try connection.notify(channel: channel, payload: String(newest))
  }
}
