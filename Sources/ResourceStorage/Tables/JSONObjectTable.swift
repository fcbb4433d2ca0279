import Database
import ResourceModel
import WireFormats

/// Keeps objects as JSON text, beside the columns by which they are found.
struct JSONObjectTable: ObjectTable {
  let definition: ResourceDefinition
  let relation: ObjectRelation
  let dialect: SQLDialect
  /// Quoted.
  let table: String
  private let fields: SelectableFields

  init(_ definition: ResourceDefinition, _ dialect: SQLDialect) {
    self.definition = definition
    self.dialect = dialect
    fields = SelectableFields(definition)
    table = "\"\(definition.table)\""
    relation = ObjectRelation(
      source: "\(table) AS t", size: Self.size("t", dialect), content: "object", offset: "version_offset")
  }

  /// The bytes of a row's object, also where the row is from before they were kept.
  static func size(_ row: String, _ dialect: SQLDialect) -> String {
    let bytes = dialect == .postgresql ? "octet_length(\(row).object)" : "length(CAST(\(row).object AS blob))"
    return "CASE WHEN \(row).size = 0 THEN \(bytes) ELSE \(row).size END"
  }

  func object(_ key: ObjectKey, uid: String, revision: Int64, content: String, offset: Int64) -> StoredObject {
    StoredObject(key: key, uid: uid, revision: revision, text: Array(content.utf8), versionOffset: Int(offset))
  }

  func prepare(_ object: JSONValue) -> PreparedObject {
    PreparedObject(object: object, text: ObjectText(object), fields: fields.json(of: object))
  }

  func lock(_ keys: [ObjectKey], _ connection: any SQLConnection) throws -> [ObjectKey: StoredRow] {
    switch dialect {
    case .postgresql: try PostgreSQLObjects(table: self, connection: connection).lock(keys)
    case .sqlite: try SQLiteObjects(table: self, connection: connection).find(keys)
    }
  }

  func create(_ changes: [TableChange], at time: Int64, _ connection: any SQLConnection) throws -> Set<ObjectKey> {
    switch dialect {
    case .postgresql: try PostgreSQLObjects(table: self, connection: connection).create(changes, at: time)
    case .sqlite: try SQLiteObjects(table: self, connection: connection).create(changes, at: time)
    }
  }

  func replace(_ changes: [TableChange], at time: Int64, _ connection: any SQLConnection) throws {
    switch dialect {
    case .postgresql: try PostgreSQLObjects(table: self, connection: connection).replace(changes, at: time)
    case .sqlite: try SQLiteObjects(table: self, connection: connection).replace(changes, at: time)
    }
  }

  func remove(_ changes: [TableChange], at time: Int64, _ connection: any SQLConnection) throws {
    switch dialect {
    case .postgresql: try PostgreSQLObjects(table: self, connection: connection).remove(changes, at: time)
    case .sqlite: try SQLiteObjects(table: self, connection: connection).remove(changes, at: time)
    }
  }

  func condition(_ requirement: ObjectSelector.FieldRequirement, _ conditions: inout SQLConditions) -> String? {
    fields.condition(requirement, &conditions)
  }
}
