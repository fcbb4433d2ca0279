import Database
import ResourceModel

/// A few statements for each object: SQLite runs in this process, so that nothing is won by sets, and what they cost to be
/// read as JSON is lost.
struct SQLiteObjects {
  let table: JSONObjectTable
  let connection: any SQLConnection

  func find(_ keys: [ObjectKey]) throws -> [ObjectKey: StoredRow] {
    let sql = """
      SELECT uid, resource_version, \(table.relation.size) FROM \(table.relation.source)
      WHERE namespace = $1 AND name = $2
      """
    var found: [ObjectKey: StoredRow] = [:]
    for key in keys {
      guard let row = try connection.query(sql, [.text(key.namespace), .text(key.name)]).first else { continue }
      found[key] = StoredRow(uid: row[0].text ?? "", revision: row[1].integer ?? 0, size: Int(row[2].integer ?? 0))
    }
    return found
  }

  func create(_ changes: [TableChange], at time: Int64) throws -> Set<ObjectKey> {
    let insert = """
      INSERT INTO \(table.table)
        (namespace, name, uid, resource_version, generation, labels, created_at, object, version_offset, size, written_at,
          fields)
      VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT DO NOTHING
      """
    let journal = """
      INSERT INTO resource_change (\(ChangeJournal.columns))
      VALUES ($1, $2, $3, $4, 'ADDED', $5, $6, $7, NULL, NULL, 0, $8, $9)
      """
    var made: Set<ObjectKey> = []
    for change in changes {
      guard let object = change.object else { continue }
      let (namespace, name) = (SQLValue.text(change.key.namespace), SQLValue.text(change.key.name))
      let (uid, text, revision) = (SQLValue.text(object.uid), SQLValue.text(object.text.string), change.revision)
      let (offset, size) = (Int64(object.text.versionOffset), Int64(object.text.bytes.count))
      let count = try connection.execute(
        insert,
        [
          namespace, name, uid, .integer(revision), .integer(object.generation), .text(object.labels),
          .text(object.createdAt), text, .integer(offset), .integer(size), .integer(time),
          object.fields.map { .text($0) } ?? .null,
        ])
      guard count > 0 else { continue }
      made.insert(change.key)
      try connection.execute(
        journal,
        [
          .integer(revision), .text(table.kind), namespace, name, uid, text, .integer(offset), .integer(time),
          .integer(size),
        ])
    }
    return made
  }

  /// Journaled first: what they were is taken from them.
  func replace(_ changes: [TableChange], at time: Int64) throws {
    let journal = """
      INSERT INTO resource_change (\(ChangeJournal.columns))
      SELECT $3, $4, namespace, name, 'MODIFIED', $5, $6, $7, resource_version, object, version_offset, $8,
        $9 + \(table.relation.size)
      FROM \(table.relation.source) WHERE namespace = $1 AND name = $2
      """
    let update = """
      UPDATE \(table.table) SET uid = $3, resource_version = $4, generation = $5, labels = $6, created_at = $7,
        object = $8, version_offset = $9, size = $10, written_at = $11, fields = $12
      WHERE namespace = $1 AND name = $2
      """
    for change in changes {
      guard let object = change.object else { continue }
      let (namespace, name) = (SQLValue.text(change.key.namespace), SQLValue.text(change.key.name))
      let (uid, text, revision) = (SQLValue.text(object.uid), SQLValue.text(object.text.string), change.revision)
      let (offset, size) = (Int64(object.text.versionOffset), Int64(object.text.bytes.count))
      try connection.execute(
        journal,
        [
          namespace, name, .integer(revision), .text(table.kind), uid, text, .integer(offset), .integer(time),
          .integer(size),
        ])
      try connection.execute(
        update,
        [
          namespace, name, uid, .integer(revision), .integer(object.generation), .text(object.labels),
          .text(object.createdAt), text, .integer(offset), .integer(size), .integer(time),
          object.fields.map { .text($0) } ?? .null,
        ])
    }
  }

  /// What an object was says all there is to say of its removal.
  func remove(_ changes: [TableChange], at time: Int64) throws {
    let journal = """
      INSERT INTO resource_change (\(ChangeJournal.columns))
      SELECT $3, $4, namespace, name, 'DELETED', uid, '', 0, resource_version, object, version_offset, $5,
        \(table.relation.size)
      FROM \(table.relation.source) WHERE namespace = $1 AND name = $2
      """
    let delete = "DELETE FROM \(table.table) WHERE namespace = $1 AND name = $2"
    for change in changes {
      let key: [SQLValue] = [.text(change.key.namespace), .text(change.key.name)]
      try connection.execute(
        journal, key + [.integer(change.revision), .text(table.kind), .integer(time)])
      try connection.execute(delete, key)
    }
  }
}
