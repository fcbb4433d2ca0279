/// What the types of Prisma, in which the specification writes its tables, are called in each database (spec §12, §13).
public struct PrismaTypes: Sendable {
  public let dialect: SQLDialect
  /// `DateTime?`.
  public let time: String
  /// `DateTime @default(now())`.
  public let now: String
  /// `Boolean`, without a default.
  public let boolean: String
  /// `Json?`.
  public let json: String
  /// `String @id @default(uuid())`, with its name.
  public let id: String
  public let integer = "integer"

  public init(_ dialect: SQLDialect) {
    self.dialect = dialect
    switch dialect {
    case .postgresql:
      (time, boolean, json) = ("timestamp(3)", "boolean", "jsonb")
      now = "timestamp(3) NOT NULL DEFAULT (now() AT TIME ZONE 'UTC')"
      id = "id text PRIMARY KEY DEFAULT CAST(gen_random_uuid() AS text)"
    case .sqlite:
      (time, boolean, json) = ("text", "integer", "text")
      now = "text NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))"
      id = """
        id text PRIMARY KEY DEFAULT (lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || \
        substr(hex(randomblob(2)), 2) || '-a' || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6))))
        """
    }
  }

  /// A column of an enum type of PostgreSQL's; of text that is checked in SQLite.
  public func enumeration(_ column: String, _ type: String, _ words: [String], default word: String? = nil) -> String {
    let list = words.map { "'\($0)'" }.joined(separator: ", ")
    let standard = word.map { " DEFAULT '\($0)'" } ?? ""
    return dialect == .postgresql
      ? "\"\(column)\" \"\(type)\" NOT NULL\(standard)"
      : "\"\(column)\" text NOT NULL\(standard) CHECK (\"\(column)\" IN (\(list)))"
  }

  /// Makes the enum type where the database has such.
  public func type(_ name: String, _ words: [String]) -> [String] {
    let list = words.map { "'\($0)'" }.joined(separator: ", ")
    return dialect == .postgresql ? ["CREATE TYPE \"\(name)\" AS ENUM (\(list))"] : []
  }

  public var no: String { dialect == .postgresql ? "false" : "0" }
  public var yes: String { dialect == .postgresql ? "true" : "1" }

  /// The default of a name that is unique where another program inserts a row and knows no such column.
  public var uniqueName: String {
    dialect == .postgresql ? "CAST(gen_random_uuid() AS text)" : "(lower(hex(randomblob(16))))"
  }
}
