import Synchronization

/// The part of RE2's syntax that schemas need, matched in time linear in the text, so that no input can stall a server.
///
/// Literals, `.`, classes `[a-z_]` and `[^/]`, the escapes `\d \w \s \n \t \x7F` and of punctuation, groups, `|`, `*`, `+`, `?`,
/// `{n}`, `{n,}`, `{n,m}` (at most 1000), `^` and `$`. No back-references, no look-around, no lazy quantifiers.
public struct RegularExpression: Sendable {
  enum Instruction: Sendable {
    case scalar(ScalarClass)
    case split(Int, Int)
    case jump(Int)
    case start
    case end
    case match
  }

  let program: [Instruction]

  /// Nil where the pattern uses anything else, or is too large.
  public init?(_ pattern: String) {
    var parser = RegularExpressionParser(pattern)
    guard let node = parser.parse(), let program = RegularExpressionCompiler.program(for: node) else { return nil }
    self.program = program
  }

  /// True where the pattern matches anywhere in `text`; anchor it to match the whole.
  public func matches(_ text: String) -> Bool {
    var current = StateSet(count: program.count)
    var next = StateSet(count: program.count)
    var isAtStart = true
    var scalars = text.unicodeScalars.makeIterator()
    var scalar = scalars.next()
    while true {
      if add(0, to: &current, isAtStart: isAtStart, isAtEnd: scalar == nil) { return true }
      guard let character = scalar else { return false }
      scalar = scalars.next()
      next.removeAll()
      for state in current.states {
        guard case .scalar(let scalarClass) = program[state], scalarClass.contains(character) else { continue }
        if add(state + 1, to: &next, isAtStart: false, isAtEnd: scalar == nil) { return true }
      }
      swap(&current, &next)
      isAtStart = false
    }
  }

  /// Follows everything that takes no character.
  /// - Returns: true where that reaches a match.
  private func add(_ first: Int, to set: inout StateSet, isAtStart: Bool, isAtEnd: Bool) -> Bool {
    var pending = [first]
    while let state = pending.popLast() {
      guard set.insert(state) else { continue }
      switch program[state] {
      case .scalar: break
      case .split(let one, let other):
        pending.append(other)
        pending.append(one)
      case .jump(let target): pending.append(target)
      case .start: if isAtStart { pending.append(state + 1) }
      case .end: if isAtEnd { pending.append(state + 1) }
      case .match: return true
      }
    }
    return false
  }
}

extension RegularExpression {
  private static let compiled = Mutex<[String: RegularExpression]>([:])

  /// As `init`, remembering what was compiled. Only for patterns of schemas, which are few and not from outside.
  static func cached(_ pattern: String) -> RegularExpression? {
    if let known = compiled.withLock({ $0[pattern] }) { return known }
    guard let expression = RegularExpression(pattern) else { return nil }
    compiled.withLock { $0[pattern] = expression }
    return expression
  }
}

/// A set of states that keeps the order of insertion.
private struct StateSet {
  private(set) var states: [Int] = []
  private var isMember: [Bool]

  init(count: Int) { isMember = Array(repeating: false, count: count) }

  mutating func insert(_ state: Int) -> Bool {
    if isMember[state] { return false }
    isMember[state] = true
    states.append(state)
    return true
  }

  mutating func removeAll() {
    for state in states { isMember[state] = false }
    states.removeAll(keepingCapacity: true)
  }
}

/// Some characters, or all but some.
struct ScalarClass: Sendable, Hashable {
  var ranges: [ClosedRange<Unicode.Scalar>]
  var isNegated = false

  func contains(_ scalar: Unicode.Scalar) -> Bool { ranges.contains { $0.contains(scalar) } != isNegated }
}
