import WireFormats

/// Many rows as one parameter of a statement: a JSON array of objects, which both databases can select from like a table.
/// One statement for a set of rows costs a server little more than one for a single row.
public struct RowSet: Sendable {
  public enum ColumnType: Sendable { case text, integer }

  /// The names must be plain identifiers.
  public let columns: [(name: String, type: ColumnType)]
  public private(set) var count = 0
  private var json: [UInt8] = [UInt8(ascii: "[")]

  public init(_ columns: [(name: String, type: ColumnType)]) { self.columns = columns }

  /// - Parameter values: in the order of the columns: texts without NUL (U+0000), integers and nulls; anything else
  ///   counts as null.
  public mutating func append(_ values: [SQLValue]) {
    if count > 0 { json.append(UInt8(ascii: ",")) }
    count += 1
    json.append(UInt8(ascii: "{"))
    for (index, (column, value)) in zip(columns, values).enumerated() {
      if index > 0 { json.append(UInt8(ascii: ",")) }
      json.append(UInt8(ascii: "\""))
      json.append(contentsOf: column.name.utf8)
      json.append(contentsOf: "\":".utf8)
      switch value {
      case .text(let text): JSONValue.string(text).serialize(into: &json)
      case .integer(let number): json.append(contentsOf: String(number).utf8)
      default: json.append(contentsOf: "null".utf8)
      }
    }
    json.append(UInt8(ascii: "}"))
  }

  /// The value of the parameter.
  public var parameter: SQLValue { .text(String(decoding: json + [UInt8(ascii: "]")], as: UTF8.self)) }

  /// What goes after FROM: the rows of the parameter that the statement names so, under a name.
  public func source(_ dialect: SQLDialect, _ parameter: String = "$1", as name: String = "r") -> String {
    switch dialect {
    case .postgresql:
      let types = columns.map { "\($0.name) \($0.type == .text ? "text" : "bigint")" }.joined(separator: ", ")
      return "json_to_recordset(CAST(\(parameter) AS json)) AS \(name)(\(types))"
    case .sqlite:
      let values = columns.map { "json_extract(value, '$.\($0.name)') AS \($0.name)" }.joined(separator: ", ")
      return "(SELECT \(values) FROM json_each(\(parameter))) AS \(name)"
    }
  }
}

extension RowSet {
  /// Rows of one text column.
  public init(_ column: String, of texts: some Sequence<String>) {
    self.init([(column, .text)])
    for text in texts { append([.text(text)]) }
  }
}
