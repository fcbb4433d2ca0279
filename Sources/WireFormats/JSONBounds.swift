/// How large a JSON value may be as a tree. Whoever changes a value (a patch, a merge) checks it afterwards, before
/// anything recursive touches it: the walk here keeps its own stack.
public struct JSONBounds: Sendable, Hashable {
  /// How many arrays and objects may lie in each other; a scalar has depth 0, `[]` has depth 1.
  public var maximumDepth: Int
  /// How many values there may be altogether, arrays and objects counted with what they hold.
  public var maximumNodeCount: Int

  public init(maximumDepth: Int, maximumNodeCount: Int) {
    self.maximumDepth = maximumDepth
    self.maximumNodeCount = maximumNodeCount
  }

  /// Of an object that is stored. Far below what is parsed again (`JSONValue(parsingStored:)`).
  public static let object = JSONBounds(maximumDepth: 100, maximumNodeCount: 200_000)
}

/// Which of its bounds a value exceeds, and where.
public struct JSONExcess: Error, Sendable, Hashable, CustomStringConvertible {
  public enum Step: Sendable, Hashable {
    case key(String)
    case index(Int)
  }

  public enum Bound: Sendable, Hashable {
    case depth(maximum: Int)
    case nodeCount(maximum: Int)
  }

  public var bound: Bound
  /// From the value's root to the first place beyond the bound.
  public var path: [Step]

  public var description: String {
    switch bound {
    case .depth(let maximum): "nested more than \(maximum) levels deep"
    case .nodeCount(let maximum): "more than \(maximum) values"
    }
  }
}

extension JSONValue {
  /// - Returns: how many values this value is made of, itself included.
  /// - Throws: at the first place beyond `bounds`, without looking further.
  @discardableResult
  public func nodeCount(within bounds: JSONBounds) throws(JSONExcess) -> Int {
    var levels: [JSONLevel] = []
    var count = 0
    var current: JSONValue? = self
    while true {
      if let value = current {
        count += 1
        if count > bounds.maximumNodeCount {
          throw JSONExcess(bound: .nodeCount(maximum: bounds.maximumNodeCount), path: levels.map(\.step))
        }
        if let level = JSONLevel(value) {
          if levels.count >= bounds.maximumDepth {
            throw JSONExcess(bound: .depth(maximum: bounds.maximumDepth), path: levels.map(\.step))
          }
          levels.append(level)
        }
      } else {
        levels.removeLast()
      }
      if levels.isEmpty { return count }
      current = levels[levels.count - 1].next()
    }
  }
}

/// An array or object on the way to the value that is looked at.
private enum JSONLevel {
  case array([JSONValue], next: Int)
  case object(Dictionary<String, JSONValue>.Iterator, key: String)

  /// Nil where `value` holds no others.
  init?(_ value: JSONValue) {
    switch value {
    case .array(let elements): self = .array(elements, next: 0)
    case .object(let members): self = .object(members.makeIterator(), key: "")
    default: return nil
    }
  }

  /// Of the value that `next` returned last.
  var step: JSONExcess.Step {
    switch self {
    case .array(_, let next): .index(max(0, next - 1))
    case .object(_, let key): .key(key)
    }
  }

  mutating func next() -> JSONValue? {
    switch self {
    case .array(let elements, let index):
      guard index < elements.count else { return nil }
      self = .array(elements, next: index + 1)
      return elements[index]
    case .object(var members, _):
      guard let (key, value) = members.next() else { return nil }
      self = .object(members, key: key)
      return value
    }
  }
}
