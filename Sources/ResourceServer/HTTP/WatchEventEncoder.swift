import ResourceModel
import ResourceStorage
import WireFormats

/// Writes the events of a watch: one JSON object a line.
struct WatchEventEncoder {
  let names: ResourceNames
  let form: ListEncoder.Form
  let now: @Sendable () -> Timestamp
  private var hasSentColumns = false

  init(names: ResourceNames, form: ListEncoder.Form, now: @escaping @Sendable () -> Timestamp) {
    self.names = names
    self.form = form
    self.now = now
  }

  mutating func append(_ type: String, _ object: StoredObject, to output: inout [UInt8]) throws {
    begin(type, &output)
    switch form {
    case .objects: object.append(to: &output)
    case .metadata: ResourceTable.partialMetadata(of: object.valueOrMetadata).serialize(into: &output)
    case .table(let table, let including, _):
      tableObject(
        [table.row(of: object.valueOrMetadata, including: including, now: now())], columns: table.columnDefinitions,
        revision: object.revision
      ).serialize(into: &output)
    }
    end(&output)
  }

  /// - Parameter endsInitialEvents: marks the end of what `sendInitialEvents` asked for.
  mutating func appendBookmark(revision: Int64, endsInitialEvents: Bool = false, to output: inout [UInt8]) {
    var metadata: JSONValue = ["resourceVersion": .string(String(revision))]
    if endsInitialEvents { metadata["annotations"] = ["k8s.io/initial-events-end": "true"] }
    begin("BOOKMARK", &output)
    switch form {
    case .objects:
      let bookmark: JSONValue = [
        "apiVersion": .string(names.apiVersion), "kind": .string(names.kind), "metadata": metadata,
      ]
      bookmark.serialize(into: &output)
    case .metadata: ResourceTable.partialMetadata(of: ["metadata": metadata]).serialize(into: &output)
    case .table(let table, _, _):
      let object: JSONValue = [
        "apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata", "metadata": metadata,
      ]
      let cells = Array(repeating: JSONValue.null, count: table.columnDefinitions.array?.count ?? 0)
      tableObject([["cells": .array(cells), "object": object]], columns: table.columnDefinitions, revision: revision)
        .serialize(into: &output)
    }
    end(&output)
  }

  func appendError(_ error: StatusError, to output: inout [UInt8]) {
    begin("ERROR", &output)
    error.json.serialize(into: &output)
    end(&output)
  }

  private func begin(_ type: String, _ output: inout [UInt8]) {
    output.append(contentsOf: "{\"type\":\"\(type)\",\"object\":".utf8)
  }

  private func end(_ output: inout [UInt8]) { output.append(contentsOf: "}\n".utf8) }

  /// The columns stand in the first table only; clients keep them.
  private mutating func tableObject(_ rows: [JSONValue], columns: JSONValue, revision: Int64) -> JSONValue {
    defer { hasSentColumns = true }
    return [
      "apiVersion": "meta.k8s.io/v1", "kind": "Table", "metadata": ["resourceVersion": .string(String(revision))],
      "columnDefinitions": hasSentColumns ? .null : columns, "rows": .array(rows),
    ]
  }
}
