/// The tree of a pattern.
indirect enum RegularExpressionNode: Sendable {
  case empty
  case scalar(ScalarClass)
  case sequence([RegularExpressionNode])
  case alternatives([RegularExpressionNode])
  case repeated(RegularExpressionNode, minimum: Int, maximum: Int?)
  case start
  case end
}

/// Reads a pattern; every `parse` answers nil for syntax it does not know.
struct RegularExpressionParser {
  private let scalars: [Unicode.Scalar]
  private var position = 0
  private var depth = 0

  init(_ pattern: String) { scalars = Array(pattern.unicodeScalars) }

  mutating func parse() -> RegularExpressionNode? {
    guard let node = parseAlternatives(), position == scalars.count else { return nil }
    return node
  }

  private var current: Unicode.Scalar? { position < scalars.count ? scalars[position] : nil }

  private mutating func take(_ scalar: Unicode.Scalar) -> Bool {
    guard current == scalar else { return false }
    position += 1
    return true
  }

  private mutating func parseAlternatives() -> RegularExpressionNode? {
    depth += 1
    defer { depth -= 1 }
    guard depth <= 32 else { return nil }
    var alternatives: [RegularExpressionNode] = []
    repeat {
      guard let sequence = parseSequence() else { return nil }
      alternatives.append(sequence)
    } while take("|")
    return alternatives.count == 1 ? alternatives[0] : .alternatives(alternatives)
  }

  private mutating func parseSequence() -> RegularExpressionNode? {
    var nodes: [RegularExpressionNode] = []
    while let scalar = current, scalar != "|", scalar != ")" {
      guard let atom = parseAtom(), let node = parseQuantifier(of: atom) else { return nil }
      nodes.append(node)
    }
    return nodes.isEmpty ? .empty : .sequence(nodes)
  }

  private mutating func parseAtom() -> RegularExpressionNode? {
    guard let scalar = current else { return nil }
    position += 1
    switch scalar {
    case "(":
      if take("?") { guard take(":") else { return nil } }
      guard let node = parseAlternatives(), take(")") else { return nil }
      return node
    case "[": return parseClass().map(RegularExpressionNode.scalar)
    case ".": return .scalar(ScalarClass(ranges: ["\n"..."\n"], isNegated: true))
    case "^": return .start
    case "$": return .end
    case "\\": return parseEscape().map { .scalar(ScalarClass(ranges: $0)) }
    case "*", "+", "?", "{", "}", "]": return nil
    default: return .scalar(ScalarClass(ranges: [scalar...scalar]))
    }
  }

  private mutating func parseEscape() -> [ClosedRange<Unicode.Scalar>]? {
    guard let scalar = current else { return nil }
    position += 1
    switch scalar {
    case "d": return ["0"..."9"]
    case "w": return ["0"..."9", "A"..."Z", "a"..."z", "_"..."_"]
    case "s": return ["\t"..."\n", "\u{0C}"..."\r", " "..." "]
    case "n": return ["\n"..."\n"]
    case "t": return ["\t"..."\t"]
    case "x": return parseHexadecimal().map { [$0...$0] }
    case "0"..."9", "A"..."Z", "a"..."z": return nil
    default: return [scalar...scalar]
    }
  }

  private mutating func parseHexadecimal() -> Unicode.Scalar? {
    guard position + 2 <= scalars.count else { return nil }
    let digits = String(String.UnicodeScalarView(scalars[position..<position + 2]))
    position += 2
    guard digits.unicodeScalars.allSatisfy(\.properties.isASCIIHexDigit) else { return nil }
    return UInt8(digits, radix: 16).map { Unicode.Scalar($0) }
  }

  private mutating func parseClass() -> ScalarClass? {
    var result = ScalarClass(ranges: [], isNegated: take("^"))
    while let scalar = current {
      if scalar == "]" {
        position += 1
        return result.ranges.isEmpty ? nil : result
      }
      guard let first = parseClassItem() else { return nil }
      if current == "-", position + 1 < scalars.count, scalars[position + 1] != "]" {
        position += 1
        guard let last = parseClassItem(), let low = Self.single(first), let high = Self.single(last), low <= high
        else { return nil }
        result.ranges.append(low...high)
      } else {
        result.ranges += first
      }
    }
    return nil
  }

