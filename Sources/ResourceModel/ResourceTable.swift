public import WireFormats

/// Objects of one kind as `meta.k8s.io/v1` Table, which `kubectl get` prints as it comes.
public struct ResourceTable: Sendable {
  /// How much of each object a row carries besides its cells.
  public enum IncludedObject: String, Sendable, Hashable {
    case none = "None"
    case metadata = "Metadata"
    case object = "Object"
  }

  private let columns: [(column: PrinterColumn, path: SimpleJSONPath?)]
  private let hasNameColumn: Bool
  private let computedCell: @Sendable (_ column: String, _ object: JSONValue) -> JSONValue?

  public init(_ definition: ResourceDefinition) {
    columns = definition.printerColumns.map { ($0, SimpleJSONPath($0.jsonPath)) }
    hasNameColumn = definition.hasNameColumn
    computedCell = definition.computedCell
  }

  /// The table of `objects`. Ages are counted up to `now`.
  ///
  /// - Parameter listMetadata: `resourceVersion`, `continue` and `remainingItemCount` of the list the table stands for.
  public func json(
    of objects: [JSONValue], listMetadata: JSONValue = .object([:]), including: IncludedObject = .metadata,
    now: Timestamp
  ) -> JSONValue {
    [
      "apiVersion": "meta.k8s.io/v1", "kind": "Table", "metadata": listMetadata, "columnDefinitions": columnDefinitions,
      "rows": .array(objects.map { row(of: $0, including: including, now: now) }),
    ]
  }

  /// `columnDefinitions` of the table.
  public var columnDefinitions: JSONValue {
    let name: JSONValue = [
      "name": "Name", "type": "string", "format": "name", "description": "Names the object within its namespace.",
      "priority": 0,
    ]
    let others = columns.map { entry -> JSONValue in
      [
        "name": .string(entry.column.name), "format": "", "description": .string(entry.column.description),
        "type": .string(entry.column.type.rawValue), "priority": .integer(Int64(entry.column.priority)),
      ]
    }
    return .array((hasNameColumn ? [name] : []) + others)
  }

  /// One element of `rows`.
  public func row(of object: JSONValue, including: IncludedObject = .metadata, now: Timestamp) -> JSONValue {
    var cells: [JSONValue] = hasNameColumn ? [object["metadata"]?["name"] ?? ""] : []
    for (column, path) in columns {
      let value = column.jsonPath.isEmpty ? computedCell(column.name, object) : path?.firstValue(in: object)
      cells.append(Self.cell(column.type, value, now: now))
    }
    var row: [String: JSONValue] = ["cells": .array(cells)]
    switch including {
    case .none: break
    case .object: row["object"] = object
    case .metadata: row["object"] = Self.partialMetadata(of: object)
    }
    return .object(row)
  }

  /// The object without all but its metadata (`meta.k8s.io/v1` PartialObjectMetadata).
  public static func partialMetadata(of object: JSONValue) -> JSONValue {
    [
      "apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata", "metadata": object["metadata"] ?? .object([:]),
    ]
  }

  private static func cell(_ type: PrinterColumn.ColumnType, _ value: JSONValue?, now: Timestamp) -> JSONValue {
    guard let value, value != .null else { return type == .date ? "<unknown>" : .null }
    switch (type, value) {
    case (.date, .string(let text)):
      guard let moment = Timestamp(text) else { return "<invalid>" }
      return .string(HumanDuration.text(now - moment))
    case (.date, _): return "<invalid>"
    case (.string, .string), (.integer, .integer), (.number, .number), (.number, .integer), (.boolean, .bool):
      return value
    case (.string, _): return .string(value.text)
    default: return .null
    }
  }
}
