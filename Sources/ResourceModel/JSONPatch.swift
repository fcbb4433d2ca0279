public import WireFormats

/// A list of operations on a JSON value (RFC 6902).
public struct JSONPatch: Sendable, Hashable {
  public enum Operation: Sendable, Hashable {
    case add(JSONPointer, JSONValue)
    case remove(JSONPointer)
    case replace(JSONPointer, JSONValue)
    case move(from: JSONPointer, to: JSONPointer)
    case copy(from: JSONPointer, to: JSONPointer)
    case test(JSONPointer, JSONValue)
  }

  public var operations: [Operation]

  /// Kubernetes' bounds: more operations, or more bytes copied by `copy`, are refused.
  public static let maximumOperationCount = 10_000
  public static let maximumCopiedByteCount = 3 << 20
  /// Most elements that insertions and removals in arrays may shift, all together.
  public static let maximumShiftedElementCount = 10_000_000
  /// Most values that are looked at, all together, to see how deep what is added, moved and copied is.
  public static let maximumMeasuredNodeCount = 10_000_000

  /// What a patch has cost so far.
  fileprivate struct Cost {
    var copiedBytes = 0
    var shiftedElements = 0
    var measuredNodes = 0
    let maximumDepth: Int

    /// Checks that `value` may lie at `path`: nothing ever becomes so deep that a later step could overflow the stack.
    mutating func place(_ value: JSONValue, at path: JSONPointer) throws(JSONPatchError) {
      let bounds = JSONBounds(
        maximumDepth: maximumDepth - path.tokens.count,
        maximumNodeCount: maximumMeasuredNodeCount - measuredNodes)
      do {
        measuredNodes += try value.nodeCount(within: bounds)
      } catch {
        switch error.bound {
        case .depth:
          throw .notApplicable(
            "the value at \"\(path.shortened)\" would be nested more than \(maximumDepth) levels deep")
        case .nodeCount:
          throw JSONPatchError(
            reason: .tooLarge, message: "the patch adds and moves more than \(maximumMeasuredNodeCount) values")
        }
      }
    }

    mutating func copy(_ byteCount: Int) throws(JSONPatchError) {
      copiedBytes += byteCount
      if copiedBytes > maximumCopiedByteCount {
        throw JSONPatchError(reason: .tooLarge, message: "the patch copies more than \(maximumCopiedByteCount) bytes")
      }
    }

    mutating func shift(_ elementCount: Int) throws(JSONPatchError) {
      shiftedElements += elementCount
      if shiftedElements > maximumShiftedElementCount {
        throw JSONPatchError(
          reason: .tooLarge, message: "the patch shifts more than \(maximumShiftedElementCount) elements of arrays")
      }
    }
  }

  public init(_ operations: [Operation]) { self.operations = operations }
}

/// Why a patch cannot be read or applied.
public struct JSONPatchError: Error, Sendable, Hashable, CustomStringConvertible {
  public enum Reason: Sendable, Hashable {
    /// The patch itself is wrong (HTTP 400).
    case malformed
    /// The patch does not fit the document, or a `test` failed (HTTP 422).
    case notApplicable
    /// HTTP 413.
    case tooLarge
  }

  public var reason: Reason
  /// Which operation, from 0; nil where it is the patch as a whole.
  public var index: Int?
  public var message: String

  public var description: String { index.map { "operation \($0): \(message)" } ?? message }
}

extension JSONPatch {
  /// Reads a patch from its JSON form.
  public init(_ json: JSONValue) throws(JSONPatchError) {
    guard let elements = json.array else {
      throw JSONPatchError(reason: .malformed, message: "a JSON patch is an array of operations, not \(json.typeName)")
    }
    guard elements.count <= Self.maximumOperationCount else {
      throw JSONPatchError(
        reason: .tooLarge, message: "a JSON patch may have at most \(Self.maximumOperationCount) operations")
    }
    operations = []
    operations.reserveCapacity(elements.count)
    for (index, element) in elements.enumerated() {
      operations.append(try Self.operation(element, index))
    }
  }

  private static func operation(_ json: JSONValue, _ index: Int) throws(JSONPatchError) -> Operation {
    func malformed(_ message: String) -> JSONPatchError {
      JSONPatchError(reason: .malformed, index: index, message: message)
    }
    func pointer(_ member: String) throws(JSONPatchError) -> JSONPointer {
      guard let text = json[member]?.string else { throw malformed("\"\(member)\" is missing or not a string") }
      guard let pointer = JSONPointer(text) else {
        throw malformed("\"\(member)\" is not a JSON pointer: \"\(text.prefix(80))\" must be empty or start with \"/\"")
      }
      return pointer
    }
    func value() throws(JSONPatchError) -> JSONValue {
      guard let value = json["value"] else { throw malformed("\"value\" is missing") }
      return value
    }
    guard json.object != nil else { throw malformed("must be an object, not \(json.typeName)") }
    switch json["op"]?.string {
    case "add": return .add(try pointer("path"), try value())
    case "remove": return .remove(try pointer("path"))
    case "replace": return .replace(try pointer("path"), try value())
    case "move": return .move(from: try pointer("from"), to: try pointer("path"))
    case "copy": return .copy(from: try pointer("from"), to: try pointer("path"))
    case "test": return .test(try pointer("path"), try value())
    default: throw malformed("\"op\" must be one of add, remove, replace, move, copy, test")
    }
  }

