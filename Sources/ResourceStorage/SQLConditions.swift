import Database
import ResourceModel

/// Conditions of a statement and their parameters, numbered as they are added.
struct SQLConditions {
  let dialect: SQLDialect
  private(set) var parameters: [SQLValue] = []
  private(set) var conditions: [String] = []

  init(_ dialect: SQLDialect) { self.dialect = dialect }

  /// Keeps `value` as a parameter and returns how the statement names it.
  mutating func parameter(_ value: SQLValue) -> String {
    parameters.append(value)
    return "$\(parameters.count)"
  }

  mutating func add(_ condition: String) { conditions.append(condition) }

  /// `WHERE …`, or nothing.
  var clause: String { conditions.isEmpty ? "" : "WHERE \(conditions.joined(separator: " AND "))" }

  /// What follows `key` in the order of a list, in one namespace or in all.
  mutating func addRange(namespace: String?, after key: ObjectKey?) {
    switch (namespace, key) {
    case (let namespace?, let key):
      add("namespace = \(parameter(.text(namespace)))")
      if let key { add("name > \(parameter(.text(key.name)))") }
    case (nil, let key?):
      let (namespace, name) = (parameter(.text(key.namespace)), parameter(.text(key.name)))
      add("(namespace, name) > (\(namespace), \(name))")
    case (nil, nil): break
    }
  }

  /// The part of a selector that the database decides: labels, and the object's name.
  mutating func addSelector(_ selector: ObjectSelector) {
    for requirement in selector.labels { add(requirement) }
    for case .equals("metadata.name", let name) in selector.fields { add("name = \(parameter(.text(name)))") }
  }

  private mutating func add(_ requirement: ObjectSelector.LabelRequirement) {
    switch requirement {
    case .equals(let key, let value): add("\(label(key)) = \(parameter(.text(value)))")
    case .notEquals(let key, let value):
      let label = label(key)
      add("(\(label) IS NULL OR \(label) <> \(parameter(.text(value))))")
    case .isIn(_, let values) where values.isEmpty: add("1 = 0")
    case .isIn(let key, let values): add("\(label(key)) IN (\(list(values)))")
    case .isNotIn(_, let values) where values.isEmpty: break
    case .isNotIn(let key, let values):
      let label = label(key)
      add("(\(label) IS NULL OR \(label) NOT IN (\(list(values))))")
    case .exists(let key): add("\(label(key)) IS NOT NULL")
    case .doesNotExist(let key): add("\(label(key)) IS NULL")
    }
  }

  private mutating func list(_ values: Set<String>) -> String {
    values.sorted().map { parameter(.text($0)) }.joined(separator: ", ")
  }

  private mutating func label(_ key: String) -> String {
    switch dialect {
    case .postgresql: "(labels ->> \(parameter(.text(key))))"
    // A JSON path, where quotes keep dots and slashes from meaning anything; no label's key holds a quote.
    case .sqlite where key.contains("\""): "NULL"
    case .sqlite: "json_extract(labels, \(parameter(.text("$.\"\(key)\""))))"
    }
  }
}
