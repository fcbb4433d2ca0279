import Database
import ResourceModel

/// One statement for a set of objects, whose values travel as arrays; the statement journals what it changes.
struct PostgreSQLObjects {
  let table: JSONObjectTable
  let connection: any SQLConnection

  /// Made rows of by `unnest`: $1 and $2 are the keys.
  private static let keys = "unnest($1, $2) AS r(namespace, name)"
  private static let numberedKeys = "unnest($1, $2, $3) AS r(namespace, name, revision)"
  private static let rows = """
    unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) \
    AS r(namespace, name, revision, uid, generation, labels, fields, created_at, object, version_offset)
    """

  func lock(_ keys: [ObjectKey]) throws -> [ObjectKey: StoredRow] {
    let rows = try connection.query(
      """
      SELECT namespace, name, uid, resource_version, \(table.relation.size) FROM \(table.relation.source)
      WHERE (namespace, name) IN (SELECT r.namespace, r.name FROM \(Self.keys)) ORDER BY namespace, name FOR UPDATE
      """, [.texts(keys.map(\.namespace)), .texts(keys.map(\.name))])
    var found: [ObjectKey: StoredRow] = [:]
    for row in rows {
      found[ObjectKey(row)] = StoredRow(
        uid: row[2].text ?? "", revision: row[3].integer ?? 0, size: Int(row[4].integer ?? 0))
    }
    return found
  }

  func create(_ changes: [TableChange], at time: Int64) throws -> Set<ObjectKey> {
    let made = try connection.query(
      """
      WITH made AS (
        INSERT INTO \(table.table)
          (namespace, name, uid, resource_version, generation, labels, fields, created_at, object, version_offset,
            size, written_at)
        SELECT r.namespace, r.name, r.uid, r.revision, r.generation, CAST(r.labels AS jsonb), CAST(r.fields AS jsonb),
          r.created_at, r.object, r.version_offset, octet_length(r.object), $11
        FROM \(Self.rows) ON CONFLICT DO NOTHING
        RETURNING namespace, name, uid, resource_version, object, version_offset, size)
      INSERT INTO resource_change (\(ChangeJournal.columns))
      SELECT resource_version, $12, namespace, name, 'ADDED', uid, object, version_offset, NULL, NULL, 0, $11, size
      FROM made RETURNING namespace, name
      """, parameters(changes) + [.integer(time), .text(table.kind)])
    return Set(made.map { ObjectKey($0) })
  }

  /// The same row under a second name says what it was before.
  func replace(_ changes: [TableChange], at time: Int64) throws {
    try connection.execute(
      """
      WITH changed AS (
        UPDATE \(table.table) AS n SET uid = r.uid, resource_version = r.revision, generation = r.generation,
          labels = CAST(r.labels AS jsonb), fields = CAST(r.fields AS jsonb), created_at = r.created_at,
          object = r.object, version_offset = r.version_offset, size = octet_length(r.object), written_at = $11
        FROM \(Self.rows) JOIN \(table.table) AS t ON t.namespace = r.namespace AND t.name = r.name
        WHERE n.namespace = r.namespace AND n.name = r.name
        RETURNING n.namespace, n.name, n.uid, n.resource_version, n.object, n.version_offset,
          t.resource_version AS previous_revision, t.object AS previous, t.version_offset AS previous_version_offset,
          n.size + \(table.relation.size) AS size)
      INSERT INTO resource_change (\(ChangeJournal.columns))
      SELECT resource_version, $12, namespace, name, 'MODIFIED', uid, object, version_offset, previous_revision, previous,
        previous_version_offset, $11, size
      FROM changed
      """, parameters(changes) + [.integer(time), .text(table.kind)])
  }

  /// What an object was says all there is to say of its removal.
  func remove(_ changes: [TableChange], at time: Int64) throws {
    try connection.execute(
      """
      WITH removed AS (
        DELETE FROM \(table.table) AS t USING \(Self.numberedKeys)
        WHERE t.namespace = r.namespace AND t.name = r.name
        RETURNING r.revision, t.namespace, t.name, t.uid, t.resource_version, t.object, t.version_offset,
          \(table.relation.size) AS size)
      INSERT INTO resource_change (\(ChangeJournal.columns))
      SELECT revision, $5, namespace, name, 'DELETED', uid, '', 0, resource_version, object, version_offset, $4, size
      FROM removed
      """,
      [
        .texts(changes.map(\.key.namespace)), .texts(changes.map(\.key.name)), .integers(changes.map(\.revision)),
        .integer(time), .text(table.kind),
      ])
  }

  private func parameters(_ changes: [TableChange]) -> [SQLValue] {
    [
      .texts(changes.map(\.key.namespace)), .texts(changes.map(\.key.name)), .integers(changes.map(\.revision)),
      .texts(changes.map { $0.object?.uid }), .integers(changes.map { $0.object?.generation }),
      .texts(changes.map { $0.object?.labels }), .texts(changes.map { $0.object?.fields }),
      .texts(changes.map { $0.object?.createdAt }),
      .texts(changes.map { $0.object?.text.string }),
      .integers(changes.map { Int64($0.object?.text.versionOffset ?? 0) }),
    ]
  }
}
