public import WireFormats

/// Times in the columns of the specification's tables.
extension Timestamp {
  /// With three digits of fraction always, so that SQLite, which keeps text, orders them as times.
  public var columnText: String {
    let text = microsecondText
    return text.dropLast(4) + "Z"
  }

  public var column: SQLValue { .text(columnText) }
}

extension SQLDialect {
  /// A parameter, or a column of a row set, that holds `Timestamp.columnText`.
  public func time(_ expression: String) -> String {
    self == .postgresql ? "CAST(\(expression) AS timestamp)" : expression
  }

  /// A time column as RFC 3339, to the millisecond.
  public func text(ofTime expression: String) -> String {
    self == .postgresql ? "to_char(\(expression), 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')" : expression
  }

  /// A word as a value of an enum type.
  public func word(_ expression: String, _ type: String) -> String {
    self == .postgresql ? "CAST(\(expression) AS \"\(type)\")" : expression
  }

  /// A text parameter as JSON.
  public func json(_ expression: String) -> String {
    self == .postgresql ? "CAST(\(expression) AS jsonb)" : expression
  }

  /// True or false as the database writes it.
  public func boolean(_ value: Bool) -> String {
    self == .postgresql ? (value ? "true" : "false") : (value ? "1" : "0")
  }

  /// After a SELECT whose rows the transaction is about to change, passing over those that another has locked.
  public func forUpdate(of table: String, skipsLocked: Bool = false) -> String {
    self == .postgresql ? " FOR UPDATE OF \(table)" + (skipsLocked ? " SKIP LOCKED" : "") : ""
  }
}

extension SQLValue {
  /// Of a time column, read by `SQLDialect.text(ofTime:)`.
  public var time: Timestamp? { text.flatMap { Timestamp($0) ?? Timestamp($0 + "Z") } }

  public init(_ text: String?) { self = text.map { .text($0) } ?? .null }
  public init(_ number: Int64?) { self = number.map { .integer($0) } ?? .null }
}
