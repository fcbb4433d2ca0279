/// Why the text of a selector is none.
public struct SelectorError: Error, Sendable, Hashable, CustomStringConvertible {
  public var message: String
  public var description: String { message }
}

extension ObjectSelector {
  /// Longest text and most requirements of one selector.
  public static let maximumByteCount = 16 << 10
  public static let maximumRequirementCount = 100

  /// Reads the `labelSelector` and `fieldSelector` of a request.
  ///
  /// - Parameters:
  ///   - labels: `a=b,c!=d,e in (x,y),f notin (z),g,!h`; empty for none.
  ///   - fields: `metadata.name=x,spec.runtime!=Helm`; empty for none.
  ///   - selectableFields: what `fields` may name besides `metadata.name` and `metadata.namespace`.
  public init(parsingLabels labels: String, fields: String = "", selectableFields: [String] = []) throws(SelectorError)
  {
    guard labels.utf8.count <= Self.maximumByteCount, fields.utf8.count <= Self.maximumByteCount else {
      throw SelectorError(message: "a selector may have at most \(Self.maximumByteCount) bytes")
    }
    var parser = LabelSelectorParser(labels)
    self.init(
      labels: try parser.parse(),
      fields: try FieldSelectorParser.parse(
        fields, selectable: ["metadata.name", "metadata.namespace"] + selectableFields))
    guard self.labels.count + self.fields.count <= Self.maximumRequirementCount else {
      throw SelectorError(message: "a selector may have at most \(Self.maximumRequirementCount) requirements")
    }
  }
}

private struct LabelSelectorParser {
  enum Token: Equatable {
    case word(String)
    case symbol(String)
  }

  let text: String
  private var tokens: ArraySlice<Token>

  init(_ text: String) {
    self.text = text
    self.tokens = Self.tokens(of: text)[...]
  }

  private static func tokens(of text: String) -> [Token] {
    var tokens: [Token] = []
    var rest = Substring(text)
    while let first = rest.first {
      if first == " " || first == "\t" {
        rest.removeFirst()
      } else if let symbol = ["==", "!=", "=", "!", ",", "(", ")"].first(where: rest.hasPrefix) {
        tokens.append(.symbol(symbol == "==" ? "=" : symbol))
        rest = rest.dropFirst(symbol.count)
      } else {
        let word = rest.prefix { !"=!,() \t".contains($0) }
        tokens.append(.word(String(word)))
        rest = rest[word.endIndex...]
      }
    }
    return tokens
  }

  private func failure(_ message: String) -> SelectorError {
    SelectorError(message: "unable to parse label selector \"\(text.prefix(200))\": \(message)")
  }

  mutating func parse() throws(SelectorError) -> [ObjectSelector.LabelRequirement] {
    guard !tokens.isEmpty else { return [] }
    var requirements = [try parseRequirement()]
    while let token = tokens.popFirst() {
      guard token == .symbol(",") else { throw failure("found \(Self.text(token)), expected ','") }
      requirements.append(try parseRequirement())
    }
    return requirements
  }

  private mutating func parseRequirement() throws(SelectorError) -> ObjectSelector.LabelRequirement {
    if take("!") { return .doesNotExist(key: try parseKey()) }
    let key = try parseKey()
    guard let next = tokens.first, next != .symbol(",") else { return .exists(key: key) }
    tokens.removeFirst()
    switch next {
    case .symbol("="): return .equals(key: key, value: try parseValue(of: key))
    case .symbol("!="): return .notEquals(key: key, value: try parseValue(of: key))
    case .word("in"): return .isIn(key: key, values: try parseSet(of: key))
    case .word("notin"): return .isNotIn(key: key, values: try parseSet(of: key))
    default: throw failure("found \(Self.text(next)), expected '=', '==', '!=', 'in' or 'notin'")
    }
  }

  private mutating func take(_ symbol: String) -> Bool {
    guard tokens.first == .symbol(symbol) else { return false }
    tokens.removeFirst()
    return true
  }

  private mutating func parseKey() throws(SelectorError) -> String {
    guard case .word(let key) = tokens.popFirst() else { throw failure("expected the key of a label") }
    if let problem = NameRules.qualifiedNameProblems(key).first { throw failure("key \"\(key)\": \(problem)") }
    return key
  }

  /// A value, which may be empty.
  private mutating func parseValue(of key: String) throws(SelectorError) -> String {
    guard case .word(let value) = tokens.first else { return "" }
    tokens.removeFirst()
    if let problem = NameRules.labelValueProblems(value).first {
      throw failure("value \"\(value)\" of \"\(key)\": \(problem)")
    }
    return value
  }

  private mutating func parseSet(of key: String) throws(SelectorError) -> Set<String> {
    guard take("(") else { throw failure("expected '(' before the values of \"\(key)\"") }
    var values: Set<String> = [try parseValue(of: key)]
    while take(",") { values.insert(try parseValue(of: key)) }
    guard take(")") else { throw failure("expected ',' or ')' after the values of \"\(key)\"") }
    return values
  }

  private static func text(_ token: Token) -> String {
    switch token {
    case .word(let word): "'\(word)'"
    case .symbol(let symbol): "'\(symbol)'"
    }
  }
}

private enum FieldSelectorParser {
  static func parse(_ text: String, selectable: [String]) throws(SelectorError) -> [ObjectSelector.FieldRequirement] {
    var requirements: [ObjectSelector.FieldRequirement] = []
    for term in terms(of: text) where !term.isEmpty {
      requirements.append(try requirement(term, selectable))
    }
    return requirements
  }

  /// The parts between commas; `\,`, `\=` and `\\` stand for the characters themselves, which stay escaped here.
  private static func terms(of text: String) -> [String] {
    var terms = [""]
    var isEscaped = false
    for character in text {
      if character == ",", !isEscaped {
        terms.append("")
      } else {
        terms[terms.count - 1].append(character)
      }
      isEscaped = character == "\\" && !isEscaped
    }
    return terms
  }

  private static func requirement(
    _ term: String, _ selectable: [String]
  ) throws(SelectorError) -> ObjectSelector.FieldRequirement {
    guard let equals = term.firstIndex(of: "=") else {
      throw SelectorError(message: "invalid field selector \"\(term.prefix(200))\": expected path=value or path!=value")
    }
    var path = term[..<equals]
    var value = term[term.index(after: equals)...]
    let isNegated = path.last == "!"
    if isNegated { path.removeLast() } else if value.first == "=" { value.removeFirst() }
    guard selectable.contains(String(path)) else {
      let fields = selectable.joined(separator: ", ")
      throw SelectorError(message: "field label not supported: \"\(path.prefix(200))\"; supported are \(fields)")
    }
    let unescaped = try unescaped(value)
    return isNegated ? .notEquals(path: String(path), value: unescaped) : .equals(path: String(path), value: unescaped)
  }

  private static func unescaped(_ value: Substring) throws(SelectorError) -> String {
    var result = ""
    var characters = value.makeIterator()
    while let character = characters.next() {
      guard character == "\\" else {
        result.append(character)
        continue
      }
      guard let next = characters.next(), "\\,=".contains(next) else {
        throw SelectorError(
          message: "invalid field selector value \"\(value.prefix(200))\": '\\' may stand before '\\', ',' and '=' only"
        )
      }
      result.append(next)
    }
    return result
  }
}
