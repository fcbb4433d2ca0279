import Database

/// Fields by which the table of rollouts has an index.
enum RolloutFields {
  static func release(_ table: String, _ dialect: SQLDialect) -> String { field("spec.release", table, dialect) }
  static func phase(_ table: String, _ dialect: SQLDialect) -> String { field("status.phase", table, dialect) }

  private static func field(_ path: String, _ table: String, _ dialect: SQLDialect) -> String {
    dialect == .postgresql ? "(\(table).fields ->> '\(path)')" : "json_extract(\(table).fields, '$.\"\(path)\"')"
  }
}
