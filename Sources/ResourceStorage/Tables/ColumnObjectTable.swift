import Database
import ResourceModel
import WireFormats

/// Keeps objects in the columns of a specification's table, whose rows other programs read and write. Its triggers journal
/// every change (`JournalTriggers`).
struct ColumnObjectTable: ObjectTable {
  let definition: ResourceDefinition
  let relation: ObjectRelation
  private let mapping: ColumnMapping
  private let dialect: SQLDialect
  /// Quoted.
  private let table: String

  init(_ definition: ResourceDefinition, _ mapping: ColumnMapping, _ dialect: SQLDialect) {
    self.definition = definition
    self.mapping = mapping
    self.dialect = dialect
    table = "\"\(definition.table)\""
    relation = ObjectRelation(
      source: Self.source(definition, mapping, dialect), hasNamespaces: mapping.namespace != nil, size: "size",
      content: "content", offset: "\(ObjectContent.isRow)")
  }

  private static func source(
    _ definition: ResourceDefinition, _ mapping: ColumnMapping, _ dialect: SQLDialect
  ) -> String {
    let bytewise = dialect == .postgresql ? " COLLATE \"C\"" : ""
    let namespace = mapping.namespace.map { "\"\($0)\"\(bytewise)" } ?? "CAST('' AS text)"
    let created = "\"\(mapping.createdAt.name)\""
    let createdAt =
      switch (dialect, mapping.createdAt.type) {
      case (.postgresql, .timestamp(hasTimeZone: true)):
        "to_char(\(created) AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')"
      case (.postgresql, _): "to_char(\(created), 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')"
      case (.sqlite, _): created
      }
    let fields = mapping.columns.map { ", \"\($0.name)\" AS \"column \($0.name)\"" }.joined()
    return """
      (SELECT \(namespace) AS namespace, "\(mapping.name)"\(bytewise) AS name,
        CAST("\(mapping.uid.name)" AS text) AS uid, resource_version, labels, \(createdAt) AS created_at, written_at,
        \(mapping.size("", dialect)) AS size, \(mapping.content("", dialect)) AS content\(fields)
      FROM "\(definition.table)") AS t
      """
  }

  // MARK: Objects

  func object(_ key: ObjectKey, uid: String, revision: Int64, content: String, offset: Int64) -> StoredObject {
    let row = (try? JSONValue(parsingStored: Array(content.utf8))) ?? [:]
    let text = ObjectText(mapping.object(key, row, names))
    return StoredObject(key: key, uid: uid, revision: revision, text: text.bytes, versionOffset: text.versionOffset)
  }

  /// The object as it will be read: times in one form, and no empty labels.
  func prepare(_ object: JSONValue) throws(StatusError) -> PreparedObject {
    let (values, rest) = try mapping.row(of: object, names, dialect)
    var content: JSONValue = ["object_rest": .string(rest)]
    for (column, value) in zip(mapping.contentColumns, values) {
      content[column.name] =
        switch value {
        case .text(let text) where column.type == .json: (try? JSONValue(parsing: text)) ?? .null
        case .text(let text) where column.type == .boolean: .bool(text == "true")
        case .text(let text): .string(text)
        case .integer(let number): .integer(number)
        default: .null
        }
    }
    let key = ObjectKey(namespace: object.namespace, name: object.name)
    let stored = mapping.object(key, content, names)
    let kept = zip(mapping.contentColumns, values).filter { !$0.0.isOutput }.map(\.1)
    return PreparedObject(object: stored, text: ObjectText(stored), columns: kept + [.text(rest)])
  }

  // MARK: Statements

  /// The columns that a write gives values: those of `PreparedObject.columns`, under plain names.
  private var written: [(name: String, type: ColumnType)] {
    mapping.contentColumns.filter { !$0.isOutput }.map { ($0.name, $0.type) } + [("object_rest", .text)]
  }

  private static let keyColumns: [(name: String, type: RowSet.ColumnType)] = [("namespace", .text), ("name", .text)]

  private func keys(_ keys: some Sequence<ObjectKey>) -> RowSet {
    var rows = RowSet(Self.keyColumns)
    for key in keys { rows.append([.text(key.namespace), .text(key.name)]) }
    return rows
  }

  private func rows(_ changes: [TableChange]) -> RowSet {
    var rows = RowSet(
      Self.keyColumns + [("revision", .integer)] + written.enumerated().map { ("c\($0)", $1.type.rowType) })
    for change in changes {
      rows.append(
        [.text(change.key.namespace), .text(change.key.name), .integer(change.revision)]
          + (change.object?.columns ?? []))
    }
    return rows
  }

  private func isOf(_ row: String) -> String {
    // By the index of `JournalTriggers.statements`.
    let bytewise = dialect == .postgresql ? " COLLATE \"C\"" : ""
    let name = "\(table).\"\(mapping.name)\"\(bytewise) = \(row).name"
    return mapping.namespace.map { "\(table).\"\($0)\"\(bytewise) = \(row).namespace AND \(name)" } ?? name
  }

