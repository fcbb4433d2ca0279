import Database
import ResourceModel
import WireFormats

/// How the objects of one kind are kept: the statements over their table, each about a set of objects, in a transaction
/// of the caller's.
protocol ObjectTable: Sendable {
  var definition: ResourceDefinition { get }
  /// The rows as lists read them.
  var relation: ObjectRelation { get }

  /// Puts an object together from what a row, or the journal, holds of it.
  /// - Parameter offset: where the version belongs in `content`, or `ObjectContent.isRow`.
  func object(_ key: ObjectKey, uid: String, revision: Int64, content: String, offset: Int64) -> StoredObject

  /// What is to be written for an object.
  /// - Throws: `StatusError` `invalid` where the table cannot keep one of its values.
  func prepare(_ object: JSONValue) throws(StatusError) -> PreparedObject

  /// What is there of these keys, locked until the transaction ends, in the order of all writers: so two transactions
  /// never wait for each other.
  func lock(_ keys: [ObjectKey], _ connection: any SQLConnection) throws -> [ObjectKey: StoredRow]

  /// Makes objects, and journals it. Leaves out those whose key another process took in the meantime.
  /// - Parameter time: of the write, in microseconds since 1970.
  /// - Returns: the keys of those that were made.
  func create(_ changes: [TableChange], at time: Int64, _ connection: any SQLConnection) throws -> Set<ObjectKey>

  /// Replaces objects that the transaction has locked, and journals it.
  func replace(_ changes: [TableChange], at time: Int64, _ connection: any SQLConnection) throws

  /// True where a removal takes its revision when it is carried out, whatever its change says: such removals have to be
  /// carried out before revisions are given to the other writes.
  var numbersRemovals: Bool { get }

  /// Removes objects that the transaction has locked, and journals it.
  func remove(_ changes: [TableChange], at time: Int64, _ connection: any SQLConnection) throws

  /// What the database decides of a requirement on a field: every object that meets the requirement meets the condition.
  /// Nil where it can say nothing.
  func condition(_ requirement: ObjectSelector.FieldRequirement, _ conditions: inout SQLConditions) -> String?
}

extension ObjectTable {
  var names: ResourceNames { definition.names }
  var limits: ResourceLimits { definition.limits }
  var numbersRemovals: Bool { false }
  /// How the change journal names the kind.
  var kind: String { definition.names.qualifiedPlural }

  /// The object of a row of `ObjectRelation.columns`.
  func object(_ row: SQLRow) -> StoredObject {
    object(
      ObjectKey(row), uid: row[2].text ?? "", revision: row[3].integer ?? 0, content: row[4].text ?? "",
      offset: row[5].integer ?? 0)
  }

  /// The objects with these keys, as they are.
  func objects(_ keys: [ObjectKey], _ connection: any SQLConnection) throws -> [ObjectKey: StoredObject] {
    var rows = RowSet([("namespace", .text), ("name", .text)])
    for key in keys { rows.append([.text(key.namespace), .text(key.name)]) }
    let found = try connection.query(
      """
      SELECT \(relation.columns) FROM \(relation.source)
      WHERE (namespace, name) IN (SELECT r.namespace, r.name FROM \(rows.source(connection.dialect)))
      """, [rows.parameter])
    return Dictionary(found.map { (ObjectKey($0), object($0)) }) { first, _ in first }
  }

  func find(_ key: ObjectKey, _ connection: any SQLConnection) throws -> StoredObject? {
    try connection.query(
      "SELECT \(relation.columns) FROM \(relation.source) WHERE namespace = $1 AND name = $2",
      [.text(key.namespace), .text(key.name)]
    ).first.map(object)
  }
}

/// A table of objects to read from, whatever its own columns are.
struct ObjectRelation: Sendable {
  /// What goes after FROM: rows under the name `t` that have the columns `namespace`, `name`, `uid`, `resource_version`,
  /// `labels`, `created_at` (RFC 3339) and `written_at` (microseconds since 1970; 0 where it is not known).
  var source: String
  /// False where no object of the kind lies in a namespace.
  var hasNamespaces = true
  /// How many bytes an object has, about.
  var size: String
  /// Of what an object is put together, and where its version belongs in that.
  var content: String
  var offset: String

  /// The order of a list.
  var order: String { hasNamespaces ? "namespace, name" : "name" }
  /// What `ObjectTable.object(_:)` reads.
  var columns: String { "namespace, name, uid, resource_version, \(content), \(offset)" }
}

/// What the database holds of an object.
enum ObjectContent {
  /// Instead of an offset: the content is a row of a table with columns, as a JSON object.
  static let isRow: Int64 = -1
}

/// What a write has to know of the object that is there.
struct StoredRow: Sendable, Hashable {
  var uid: String
  var revision: Int64
  /// Of its object, in bytes.
  var size: Int
}

/// An object as it will be stored.
struct PreparedObject: Sendable {
  var object: JSONValue
  var text: ObjectText
  /// See `SelectableFields.json(of:)`.
  var fields: String?
  /// Where the table has columns: their values.
  var columns: [SQLValue] = []

  var uid: String { object.uid }
  var generation: Int64 { object["metadata"]?["generation"]?.integer ?? 0 }
  /// As a JSON object.
  var labels: String { (object["metadata"]?["labels"] ?? [:]).text }
  var createdAt: String { object["metadata"]?["creationTimestamp"]?.string ?? "" }
}

/// One object's part in a set of changes.
struct TableChange: Sendable {
  var key: ObjectKey
  /// Of the change.
  var revision: Int64
  /// What is stored; nil for a removal.
  var object: PreparedObject?
}

extension ObjectKey {
  /// The key of a row whose first columns are namespace and name.
  init(_ row: SQLRow) { self.init(namespace: row[0].text ?? "", name: row[1].text ?? "") }
}
