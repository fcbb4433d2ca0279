import ResourceModel
import Testing
import WireFormats

@Suite struct JSONPatchTests {
  struct Example: Sendable, CustomTestStringConvertible {
    var document: JSONValue
    var patch: JSONValue
    var result: JSONValue

    init(_ document: JSONValue, _ patch: JSONValue, _ result: JSONValue) {
      self.document = document
      self.patch = patch
      self.result = result
    }

    var testDescription: String { patch.text }
  }

  /// RFC 6902, appendix A, and the corners between its lines.
  static let examples: [Example] = [
    Example(["foo": "bar"], [["op": "add", "path": "/baz", "value": "qux"]], ["baz": "qux", "foo": "bar"]),
    Example(["foo": ["a", "b"]], [["op": "add", "path": "/foo/1", "value": "x"]], ["foo": ["a", "x", "b"]]),
    Example(["foo": ["a"]], [["op": "add", "path": "/foo/-", "value": ["b"]]], ["foo": ["a", ["b"]]]),
    Example(["foo": [1, 2, 3]], [["op": "remove", "path": "/foo/1"]], ["foo": [1, 3]]),
    Example(["a": 1, "b": 2], [["op": "remove", "path": "/b"]], ["a": 1]),
    Example(["a": 1], [["op": "replace", "path": "/a", "value": nil]], ["a": nil]),
    Example(["a": 1], [["op": "replace", "path": "", "value": [1]]], [1]),
    Example(
      ["a": ["x": 1], "b": [:]], [["op": "move", "from": "/a/x", "path": "/b/y"]], ["a": [:], "b": ["y": 1]]),
    Example([1, 2, 3], [["op": "move", "from": "/0", "path": "/2"]], [2, 3, 1]),
    Example(["a": 1], [["op": "move", "from": "/a", "path": "/a"]], ["a": 1]),
    Example(["a": [1]], [["op": "copy", "from": "/a", "path": "/b"]], ["a": [1], "b": [1]]),
    Example(
      ["a/b": ["m~n": 8]],
      [["op": "test", "path": "/a~1b/m~0n", "value": 8], ["op": "add", "path": "/ok", "value": true]],
      ["a/b": ["m~n": 8], "ok": true]),
    Example(["": 1], [["op": "test", "path": "/", "value": 1]], ["": 1]),
    Example(
      ["a": ["b": 1, "c": 2]], [["op": "test", "path": "/a", "value": ["c": 2, "b": 1]]], ["a": ["b": 1, "c": 2]]),
  ]

  @Test(arguments: examples) func followsTheRFC(_ example: Example) throws {
    #expect(try JSONPatch(example.patch).applied(to: example.document) == example.result)
  }

  static let failures: [(JSONValue, JSONPatchError.Reason, Int?)] = [
    ("x", .malformed, nil), ([1], .malformed, 0), ([["op": "spam", "path": "/a"]], .malformed, 0),
    ([["op": "add", "path": "/a"]], .malformed, 0), ([["op": "add", "path": "a", "value": 1]], .malformed, 0),
    ([["op": "remove", "path": "/~2"]], .malformed, 0), ([["op": "move", "path": "/a"]], .malformed, 0),
    ([["op": "test", "path": "/a", "value": 1], ["op": "remove", "path": "/none"]], .notApplicable, 1),
    ([["op": "test", "path": "/a", "value": 2]], .notApplicable, 0),
    ([["op": "replace", "path": "/none", "value": 1]], .notApplicable, 0),
    ([["op": "add", "path": "/none/x", "value": 1]], .notApplicable, 0),
    ([["op": "add", "path": "/a/x", "value": 1]], .notApplicable, 0),
    ([["op": "add", "path": "/l/3", "value": 1]], .notApplicable, 0),
    ([["op": "add", "path": "/l/01", "value": 1]], .notApplicable, 0),
    ([["op": "replace", "path": "/l/-", "value": 1]], .notApplicable, 0),
    ([["op": "remove", "path": ""]], .notApplicable, 0),
    ([["op": "move", "from": "/o", "path": "/o/x"]], .notApplicable, 0),
    ([["op": "move", "from": "/none", "path": "/none"]], .notApplicable, 0),
  ]

