import ResourceModel
import WireFormats
import YAMLDocuments

extension FuzzTarget {
  /// What was parsed is written and read back as the same value, in one way only.
  static let json = FuzzTarget(name: "json", maximumByteCount: 8 << 10) { bytes in
    let stored = try? JSONValue(parsingStored: bytes)
    guard let value = try? JSONValue(parsing: bytes) else { return }
    try require(stored == value, "as a stored text it is another value")
    let written = value.serialized()
    guard let again = try? JSONValue(parsing: written) else {
      throw Finding(description: "what was written cannot be read: \(written.asText)")
    }
    try require(again == value, "read back as another value: \(written.asText)")
    try require(again.serialized() == written, "written in two ways: \(written.asText)")
    try require((try? JSONValue(parsing: value.serialized(indented: true))) == value, "indented, it is another value")
  }

  /// Two JSON texts: a document and a patch of it. What a patch makes can be stored and read again; and the merge patch
  /// that was computed from two documents makes the one of the other.
  static let patch = FuzzTarget(name: "patch", maximumByteCount: 8 << 10) { bytes in
    let parts = bytes.parts(2)
    guard let document = try? JSONValue(parsing: parts[0]), let change = try? JSONValue(parsing: parts[1]) else {
      return
    }
    if let patch = try? JSONPatch(change), let patched = try? patch.applied(to: document) {
      try require((try? JSONValue(parsing: patched.serialized())) == patched, "what the JSON patch made cannot be read")
    }
    let merged = document.mergePatched(with: change)
    _ = merged.serialized()
    guard document.object != nil, change.object != nil, !hasNull(change) else { return }
    let computed = document.mergePatch(to: change)
    try require(
      document.mergePatched(with: computed) == change, "the merge patch \(computed.text) makes another document")
  }

  private static func hasNull(_ value: JSONValue) -> Bool {
    switch value {
    case .null: true
    case .array(let elements): elements.contains(where: hasNull)
    case .object(let members): members.values.contains(where: hasNull)
    default: false
    }
  }

  /// What was parsed is written and read back as the same value.
  static let yaml = FuzzTarget(name: "yaml", maximumByteCount: 4 << 10) { bytes in
    guard let documents = try? YAMLStream.parse(bytes, file: "input.yaml") else { return }
    for document in documents {
      _ = document.location(ofField: "spec.helm.values[0].name")
      let text = YAMLStream.emit(document.value)
      guard let again = try? YAMLStream.parse(text, file: "output.yaml") else {
        throw Finding(description: "what was written cannot be read:\n\(text)")
      }
      try require(again.map(\.value) == [document.value], "read back as another value:\n\(text)")
    }
  }

  /// The small formats: each text that was understood is written and understood as the same.
  static let text = FuzzTarget(name: "text", maximumByteCount: 512) { bytes in
    let text = bytes.asText
    if let time = Timestamp(text) {
      try require(Timestamp(time.description) == time, "the time \(time) is read back as another")
    }
    if let duration = DurationText(text) {
      try require(DurationText(duration.description) == duration, "the duration \(duration) is read back as another")
    }
    if let decoded = PercentEncoding.decode(text) {
      try require(PercentEncoding.decode(PercentEncoding.encode(decoded)) == decoded, "\(decoded) is encoded wrongly")
    }
    if let pointer = JSONPointer(text) {
      try require(JSONPointer(pointer.description) == pointer, "the pointer \(pointer) is read back as another")
    }
    let parts = bytes.parts(2).map(\.asText)
    if let path = SimpleJSONPath(parts[0]), let value = try? JSONValue(parsing: parts[1]) { _ = path.values(in: value) }
    if let expression = RegularExpression(parts[0]) { _ = expression.matches(parts[1]) }
    if let selector = try? ObjectSelector(
      parsingLabels: parts[0], fields: parts[1], selectableFields: ["metadata.name"])
    {
      _ = selector.matches(.object(["metadata": .object(["name": .string(parts[1])])]))
    }
  }
}
