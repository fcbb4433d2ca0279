import Database
import ResourceModel
import WireFormats

/// An object, and the row that keeps it.
extension ColumnMapping {
  /// What a row gets for an object: the values of `contentColumns`, and the object's rest as JSON text.
  /// - Throws: `StatusError` `invalid` where a column cannot keep its field.
  func row(
    of object: JSONValue, _ names: ResourceNames, _ dialect: SQLDialect
  ) throws(StatusError) -> (values: [SQLValue], rest: String) {
    var rest = object
    for path in [
      ["apiVersion"], ["kind"], ["metadata", "name"], ["metadata", "namespace"], ["metadata", "resourceVersion"],
    ] {
      rest.removeValue(at: path[...])
    }
    var values: [SQLValue] = []
    var problems: [FieldError] = []
    for column in contentColumns {
      var value = object.value(at: column.components)
      if value?.isNull == true { value = nil }
      rest.removeValue(at: column.components[...])
      guard let value = value ?? column.whenAbsent ?? Self.defaults[column.path] else {
        values.append(.null)
        continue
      }
      if let columnValue = column.type.columnValue(value, dialect) {
        values.append(columnValue)
      } else {
        problems.append(
          FieldError(
            field: column.path, reason: .invalid,
            message: "the column \"\(column.name)\" of the table cannot keep this value"))
      }
    }
    guard problems.isEmpty else { throw .invalid(names, object.name, problems) }
    return (values, rest.isNull ? "{}" : rest.text)
  }

  /// Columns of every table with columns that may not be null.
  private static let defaults: [String: JSONValue] = ["metadata.labels": [:], "metadata.generation": 1]

  /// The object of a row, but for its version.
  /// - Parameter content: as `content(_:_:)` makes it.
  func object(_ key: ObjectKey, _ content: JSONValue, _ names: ResourceNames) -> JSONValue {
    var object = content["object_rest"]?.string.flatMap { try? JSONValue(parsing: Array($0.utf8)) } ?? [:]
    if object.object == nil { object = [:] }
    object["apiVersion"] = .string(names.apiVersion)
    object["kind"] = .string(names.kind)
    object.set(.string(key.name), at: ["metadata", "name"])
    if !key.namespace.isEmpty { object.set(.string(key.namespace), at: ["metadata", "namespace"]) }
    for column in contentColumns {
      guard var value = content[column.name].flatMap(column.type.objectValue) else { continue }
      switch column.path {
      // As Kubernetes writes it.
      case "metadata.creationTimestamp":
        value = value.string.flatMap(Timestamp.init).map { .string($0.wholeSeconds.description) } ?? value
      case "metadata.labels" where value == [:]: continue
      case _ where column.isAbsentByDefault && value == column.whenAbsent: continue
      default: break
      }
      object.set(value, at: column.components[...])
    }
    return object
  }
}

extension JSONValue {
  fileprivate func value(at path: [String]) -> JSONValue? {
    path.reduce(self as JSONValue?) { value, member in value?[member] }
  }

  /// Objects on the way are made; what is there instead of one gives way.
  fileprivate mutating func set(_ value: JSONValue, at path: ArraySlice<String>) {
    guard let member = path.first else {
      self = value
      return
    }
    var child = self[member] ?? .null
    child.set(value, at: path.dropFirst())
    self[member] = child
  }

  /// An object that is empty without the value goes, too.
  fileprivate mutating func removeValue(at path: ArraySlice<String>) {
    guard let member = path.first, var child = self[member] else { return }
    if path.count == 1 {
      self[member] = nil
      return
    }
    guard child.object?.isEmpty == false else { return }
    child.removeValue(at: path.dropFirst())
    self[member] = child.object?.isEmpty == true ? nil : child
  }
}