  @Test(arguments: failures.indices) func failuresNameTheOperation(_ index: Int) {
    let (patch, reason, operation) = Self.failures[index]
    let error = #expect(throws: JSONPatchError.self) {
      try JSONPatch(patch).applied(to: ["a": 1, "l": [1, 2], "o": [:]])
    }
    #expect(error?.reason == reason, "\(patch.text)")
    #expect(error?.index == operation)
  }

  @Test func tooManyOperationsAreRefused() {
    let test: JSONValue = ["op": "test", "path": "", "value": 1]
    let error = #expect(throws: JSONPatchError.self) { try JSONPatch(.array(Array(repeating: test, count: 10_001))) }
    #expect(error?.reason == .tooLarge)
  }

  @Test func aPatchThatDoublesTheDocumentAgainAndAgainIsStopped() throws {
    let copies: [JSONValue] = (0..<60).map { _ in ["op": "copy", "from": "/a", "path": "/a/-"] }
    let patch = try JSONPatch(.array(copies))
    let error = #expect(throws: JSONPatchError.self) { try patch.applied(to: ["a": ["x"]]) }
    #expect(error?.reason == .tooLarge)
  }

  @Test func aPatchThatShiftsALongArrayAgainAndAgainIsStopped() throws {
    let additions: [JSONValue] = (0..<2000).map { _ in ["op": "add", "path": "/a/0", "value": 1] }
    let patch = try JSONPatch(.array(additions))
    let error = #expect(throws: JSONPatchError.self) {
      try patch.applied(to: ["a": .array(Array(repeating: 1, count: 100_000))])
    }
    #expect(error?.reason == .tooLarge)
  }

  /// Each operation copies the list into its own innermost element: the depth doubles, the text hardly grows.
  @Test func operationsCannotNestDeeperThanIsAccepted() throws {
    var operations: [JSONPatch.Operation] = []
    for step in 0..<16 {
      let inner = JSONPointer(tokens: ["list"] + Array(repeating: "0", count: 1 << step))
      operations.append(.copy(from: JSONPointer(tokens: ["list"]), to: inner))
    }
    let error = #expect(throws: JSONPatchError.self) { try JSONPatch(operations).applied(to: ["list": [[]]]) }
    #expect(error?.reason == .notApplicable)
    #expect(error?.index == 6)
    #expect(error?.message.hasSuffix("would be nested more than 100 levels deep") == true)
    #expect((error?.message.count ?? 0) < 300)
  }

  @Test(arguments: ["add", "replace", "move"]) func noOperationNestsDeeperThanIsAccepted(name: String) throws {
    let deep = (0..<60).reduce(JSONValue.null) { value, _ in [value] }
    let target = JSONPointer(tokens: ["deep"] + Array(repeating: "0", count: 60))
    let operation: JSONPatch.Operation =
      switch name {
      case "add": .add(JSONPointer(tokens: target.tokens.dropLast() + ["-"]), deep)
      case "move":
        .move(from: JSONPointer(tokens: ["other"]), to: JSONPointer(tokens: target.tokens.dropLast() + ["-"]))
      default: .replace(target, deep)
      }
    let error = #expect(throws: JSONPatchError.self) {
      try JSONPatch([operation]).applied(to: ["deep": deep, "other": deep])
    }
    #expect(error?.reason == .notApplicable)
  }

  @Test func movingALargeValueToAndFroIsRefused() throws {
    let large = JSONValue.array(Array(repeating: 1, count: 100_000))
    let there = JSONPatch.Operation.move(from: JSONPointer(tokens: ["a"]), to: JSONPointer(tokens: ["b"]))
    let back = JSONPatch.Operation.move(from: JSONPointer(tokens: ["b"]), to: JSONPointer(tokens: ["a"]))
    let error = #expect(throws: JSONPatchError.self) {
      try JSONPatch(Array(repeating: [there, back], count: 60).flatMap { $0 }).applied(to: ["a": large])
    }
    #expect(error?.reason == .tooLarge)
  }
}
