import ResourceModel
import WireFormats
import YAMLDocuments

/// One object that a file declares, and where each of its fields stands there.
struct Manifest {
  var file: String
  var definition: ResourceDefinition
  var key: ObjectKey
  /// With its namespace filled in.
  var object: JSONValue
  var origin: ManifestOrigin

  var reference: String { definition.names.reference(key.name) }
}

/// The text that an object was read from.
struct ManifestOrigin {
  var file: String
  var lines: [Substring]
  var document: YAMLDocument
  /// Where the object stands in the document: empty, or `items[2]` in a List.
  var path: String

  /// Where a field stands, or the nearest thing around it that stands in the file.
  func location(of field: String) -> SourceLocation {
    document.location(ofField: path.isEmpty ? field : field.isEmpty ? path : "\(path).\(field)")
  }

  /// What is wrong with a field, with the line it stands in and a mark under its place.
  func excerpt(_ error: FieldError) -> String {
    let place = location(of: error.field)
    var text = "\(place): \(printable(error.description))"
    if lines.indices.contains(place.line - 1) {
      let number = String(place.line)
      let margin = String(repeating: " ", count: number.count)
      let line = printable(String(lines[place.line - 1].prefix(160)))
      text += "\n  \(number) | \(line)"
      if place.column <= 160 { text += "\n  \(margin) | \(String(repeating: " ", count: max(0, place.column - 1)))^" }
    }
    return text
  }
}
