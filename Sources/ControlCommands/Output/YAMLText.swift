import WireFormats
import YAMLDocuments

/// Values as JSON for a person or a program: what a terminal might obey is escaped, which changes no value.
enum JSONText {
  /// One indented document, with a line end.
  static func render(_ value: JSONValue) -> String {
    var output = String.UnicodeScalarView()
    for scalar in String(decoding: value.serialized(indented: true), as: UTF8.self).unicodeScalars {
      if isControl(scalar), scalar != "\n" {
        let digits = String(scalar.value, radix: 16)
        output.append(contentsOf: (#"\u"# + String(repeating: "0", count: 4 - digits.count) + digits).unicodeScalars)
      } else {
        output.append(scalar)
      }
    }
    return String(output) + "\n"
  }
}

/// Values as YAML in kubectl's style.
enum YAMLText {
  /// One document, with a line end.
  static func render(_ value: JSONValue) -> String {
    let text = YAMLStream.emit(value)
    return text.hasSuffix("\n") ? text : text + "\n"
  }
}