  func lock(_ keys: [ObjectKey], _ connection: any SQLConnection) throws -> [ObjectKey: StoredRow] {
    let rows = self.keys(keys)
    let found = try connection.query(
      """
      SELECT namespace, name, uid, resource_version, size FROM \(relation.source)
      WHERE (namespace, name) IN (SELECT r.namespace, r.name FROM \(rows.source(dialect)))
      ORDER BY namespace, name\(dialect == .postgresql ? " FOR UPDATE" : "")
      """, [rows.parameter])
    return Dictionary(
      found.map { row in
        let stored = StoredRow(
          uid: row[2].text ?? "", revision: row[3].integer ?? 0, size: Int(row[4].integer ?? 0))
        return (ObjectKey(row), stored)
      }, uniquingKeysWith: { first, _ in first })
  }

  func create(_ changes: [TableChange], at time: Int64, _ connection: any SQLConnection) throws -> Set<ObjectKey> {
    let rows = rows(changes)
    let keyColumns = [mapping.namespace, mapping.name].compactMap(\.self)
    let columns = keyColumns + ["resource_version", "written_at"] + written.map(\.name) + updatedAt.map(\.name)
    let values =
      (mapping.namespace == nil ? [] : ["r.namespace"]) + ["r.name", "r.revision", "$2"]
      + written.enumerated().map { $1.type.cast("r.c\($0)", dialect) } + updatedAt.map(\.value)
    let made = try connection.query(
      """
      INSERT INTO \(table) (\(columns.map { "\"\($0)\"" }.joined(separator: ", ")))
      SELECT \(values.joined(separator: ", ")) FROM \(rows.source(dialect)) WHERE true ON CONFLICT DO NOTHING
      RETURNING \(mapping.namespace.map { "\"\($0)\"" } ?? "CAST('' AS text)"), "\(mapping.name)"
      """, [rows.parameter, .integer(time)] + updatedAt.map { _ in .text(Timestamp(microseconds: time).description) })
    return Set(made.map { ObjectKey($0) })
  }

  /// All but what never changes: the key, the uid and the time of creation.
  func replace(_ changes: [TableChange], at time: Int64, _ connection: any SQLConnection) throws {
    let rows = rows(changes)
    let assignments =
      written.enumerated().filter { ![mapping.uid.name, mapping.createdAt.name].contains($1.name) }.map {
        "\"\($1.name)\" = \($1.type.cast("r.c\($0)", dialect))"
      } + updatedAt.map { "\"\($0.name)\" = \($0.value)" }
    try connection.execute(
      """
      UPDATE \(table) SET resource_version = r.revision, written_at = $2, \(assignments.joined(separator: ", "))
      FROM \(rows.source(dialect)) WHERE \(isOf("r"))
      """, [rows.parameter, .integer(time)] + updatedAt.map { _ in .text(Timestamp(microseconds: time).description) })
  }

  /// The triggers of the table journal what is removed.
  var numbersRemovals: Bool { true }

  func remove(_ changes: [TableChange], at time: Int64, _ connection: any SQLConnection) throws {
    let keys = keys(changes.map(\.key))
    try connection.execute(
      "DELETE FROM \(table) WHERE EXISTS (SELECT 1 FROM \(keys.source(dialect)) WHERE \(isOf("r")))", [keys.parameter])
  }

  /// At most one column, whose value is the third parameter.
  private var updatedAt: [(name: String, value: String)] {
    mapping.updatedAt.map { [($0.name, $0.type.cast("$3", dialect))] } ?? []
  }

  // MARK: Selectors

  func condition(_ requirement: ObjectSelector.FieldRequirement, _ conditions: inout SQLConditions) -> String? {
    guard let column = mapping.columns.first(where: { $0.path == requirement.path }),
      requirement.value.utf8.allSatisfy({ (1..<0x80).contains($0) })
    else { return nil }
    let reference = "\"column \(column.name)\""
    switch column.type {
    case .text where !requirement.value.isEmpty: break
    case .integer:
      guard let number = Int64(requirement.value), String(number) == requirement.value else { return nil }
      return compare(requirement, reference, [conditions.parameter(.integer(number))])
    case .enumeration(let type, let words):
      // A word that the column may have as it is counts, too.
      var kept = words.filter { $0.value == requirement.value }.map(\.key)
      if words[requirement.value] == nil || requirement.isEqual { kept.append(requirement.value) }
      let parameters = kept.map { conditions.parameter(.text($0)) }
      return compare(requirement, type == nil ? reference : "CAST(\(reference) AS text)", parameters)
    case .text, .uuid, .boolean, .timestamp, .json: return nil
    }
    return compare(requirement, reference, [conditions.parameter(.text(requirement.value))])
  }

  private func compare(
    _ requirement: ObjectSelector.FieldRequirement, _ expression: String, _ parameters: [String]
  ) -> String? {
    guard !parameters.isEmpty else { return nil }
    let list = parameters.joined(separator: ", ")
    return requirement.isEqual
      ? "\(expression) IN (\(list))" : "(\(expression) NOT IN (\(list)) OR \(expression) IS NULL)"
  }
}
