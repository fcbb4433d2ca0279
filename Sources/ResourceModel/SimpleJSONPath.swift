public import WireFormats

/// The JSONPath of printer columns: `.spec.version`, `.items[0]`, `.a[*].b`, `.metadata.labels['a/b']`,
/// `.metadata.labels.a\.b/c` and `.status.conditions[?(@.type=="Ready")].status`.
public struct SimpleJSONPath: Sendable, Hashable {
  enum Step: Sendable, Hashable {
    case member(String)
    case index(Int)
    case all
    /// The elements whose field at `path` equals, or with `isNegated` does not equal, `value`.
    case filter(path: [String], value: JSONValue, isNegated: Bool)
  }

  let steps: [Step]

  /// Nil where the text is no such path.
  public init?(_ text: String) {
    var parser = SimpleJSONPathParser(text)
    guard let steps = parser.parse() else { return nil }
    self.steps = steps
  }

  /// All values the path leads to, in their order.
  public func values(in object: JSONValue) -> [JSONValue] {
    var current = [object]
    for step in steps {
      if current.isEmpty { break }
      current = current.flatMap { Self.follow(step, from: $0) }
    }
    return current
  }

  public func firstValue(in object: JSONValue) -> JSONValue? { values(in: object).first }

  private static func follow(_ step: Step, from value: JSONValue) -> [JSONValue] {
    switch (step, value) {
    case (.member(let name), .object(let members)): return members[name].map { [$0] } ?? []
    case (.index(let index), .array(let elements)):
      let place = index < 0 ? elements.count + index : index
      return elements.indices.contains(place) ? [elements[place]] : []
    case (.all, .array(let elements)): return elements
    case (.all, .object(let members)): return members.sorted { $0.key < $1.key }.map(\.value)
    case (.filter(let path, let expected, let isNegated), .array(let elements)):
      return elements.filter { element in
        var found: JSONValue? = element
        for name in path { found = found?[name] }
        return found.map { ($0 == expected) != isNegated } ?? false
      }
    default: return []
    }
  }
}

private struct SimpleJSONPathParser {
  private var rest: Substring

  init(_ text: String) {
    rest = text[...]
    if rest.hasPrefix("{"), rest.hasSuffix("}") { rest = rest.dropFirst().dropLast() }
    if rest.hasPrefix("$") { rest.removeFirst() }
  }

  mutating func parse() -> [SimpleJSONPath.Step]? {
    var steps: [SimpleJSONPath.Step] = []
    if rest == "." { return [] }
    guard !rest.isEmpty else { return nil }
    while !rest.isEmpty {
      if take("[") {
        guard let step = parseBracket() else { return nil }
        steps.append(step)
      } else if take(".") {
        guard let name = parseName() else { return nil }
        steps.append(name == "*" ? .all : .member(name))
      } else {
        return nil
      }
    }
    return steps
  }

  private mutating func take(_ text: String) -> Bool {
    guard rest.hasPrefix(text) else { return false }
    rest = rest.dropFirst(text.count)
    return true
  }

  private mutating func skipSpaces() { rest = rest.drop { $0 == " " } }

  /// A member's name up to `.`, `[` or a character of the filter's syntax, `\` escaping the next character.
  private mutating func parseName() -> String? {
    var name = ""
    while let character = rest.first, !".[]=!<>() ".contains(character) {
      rest.removeFirst()
      if character == "\\" {
        guard let escaped = rest.popFirst() else { return nil }
        name.append(escaped)
      } else {
        name.append(character)
      }
    }
    return name.isEmpty ? nil : name
  }

  private mutating func parseBracket() -> SimpleJSONPath.Step? {
    let step: SimpleJSONPath.Step
    if take("*") {
      step = .all
    } else if take("?(") {
      guard let filter = parseFilter() else { return nil }
      step = filter
    } else if let text = parseQuoted() {
      step = .member(text)
    } else {
      let digits = rest.prefix { $0 == "-" || $0.isASCII && $0.isNumber }
      guard let index = Int(digits) else { return nil }
      rest = rest[digits.endIndex...]
      step = .index(index)
    }
    return take("]") ? step : nil
  }

  private mutating func parseFilter() -> SimpleJSONPath.Step? {
    skipSpaces()
    guard take("@") else { return nil }
    var path: [String] = []
    while take(".") {
      guard let name = parseName() else { return nil }
      path.append(name)
    }
    skipSpaces()
    let isNegated = take("!=")
    guard isNegated || take("==") else { return nil }
    skipSpaces()
    guard let value = parseLiteral() else { return nil }
    skipSpaces()
    return take(")") ? .filter(path: path, value: value, isNegated: isNegated) : nil
  }

  private mutating func parseLiteral() -> JSONValue? {
    if let text = parseQuoted() { return .string(text) }
    let word = rest.prefix { $0 != ")" && $0 != " " }
    rest = rest[word.endIndex...]
    switch word {
    case "true": return true
    case "false": return false
    default: return Int64(word).map(JSONValue.integer)
    }
  }

  private mutating func parseQuoted() -> String? {
    guard let quote = rest.first, quote == "\"" || quote == "'" else { return nil }
    guard let end = rest.dropFirst().firstIndex(of: quote) else { return nil }
    let text = String(rest[rest.index(after: rest.startIndex)..<end])
    rest = rest[rest.index(after: end)...]
    return text
  }
}
