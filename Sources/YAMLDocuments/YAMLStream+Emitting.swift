public import WireFormats

extension YAMLStream {
  /// The value as YAML in the style of `kubectl get -o yaml`: keys sorted, two spaces of indentation, lists not indented
  /// below their key, strings quoted only where they would read as something else, several lines as a `|` block.
  /// Parsing the text gives the same value.
  public static func emit(_ value: JSONValue) -> String {
    var emitter = YAMLEmitter()
    emitter.emitDocument(value)
    return emitter.text
  }

  /// Several documents, with `---` between them.
  public static func emit(_ values: [JSONValue]) -> String { values.map { emit($0) }.joined(separator: "---\n") }
}

private struct YAMLEmitter {
  var text = ""

  mutating func emitDocument(_ value: JSONValue) {
    switch value {
    case .object(let members) where !members.isEmpty: emit(members, indentation: 0, isPositioned: false)
    case .array(let elements) where !elements.isEmpty: emit(elements, indentation: 0, isPositioned: false)
    default: emitScalar(value, indentation: 0)
    }
  }

  /// - Parameter isPositioned: the first line already has its indentation, or stands after `- `.
  private mutating func emit(_ members: [String: JSONValue], indentation: Int, isPositioned: Bool) {
    var isPositioned = isPositioned
    for (key, value) in members.sorted(by: { $0.key < $1.key }) {
      if !isPositioned { indent(indentation) }
      isPositioned = false
      let keyText = YAMLText.inline(key)
      // libyaml reads at most 1024 characters as a simple key.
      let isLong = keyText.unicodeScalars.count > 1000
      text += isLong ? "? \(keyText)\n" : "\(keyText):"
      if isLong {
        indent(indentation)
        text += ":"
      }
      switch value {
      case .object(let inner) where !inner.isEmpty:
        text += "\n"
        emit(inner, indentation: indentation + 2, isPositioned: false)
      case .array(let inner) where !inner.isEmpty:
        text += "\n"
        emit(inner, indentation: isLong ? indentation + 2 : indentation, isPositioned: false)
      default:
        text += " "
        emitScalar(value, indentation: indentation)
      }
    }
  }

  private mutating func emit(_ elements: [JSONValue], indentation: Int, isPositioned: Bool) {
    var isPositioned = isPositioned
    for element in elements {
      if !isPositioned { indent(indentation) }
      isPositioned = false
      text += "- "
      switch element {
      case .object(let inner) where !inner.isEmpty: emit(inner, indentation: indentation + 2, isPositioned: true)
      case .array(let inner) where !inner.isEmpty: emit(inner, indentation: indentation + 2, isPositioned: true)
      default: emitScalar(element, indentation: indentation)
      }
    }
  }

  private mutating func emitScalar(_ value: JSONValue, indentation: Int) {
    if case .string(let string) = value {
      if let block = YAMLText.block(string, indentation: indentation + 2) {
        text += block
      } else {
        text += YAMLText.inline(string) + "\n"
      }
    } else {
      text += value.text + "\n"
    }
  }

  private mutating func indent(_ count: Int) { text += String(repeating: " ", count: count) }
}