  /// The document after all operations; nothing is applied where one fails.
  /// - Parameter maximumDepth: how deep what an operation puts into the document may lie in it.
  public func applied(
    to document: JSONValue, maximumDepth: Int = JSONBounds.object.maximumDepth
  ) throws(JSONPatchError) -> JSONValue {
    var result = document
    var cost = Cost(maximumDepth: maximumDepth)
    for (index, operation) in operations.enumerated() {
      do {
        try Self.apply(operation, to: &result, &cost)
      } catch {
        throw JSONPatchError(reason: error.reason, index: index, message: error.message)
      }
    }
    return result
  }

  private static func apply(
    _ operation: Operation, to document: inout JSONValue, _ cost: inout Cost
  ) throws(JSONPatchError) {
    switch operation {
    case .add(let path, let value): try document.add(value, at: path, &cost)
    case .remove(let path): _ = try document.remove(at: path, &cost)
    case .replace(let path, let value):
      try cost.place(value, at: path)
      if path.tokens.isEmpty {
        document = value
      } else {
        try document.edit(path.tokens[...], path) { $0 = value }
      }
    case .move(let from, let to):
      if from == to {
        _ = try existing(from, in: document)
        return
      }
      guard !to.tokens.starts(with: from.tokens) else {
        throw .notApplicable("cannot move \"\(from)\" into itself, to \"\(to)\"")
      }
      try document.add(try document.remove(at: from, &cost), at: to, &cost)
    case .copy(let from, let to):
      let value = try existing(from, in: document)
      try cost.copy(value.serialized().count)
      try document.add(value, at: to, &cost)
    case .test(let path, let expected):
      guard try existing(path, in: document) == expected else {
        throw .notApplicable("test failed: the value at \"\(path.shortened)\" is another")
      }
    }
  }

  private static func existing(_ path: JSONPointer, in document: JSONValue) throws(JSONPatchError) -> JSONValue {
    guard let value = path.value(in: document) else { throw .nothing(at: path) }
    return value
  }
}

extension JSONPatchError {
  fileprivate static func notApplicable(_ message: String) -> JSONPatchError {
    JSONPatchError(reason: .notApplicable, message: message)
  }

  fileprivate static func nothing(at path: JSONPointer) -> JSONPatchError {
    notApplicable("there is nothing at \"\(path.shortened)\"")
  }
}

extension JSONValue {
  fileprivate mutating func add(_ value: JSONValue, at path: JSONPointer, _ cost: inout JSONPatch.Cost)
    throws(JSONPatchError)
  {
    try cost.place(value, at: path)
    guard let last = path.tokens.last else {
      self = value
      return
    }
    try edit(path.tokens.dropLast(), path) { (container: inout JSONValue) throws(JSONPatchError) in
      switch container {
      case .object(var members):
        container = .null
        members[last] = value
        container = .object(members)
      case .array(var elements):
        guard let index = last == "-" ? elements.count : JSONPointer.index(last), index <= elements.count else {
          throw .notApplicable("the array has no place \"\(path.shortened)\"")
        }
        try cost.shift(elements.count - index)
        container = .null
        elements.insert(value, at: index)
        container = .array(elements)
      default: throw .notApplicable("\"\(path.shortened)\" lies in a value that is neither an object nor an array")
      }
    }
  }

  fileprivate mutating func remove(at path: JSONPointer, _ cost: inout JSONPatch.Cost) throws(JSONPatchError)
    -> JSONValue
  {
    guard let last = path.tokens.last else { throw .notApplicable("the whole document cannot be removed") }
    var removed: JSONValue = .null
    try edit(path.tokens.dropLast(), path) { (container: inout JSONValue) throws(JSONPatchError) in
      switch container {
      case .object(var members):
        container = .null
        guard let value = members.removeValue(forKey: last) else { throw .nothing(at: path) }
        removed = value
        container = .object(members)
      case .array(var elements):
        guard let index = JSONPointer.index(last), index < elements.count else { throw .nothing(at: path) }
        try cost.shift(elements.count - index)
        container = .null
        removed = elements.remove(at: index)
        container = .array(elements)
      default: throw .nothing(at: path)
      }
    }
    return removed
  }

  /// Changes the existing value at `tokens` in place; after an error this value is of no use.
  ///
  /// Each level gives up its reference while what lies below changes, so that nothing is copied.
  fileprivate mutating func edit(
    _ tokens: ArraySlice<String>, _ path: JSONPointer, _ change: (inout JSONValue) throws(JSONPatchError) -> Void
  ) throws(JSONPatchError) {
    guard let token = tokens.first else {
      try change(&self)
      return
    }
    switch self {
    case .object(var members):
      self = .null
      guard var member = members.removeValue(forKey: token) else { throw .nothing(at: path) }
      try member.edit(tokens.dropFirst(), path, change)
      members[token] = member
      self = .object(members)
    case .array(var elements):
      self = .null
      guard let index = JSONPointer.index(token), index < elements.count else { throw .nothing(at: path) }
      try elements[index].edit(tokens.dropFirst(), path, change)
      self = .array(elements)
    default: throw .nothing(at: path)
    }
  }
}
