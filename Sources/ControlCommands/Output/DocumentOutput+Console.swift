import WireFormats

extension Console {
  /// Writes a document for a program.
  func write(_ value: JSONValue, as format: DocumentFormat) throws(CommandFailure) {
    switch format {
    case .yaml: try write(YAMLText.render(value))
    case .json, .text: try write(JSONText.render(value))
    }
  }
}
