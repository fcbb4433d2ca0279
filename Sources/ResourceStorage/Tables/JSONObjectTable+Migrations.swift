import Database
import ResourceModel

extension JSONObjectTable {
  /// What makes the table. An earlier version of the program knew the first three by their names.
  static func migrations(_ definition: ResourceDefinition, indexedFields: [String]) -> [Migration] {
    let table = definition.table
    let steps: [(name: String, statements: @Sendable (SQLDialect) -> [String])] = [
      (table, { objects(table, $0) }), ("\(table): size and time of the last write", { _ in sizes(table) }),
      ("\(table): version apart from the text", { _ in offset(table) }),
      ("\(table): selectors by index", { selectors(table, $0) }),
    ]
    let owner = definition.migrationOwner
    return zip(steps, 1...).map { step, version in
      Migration(owner: owner, version: version, name: step.name, statements: step.statements)
    }
      + indexedFields.map { path in
        Migration(owner: "\(owner)/index/\(path)", version: 1, name: "\(table): index of \(path)") { dialect in
          [
            """
            CREATE INDEX "\(table)_\(path)" ON "\(table)" (\(SelectableFields.expression(path, dialect)), namespace)
            """
          ]
        }
      }
  }

  private static func objects(_ table: String, _ dialect: SQLDialect) -> [String] {
    let name = dialect == .postgresql ? "text COLLATE \"C\"" : "text"
    let json = dialect == .postgresql ? "jsonb" : "text"
    return [
      """
      CREATE TABLE "\(table)" (
        namespace \(name) NOT NULL, name \(name) NOT NULL,
        uid text NOT NULL UNIQUE,
        resource_version bigint NOT NULL, generation bigint NOT NULL,
        labels \(json) NOT NULL, created_at text NOT NULL,
        object text NOT NULL,
        PRIMARY KEY (namespace, name))
      """
    ]
  }

  private static func sizes(_ table: String) -> [String] {
    [
      // 0 where it is not known: rows of an earlier version are not rewritten for it.
      "ALTER TABLE \"\(table)\" ADD COLUMN size bigint NOT NULL DEFAULT 0",
      "ALTER TABLE \"\(table)\" ADD COLUMN written_at bigint NOT NULL DEFAULT 0",
      "CREATE INDEX \"\(table)_written_at\" ON \"\(table)\" (written_at, created_at)",
    ]
  }

  private static func offset(_ table: String) -> [String] {
    // 0 where the text holds its version, as in every row that is there.
    ["ALTER TABLE \"\(table)\" ADD COLUMN version_offset bigint NOT NULL DEFAULT 0"]
  }

  private static func selectors(_ table: String, _ dialect: SQLDialect) -> [String] {
    // Null where it is not known: rows of an earlier version are not rewritten for it.
    switch dialect {
    case .postgresql:
      [
        "ALTER TABLE \"\(table)\" ADD COLUMN fields jsonb",
        "CREATE INDEX \"\(table)_labels\" ON \"\(table)\" USING gin (labels)",
      ]
    case .sqlite: ["ALTER TABLE \"\(table)\" ADD COLUMN fields text"]
    }
  }
}
