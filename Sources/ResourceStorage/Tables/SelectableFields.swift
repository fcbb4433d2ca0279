import Database
import ResourceModel
import WireFormats

/// The fields of a kind that a selector may name, kept beside an object's text as a JSON object from path to text, so that
/// the database need not read the text to find objects by them.
///
/// What is not there the database does not know, and the object itself decides: of rows of an earlier version, of fields
/// that were declared later, and of texts that two bytes may write in two ways.
struct SelectableFields: Sendable {
  let paths: [String]

  /// - Parameter definition: its `selectableFields`; `metadata.name` and `metadata.namespace` have columns of their own.
  init(_ definition: ResourceDefinition) { paths = definition.selectableFields.filter(Self.isPlain) }

  /// What can be written into a statement.
  private static func isPlain(_ path: String) -> Bool {
    !path.isEmpty
      && path.unicodeScalars.allSatisfy {
        $0.isASCII && ($0.properties.isAlphabetic || "0123456789.-_".unicodeScalars.contains($0))
      }
  }

  /// The JSON object; nil where the kind has no such fields.
  func json(of object: JSONValue) -> String? {
    guard !paths.isEmpty else { return nil }
    var members: [String: JSONValue] = [:]
    for path in paths {
      let text = Self.text(at: path, object)
      if text.utf8.allSatisfy({ (1..<0x80).contains($0) }) { members[path] = .string(text) }
    }
    return JSONValue.object(members).text
  }

  /// As a selector sees it.
  private static func text(at path: String, _ object: JSONValue) -> String {
    var value: JSONValue? = object
    for component in path.split(separator: ".") { value = value?[String(component)] }
    return switch value {
    case .string(let text): text
    case .bool(let flag): String(flag)
    case .integer(let number): String(number)
    default: ""
    }
  }

  /// Of type text; null where it is not known.
  static func expression(_ path: String, _ dialect: SQLDialect) -> String {
    switch dialect {
    case .postgresql: "(fields ->> '\(path)')"
    case .sqlite: "json_extract(fields, '$.\"\(path)\"')"
    }
  }

  func condition(
    _ requirement: ObjectSelector.FieldRequirement, _ conditions: inout SQLConditions
  ) -> String? {
    guard paths.contains(requirement.path), requirement.value.utf8.allSatisfy({ $0 < 0x80 }) else { return nil }
    let field = Self.expression(requirement.path, conditions.dialect)
    let value = conditions.parameter(.text(requirement.value))
    switch requirement {
    case .equals: return "(\(field) = \(value) OR \(field) IS NULL)"
    case .notEquals: return "(\(field) <> \(value) OR \(field) IS NULL)"
    }
  }
}
