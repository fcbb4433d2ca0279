import Database
import ResourceModel

/// The table that keeps one kind's objects, and the statements over it.
struct KindTable: Sendable {
  let names: ResourceNames
  let table: String
  let limits: ResourceLimits
  let dialect: SQLDialect
  /// The bytes of a row's object, also where the row is from before they were kept.
  let size: String
  /// The same of the table under the name `t`, in a statement with several.
  private let sizeOfRow: String
  let lock: String

  init(_ definition: ResourceDefinition, _ dialect: SQLDialect) {
    names = definition.names
    limits = definition.limits
    self.dialect = dialect
    size = Self.size("", dialect)
    sizeOfRow = Self.size("t.", dialect)
    table = "\"\(definition.table)\""
    // SQLite's write transactions exclude each other as it is.
    lock = dialect == .postgresql ? " FOR UPDATE" : ""
  }

  private static func size(_ row: String, _ dialect: SQLDialect) -> String {
    let bytes =
      dialect == .postgresql ? "octet_length(\(row)object)" : "length(CAST(\(row)object AS blob))"
    return "CASE WHEN \(row)size = 0 THEN \(bytes) ELSE \(row)size END"
  }

  /// How the change journal names the kind.
  var kind: String { names.qualifiedPlural }

  // MARK: Reading

  /// The columns from which `object(_:)` makes an object.
  static let objectColumns = "namespace, name, uid, resource_version, object, version_offset"

  static func object(_ row: SQLRow) -> StoredObject {
    StoredObject(
      key: ObjectKey(namespace: row[0].text ?? "", name: row[1].text ?? ""), uid: row[2].text ?? "",
      revision: row[3].integer ?? 0, text: Array((row[4].text ?? "").utf8), versionOffset: Int(row[5].integer ?? 0))
  }

  var select: String { "SELECT \(Self.objectColumns) FROM \(table) WHERE namespace = $1 AND name = $2" }

  // MARK: Sets

  static let keyColumns: [(name: String, type: RowSet.ColumnType)] = [("namespace", .text), ("name", .text)]

  static let contentColumns: [(name: String, type: RowSet.ColumnType)] =
    keyColumns + [
      ("revision", .integer), ("uid", .text), ("generation", .integer), ("labels", .text), ("created_at", .text),
      ("object", .text), ("version_offset", .integer), ("size", .integer),
    ]

  private func isIn(_ rows: RowSet) -> String {
    "(namespace, name) IN (SELECT r.namespace, r.name FROM \(rows.source(dialect)))"
  }

  /// What is there of these keys, without its text, locked in the order of all writers.
  func selectForUpdate(_ keys: RowSet) -> String {
    """
    SELECT namespace, name, uid, resource_version, \(size) FROM \(table) WHERE \(isIn(keys))
    ORDER BY namespace, name\(lock)
    """
  }

  /// Leaves out what another process made in the meantime, and says which rows it made.
  func insert(_ rows: RowSet) -> String {
    """
    INSERT INTO \(table)
      (namespace, name, uid, resource_version, generation, labels, created_at, object, version_offset, size, written_at)
    SELECT r.namespace, r.name, r.uid, r.revision, r.generation, \(labels), r.created_at, r.object, r.version_offset,
      r.size, $2
    FROM \(rows.source(dialect)) WHERE true ON CONFLICT DO NOTHING RETURNING namespace, name
    """
  }

  func update(_ rows: RowSet) -> String {
    """
    UPDATE \(table) SET uid = r.uid, resource_version = r.revision, generation = r.generation, labels = \(labels),
      created_at = r.created_at, object = r.object, version_offset = r.version_offset, size = r.size, written_at = $2
    FROM \(rows.source(dialect)) WHERE \(table).namespace = r.namespace AND \(table).name = r.name
    """
  }

  func delete(_ keys: RowSet) -> String {
    "DELETE FROM \(table) WHERE \(isIn(keys)) RETURNING \(Self.objectColumns)"
  }

  private var labels: String { dialect == .postgresql ? "CAST(r.labels AS jsonb)" : "r.labels" }

  // MARK: The journal

  func journalCreations(_ rows: RowSet) -> String {
    """
    INSERT INTO resource_change (\(ChangeJournal.columns))
    SELECT r.revision, $2, r.namespace, r.name, 'ADDED', r.uid, r.object, r.version_offset, NULL, NULL, 0, $3, r.size
    FROM \(rows.source(dialect))
    """
  }

  /// Before the rows are changed: what they were is taken from them.
  func journalReplacements(_ rows: RowSet) -> String {
    """
    INSERT INTO resource_change (\(ChangeJournal.columns))
    SELECT r.revision, $2, r.namespace, r.name, 'MODIFIED', r.uid, r.object, r.version_offset,
      t.resource_version, t.object, t.version_offset, $3, r.size + \(sizeOfRow)
    FROM \(rows.source(dialect)) JOIN \(table) t ON t.namespace = r.namespace AND t.name = r.name
    """
  }

  /// Before the rows are removed. What an object was says all there is to tell of it.
  func journalRemovals(_ rows: RowSet) -> String {
    """
    INSERT INTO resource_change (\(ChangeJournal.columns))
    SELECT r.revision, $2, r.namespace, r.name, 'DELETED', t.uid, '', 0,
      t.resource_version, t.object, t.version_offset, $3, \(sizeOfRow)
    FROM \(rows.source(dialect)) JOIN \(table) t ON t.namespace = r.namespace AND t.name = r.name
    """
  }
}
