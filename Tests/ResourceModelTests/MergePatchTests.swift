import ResourceModel
import Testing
import WireFormats

@Suite struct MergePatchTests {
  /// The examples of RFC 7386, appendix A.
  static let examples: [(JSONValue, JSONValue, JSONValue)] = [
    (["a": "b"], ["a": "c"], ["a": "c"]),
    (["a": "b"], ["b": "c"], ["a": "b", "b": "c"]),
    (["a": "b"], ["a": nil], [:]),
    (["a": "b", "b": "c"], ["a": nil], ["b": "c"]),
    (["a": ["b"]], ["a": "c"], ["a": "c"]),
    (["a": "c"], ["a": ["b"]], ["a": ["b"]]),
    (["a": ["b": "c"]], ["a": ["b": "d", "c": nil]], ["a": ["b": "d"]]),
    (["a": [["b": "c"]]], ["a": [1]], ["a": [1]]),
    (["a", "b"], ["c", "d"], ["c", "d"]),
    (["a": "b"], ["c"], ["c"]),
    (["a": "foo"], nil, nil),
    (["a": "foo"], "bar", "bar"),
    (["e": nil], ["a": 1], ["e": nil, "a": 1]),
    ([1, 2], ["a": "b", "c": nil], ["a": "b"]),
    ([:], ["a": ["bb": ["ccc": nil]]], ["a": ["bb": [:]]]),
  ]

  @Test(arguments: examples.indices) func followsTheExamplesOfTheRFC(_ index: Int) {
    let (original, patch, result) = Self.examples[index]
    #expect(original.mergePatched(with: patch) == result)
  }

  @Test func thePatchBetweenTwoValuesTurnsOneIntoTheOther() {
    let old: JSONValue = ["spec": ["a": 1, "b": [1, 2], "gone": true], "kind": "X"]
    let new: JSONValue = ["spec": ["a": 2, "b": [1, 2], "added": ["x": "y"]], "kind": "X"]
    let patch = old.mergePatch(to: new)
    #expect(patch == ["spec": ["a": 2, "gone": nil, "added": ["x": "y"]]])
    #expect(old.mergePatched(with: patch) == new)
    #expect(new.mergePatch(to: new) == [:])
  }
}