  private mutating func parseClassItem() -> [ClosedRange<Unicode.Scalar>]? {
    guard let scalar = current, scalar != "[" else { return nil }
    position += 1
    return scalar == "\\" ? parseEscape() : [scalar...scalar]
  }

  private static func single(_ ranges: [ClosedRange<Unicode.Scalar>]) -> Unicode.Scalar? {
    guard ranges.count == 1, ranges[0].lowerBound == ranges[0].upperBound else { return nil }
    return ranges[0].lowerBound
  }

  private mutating func parseQuantifier(of node: RegularExpressionNode) -> RegularExpressionNode? {
    var result = node
    if take("*") {
      result = .repeated(node, minimum: 0, maximum: nil)
    } else if take("+") {
      result = .repeated(node, minimum: 1, maximum: nil)
    } else if take("?") {
      result = .repeated(node, minimum: 0, maximum: 1)
    } else if take("{") {
      guard let minimum = parseCount() else { return nil }
      var maximum: Int? = minimum
      if take(",") { maximum = current == "}" ? nil : parseCount() ?? -1 }
      guard take("}"), maximum.map({ $0 >= minimum }) ?? true else { return nil }
      result = .repeated(node, minimum: minimum, maximum: maximum)
    }
    if let scalar = current, "*+?{".unicodeScalars.contains(scalar) { return nil }
    return result
  }

  private mutating func parseCount() -> Int? {
    var digits = ""
    while let scalar = current, ("0"..."9").contains(scalar), digits.count < 5 {
      digits.unicodeScalars.append(scalar)
      position += 1
    }
    guard let count = Int(digits), count <= 1000 else { return nil }
    return count
  }
}

/// Turns a tree into instructions.
struct RegularExpressionCompiler {
  private static let maximumInstructionCount = 20_000

  private var program: [RegularExpression.Instruction] = []

  static func program(for node: RegularExpressionNode) -> [RegularExpression.Instruction]? {
    var compiler = RegularExpressionCompiler()
    guard compiler.emit(node) else { return nil }
    compiler.program.append(.match)
    return compiler.program
  }

  private mutating func emit(_ node: RegularExpressionNode) -> Bool {
    guard program.count < Self.maximumInstructionCount else { return false }
    switch node {
    case .empty: return true
    case .scalar(let scalarClass): program.append(.scalar(scalarClass))
    case .start: program.append(.start)
    case .end: program.append(.end)
    case .sequence(let nodes): return nodes.allSatisfy { emit($0) }
    case .alternatives(let nodes): return emit(alternatives: nodes[...])
    case .repeated(let node, let minimum, let maximum): return emit(node, minimum: minimum, maximum: maximum)
    }
    return true
  }

  private mutating func emit(alternatives nodes: ArraySlice<RegularExpressionNode>) -> Bool {
    guard let first = nodes.first else { return true }
    guard nodes.count > 1 else { return emit(first) }
    let split = program.count
    program.append(.match)
    guard emit(first) else { return false }
    let jump = program.count
    program.append(.match)
    program[split] = .split(split + 1, program.count)
    guard emit(alternatives: nodes.dropFirst()) else { return false }
    program[jump] = .jump(program.count)
    return true
  }

  private mutating func emit(_ node: RegularExpressionNode, minimum: Int, maximum: Int?) -> Bool {
    for _ in 0..<minimum { guard emit(node) else { return false } }
    guard let maximum else {
      let split = program.count
      program.append(.match)
      guard emit(node) else { return false }
      program.append(.jump(split))
      program[split] = .split(split + 1, program.count)
      return true
    }
    var splits: [Int] = []
    for _ in minimum..<maximum {
      splits.append(program.count)
      program.append(.match)
      guard emit(node) else { return false }
    }
    for split in splits { program[split] = .split(split + 1, program.count) }
    return true
  }
}
