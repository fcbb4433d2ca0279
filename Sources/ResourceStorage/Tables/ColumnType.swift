import Database
import WireFormats

/// What a column of the specification holds, and how a value of an object becomes one of the column.
public enum ColumnType: Sendable, Hashable {
  case text
  /// PostgreSQL's `uuid`; text in SQLite.
  case uuid
  case integer
  case boolean
  /// A time. PostgreSQL: `timestamptz`, or `timestamp` in UTC; SQLite: text in RFC 3339. An object has RFC 3339 in UTC.
  case timestamp(hasTimeZone: Bool)
  /// Any JSON value. PostgreSQL: `jsonb` or `json`; SQLite: text.
  case json
  /// One of several words. `type`: the name of PostgreSQL's enum type; nil where the column is text. `words`: from what the
  /// column has to what objects have; a word that is not among them is the same in both.
  case enumeration(type: String?, words: [String: String])

  /// The value as RowSet carries it; nil where the column cannot keep it.
  func columnValue(_ value: JSONValue, _ dialect: SQLDialect) -> SQLValue? {
    switch self {
    case .text, .uuid: value.string.flatMap { $0.utf8.contains(0) ? nil : .text($0) }
    case .integer: value.integer.map { .integer($0) }
    case .boolean:
      value.bool.map { dialect == .postgresql ? .text($0 ? "true" : "false") : .integer($0 ? 1 : 0) }
    case .timestamp: value.string.flatMap(Timestamp.init).map { .text($0.toMilliseconds.description) }
    case .json: Self.holdsNUL(value) ? nil : .text(value.text)
    case .enumeration(let type, let words):
      value.string.flatMap { word in
        let known = words.first { $0.value == word }?.key
        // PostgreSQL's type would refuse the statement.
        if known == nil, type != nil, !words.isEmpty { return nil }
        return word.utf8.contains(0) ? nil : .text(known ?? word)
      }
    }
  }

  /// What an object has for a value of the column, as `ColumnMapping.content` gives it; nil for null.
  func objectValue(_ value: JSONValue) -> JSONValue? {
    switch (self, value) {
    case (_, .null): nil
    case (.boolean, .integer(let number)): .bool(number != 0)
    case (.timestamp, .string(let text)):
      // A time without a zone is in UTC.
      (Timestamp(text) ?? Timestamp(text + "Z")).map { .string($0.description) } ?? value
    case (.enumeration(_, let words), .string(let word)): .string(words[word] ?? word)
    case (.text, _), (.uuid, _), (.integer, _), (.boolean, _), (.timestamp, _), (.json, _), (.enumeration, _): value
    }
  }

  /// Of the row that RowSet carries.
  var rowType: RowSet.ColumnType {
    switch self {
    case .integer: .integer
    case .text, .uuid, .boolean, .timestamp, .json, .enumeration: .text
    }
  }

  /// The expression by which a value that RowSet carries becomes one of the column.
  func cast(_ expression: String, _ dialect: SQLDialect) -> String {
    guard dialect == .postgresql else { return expression }
    return switch self {
    case .text, .integer, .enumeration(nil, _): expression
    case .uuid: "CAST(\(expression) AS uuid)"
    case .boolean: "CAST(\(expression) AS boolean)"
    case .timestamp(let hasTimeZone): "CAST(\(expression) AS \(hasTimeZone ? "timestamptz" : "timestamp"))"
    case .json: "CAST(\(expression) AS jsonb)"
    case .enumeration(let type?, _): "CAST(\(expression) AS \"\(type)\")"
    }
  }

  /// PostgreSQL's jsonb keeps no NUL.
  private static func holdsNUL(_ value: JSONValue) -> Bool {
    switch value {
    case .string(let text): text.utf8.contains(0)
    case .array(let elements): elements.contains(where: holdsNUL)
    case .object(let members): members.contains { $0.key.utf8.contains(0) || holdsNUL($0.value) }
    case .null, .bool, .integer, .number: false
    }
  }
}

extension Timestamp {
  /// As Prisma keeps times.
  fileprivate var toMilliseconds: Timestamp {
    let remainder = microseconds % 1000
    return Timestamp(microseconds: microseconds - (remainder < 0 ? remainder + 1000 : remainder))
  }
}
