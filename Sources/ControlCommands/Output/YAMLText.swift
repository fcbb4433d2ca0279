import WireFormats
import YAMLDocuments

/// Values as YAML in kubectl's style.
enum YAMLText {
  /// One document, with a line end.
  static func render(_ value: JSONValue) -> String {
    let text = YAMLStream.emit(value)
    return text.hasSuffix("\n") ? text : text + "\n"
  }
}
