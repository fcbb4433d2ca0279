import ResourceModel
import ResourceStorage
import WireFormats

/// Writes a list page by page, so that a list of any length needs the memory of one page. Objects that are sent as they
/// are kept are copied, never parsed.
struct ListEncoder {
  enum Form {
    case objects
    case metadata
    case table(ResourceTable, including: ResourceTable.IncludedObject, now: Timestamp)
  }

  let names: ResourceNames
  let form: Form
  private var hasItems = false

  init(names: ResourceNames, form: Form) {
    self.names = names
    self.form = form
  }

  func begin(_ output: inout [UInt8]) {
    switch form {
    case .objects:
      output.append(
        contentsOf: "{\"apiVersion\":\"\(names.apiVersion)\",\"kind\":\"\(names.kind)List\",\"items\":[".utf8)
    case .metadata:
      output.append(
        contentsOf: "{\"apiVersion\":\"meta.k8s.io/v1\",\"kind\":\"PartialObjectMetadataList\",\"items\":[".utf8)
    case .table(let table, _, _):
      output.append(
        contentsOf: "{\"apiVersion\":\"meta.k8s.io/v1\",\"kind\":\"Table\",\"columnDefinitions\":".utf8)
      table.columnDefinitions.serialize(into: &output)
      output.append(contentsOf: ",\"rows\":[".utf8)
    }
  }

  mutating func append(_ items: [StoredObject], to output: inout [UInt8]) throws {
    for item in items {
      if hasItems { output.append(UInt8(ascii: ",")) }
      hasItems = true
      switch form {
      case .objects: item.append(to: &output)
      case .metadata: ResourceTable.partialMetadata(of: item.valueOrMetadata).serialize(into: &output)
      case .table(let table, let including, let now):
        table.row(of: item.valueOrMetadata, including: including, now: now).serialize(into: &output)
      }
    }
  }

  func end(revision: Int64, continueToken: String?, remainingItemCount: Int?, _ output: inout [UInt8]) {
    var metadata: JSONValue = ["resourceVersion": .string(String(revision))]
    metadata["continue"] = continueToken.map(JSONValue.string)
    metadata["remainingItemCount"] = remainingItemCount.map { .integer(Int64($0)) }
    output.append(contentsOf: "],\"metadata\":".utf8)
    metadata.serialize(into: &output)
    output.append(UInt8(ascii: "}"))
  }
}
