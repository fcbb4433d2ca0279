import Database
import ResourceModel

/// The table that keeps one kind's objects, and the statements over it.
struct KindTable: Sendable {
  let names: ResourceNames
  let table: String
  let limits: ResourceLimits
  /// The bytes of a row's object, also where the row is from before they were kept.
  let size: String
  let lock: String

  init(_ definition: ResourceDefinition, _ dialect: SQLDialect) {
    names = definition.names
    limits = definition.limits
    let bytes = dialect == .postgresql ? "octet_length(object)" : "length(CAST(object AS blob))"
    size = "CASE WHEN size = 0 THEN \(bytes) ELSE size END"
    table = "\"\(definition.table)\""
    // SQLite's write transactions exclude each other as it is.
    lock = dialect == .postgresql ? " FOR UPDATE" : ""
  }

  /// How the change log names the kind.
  var kind: String { names.qualifiedPlural }

  var select: String { "SELECT uid, resource_version, object FROM \(table) WHERE namespace = $1 AND name = $2" }

  var selectForUpdate: String { select + lock }

  /// Changes no row where another process made the object in the meantime.
  var insert: String {
    """
    INSERT INTO \(table)
      (namespace, name, uid, resource_version, generation, labels, created_at, object, size, written_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING
    """
  }

  var update: String {
    """
    UPDATE \(table) SET uid = $3, resource_version = $4, generation = $5, labels = $6, created_at = $7, object = $8,
      size = $9, written_at = $10
    WHERE namespace = $1 AND name = $2
    """
  }

  var delete: String { "DELETE FROM \(table) WHERE namespace = $1 AND name = $2" }
}
