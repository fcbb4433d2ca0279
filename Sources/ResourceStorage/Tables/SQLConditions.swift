package import Database
import ResourceModel
import WireFormats

/// Conditions of a statement and their parameters, numbered as they are added.
package struct SQLConditions {
  package let dialect: SQLDialect
  package private(set) var parameters: [SQLValue] = []
  private(set) var conditions: [String] = []
  /// The column of labels.
  private let labels: String

  /// - Parameter table: how the statement names the table that has labels, where it names several.
  package init(_ dialect: SQLDialect, table: String? = nil) {
    self.dialect = dialect
    labels = table.map { "\($0).labels" } ?? "labels"
  }

  /// Keeps `value` as a parameter and returns how the statement names it.
  package mutating func parameter(_ value: SQLValue) -> String {
    parameters.append(value)
    return "$\(parameters.count)"
  }

  package mutating func add(_ condition: String) { conditions.append(condition) }

  /// `WHERE …`, or nothing.
  package var clause: String { conditions.isEmpty ? "" : "WHERE \(conditions.joined(separator: " AND "))" }

  /// What follows `key` in the order of a list, in one namespace or in all.
  /// - Parameter hasNamespaces: false where every namespace is empty, so that the database need not compare it.
  mutating func addRange(namespace: String?, after key: ObjectKey?, hasNamespaces: Bool = true) {
    guard hasNamespaces else {
      if let namespace, !namespace.isEmpty { add("1 = 0") }
      if let key { add("name > \(parameter(.text(key.name)))") }
      return
    }
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

  /// What does not follow `key`.
  mutating func addEnd(_ key: ObjectKey, hasNamespaces: Bool = true) {
    guard hasNamespaces else { return add("name <= \(parameter(.text(key.name)))") }
    let (namespace, name) = (parameter(.text(key.namespace)), parameter(.text(key.name)))
    add("(namespace, name) <= (\(namespace), \(name))")
  }
}

/// Selectors.
extension SQLConditions {
  /// The part of a selector that the database decides: labels wholly, and of fields as much as the table knows.
  mutating func addSelector(_ selector: ObjectSelector, of table: any ObjectTable) {
    for requirement in selector.labels { add(requirement) }
    for requirement in selector.fields {
      let condition: String? =
        switch requirement {
        case .equals("metadata.name", let name): "name = \(parameter(.text(name)))"
        case .notEquals("metadata.name", let name): "name <> \(parameter(.text(name)))"
        case .equals("metadata.namespace", let name): "namespace = \(parameter(.text(name)))"
        case .notEquals("metadata.namespace", let name): "namespace <> \(parameter(.text(name)))"
        case .equals, .notEquals: table.condition(requirement, &self)
        }
      if let condition { add(condition) }
    }
  }

  private mutating func add(_ requirement: ObjectSelector.LabelRequirement) {
    switch requirement {
    case .equals(let key, let value): add(hasLabel(key, value))
    case .notEquals(let key, let value): add("NOT \(hasLabel(key, value))")
    case .isIn(_, let values) where values.isEmpty: add("1 = 0")
    case .isIn(let key, let values): add("(\(hasLabel(key, oneOf: values)))")
    case .isNotIn(_, let values) where values.isEmpty: break
    case .isNotIn(let key, let values): add("NOT (\(hasLabel(key, oneOf: values)))")
    case .exists(let key): add(hasLabel(key))
    case .doesNotExist(let key): add("NOT \(hasLabel(key))")
    }
  }

  private mutating func hasLabel(_ key: String, oneOf values: Set<String>) -> String {
    values.sorted().map { hasLabel(key, $0) }.joined(separator: " OR ")
  }

  /// Conditions that are true or false, never null.
  ///
  /// Of a label that few have PostgreSQL's index answers, and of one that all have the order of the list. Which of the two,
  /// PostgreSQL knows only of values that stand in the statement itself.
  package mutating func hasLabel(_ key: String, _ value: String) -> String {
    guard Self.canBeLabel(key), Self.canBeLabel(value) else { return "(1 = 0)" }
    switch dialect {
    case .postgresql:
      return "(\(labels) @> CAST(\(Self.literal(JSONValue.object([key: .string(value)]).text)) AS jsonb))"
    case .sqlite: return "(\(label(key)) IS \(parameter(.text(value))))"
    }
  }

  package mutating func hasLabel(_ key: String) -> String {
    guard Self.canBeLabel(key) else { return "(1 = 0)" }
    switch dialect {
    case .postgresql: return "(\(labels) ? \(Self.literal(key)))"
    case .sqlite: return "(\(label(key)) IS NOT NULL)"
    }
  }

  /// No label that is stored has other characters.
  private static func canBeLabel(_ text: String) -> Bool { text.utf8.allSatisfy { (0x20..<0x7F).contains($0) } }

  /// As every connection has it (`standard_conforming_strings`), a quotation mark is all that ends a text.
  private static func literal(_ text: String) -> String {
    // Scalar by scalar: a quotation mark with a combining mark after it is another Character, and the same byte.
    var literal = "'"
    for scalar in text.unicodeScalars {
      if scalar == "'" { literal += "''" } else { literal.unicodeScalars.append(scalar) }
    }
    return literal + "'"
  }

  private mutating func label(_ key: String) -> String {
    // A JSON path, where quotes keep dots and slashes from meaning anything; no label's key holds a quote.
    key.utf8.contains(UInt8(ascii: "\"")) ? "NULL" : "json_extract(\(labels), \(parameter(.text("$.\"\(key)\""))))"
  }
}

extension ObjectSelector.FieldRequirement {
  var path: String {
    switch self {
    case .equals(let path, _), .notEquals(let path, _): path
    }
  }

  var value: String {
    switch self {
    case .equals(_, let value), .notEquals(_, let value): value
    }
  }

  var isEqual: Bool { if case .equals = self { true } else { false } }
}
