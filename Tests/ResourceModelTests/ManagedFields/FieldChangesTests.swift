import Testing
import WireFormats

@testable import ResourceModel

@Suite struct FieldChangesTests {
  struct Case: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var old: JSONValue?
    var new: JSONValue
    var written: [String] = []
    var removed: [String] = []
  }

  /// Of `spec`.
  static let cases = [
    Case(testDescription: "nothing", old: ["version": "1"], new: ["version": "1"]),
    Case(testDescription: "a value", old: ["version": "1"], new: ["version": "2"], written: [".spec.version"]),
    Case(
      testDescription: "a field more", old: ["version": "1"], new: ["version": "1", "suspend": true],
      written: [".spec.suspend"]),
    Case(
      testDescription: "a field less", old: ["version": "1", "suspend": true], new: ["version": "1"],
      removed: [".spec.suspend"]),
    Case(
      testDescription: "an object is written with its content", old: nil, new: ["artifact": ["path": "p"]],
      written: [".spec", ".spec.artifact", ".spec.artifact.path"]),
    Case(
      testDescription: "and goes with it", old: ["artifact": ["path": "p"]], new: [:],
      removed: [".spec.artifact", ".spec.artifact.path"]),
    Case(
      testDescription: "an empty object is a value", old: ["version": "1"], new: ["version": "1", "tags": [:]],
      written: [".spec.tags"]),
    Case(testDescription: "that is filled", old: ["tags": [:]], new: ["tags": ["a": "1"]], written: [".spec.tags.a"]),
    Case(testDescription: "and emptied", old: ["tags": ["a": "1"]], new: ["tags": [:]], removed: [".spec.tags.a"]),
    Case(
      testDescription: "null is another than empty", old: ["tags": [:]], new: ["tags": .null],
      written: [".spec.tags"]),
    Case(
      testDescription: "an entry of a map", old: ["tags": ["a": "1", "b": "1"]], new: ["tags": ["b": "2", "c": "1"]],
      written: [".spec.tags.b", ".spec.tags.c"], removed: [".spec.tags.a"]),
    Case(
      testDescription: "an entry with fields", old: ["services": ["a": ["count": 1]]],
      new: ["services": ["a": ["count": 2], "b": ["count": 1]]],
      written: [".spec.services.a.count", ".spec.services.b", ".spec.services.b.count"]),
    Case(
      testDescription: "a list is one value", old: ["paths": ["a", "b"]], new: ["paths": ["b", "a"]],
      written: [".spec.paths"]),
    Case(testDescription: "a list without keys that is new", old: [:], new: ["paths": []], written: [".spec.paths"]),
    Case(
      testDescription: "elements of a set, whatever their order", old: ["zones": ["a", "b"]],
      new: ["zones": ["c", "b"]], written: [#".spec.zones[="c"]"#], removed: [#".spec.zones[="a"]"#]),
    Case(testDescription: "the order of a set", old: ["zones": ["a", "b"]], new: ["zones": ["b", "a"]]),
    Case(
      testDescription: "a set that is new", old: [:], new: ["zones": ["a"]],
      written: [".spec.zones", #".spec.zones[="a"]"#]),
    Case(
      testDescription: "an element with a key",
      old: ["settings": [["key": "a", "value": "1"], ["key": "b", "value": "1"]]],
      new: ["settings": [["key": "b", "value": "2"], ["key": "c"]]],
      written: [#".spec.settings[key="b"].value"#, #".spec.settings[key="c"]"#, #".spec.settings[key="c"].key"#],
      removed: [
        #".spec.settings[key="a"]"#, #".spec.settings[key="a"].key"#, #".spec.settings[key="a"].value"#,
      ]),
    Case(
      testDescription: "a list in which keys stand twice is one value",
      old: ["settings": [["key": "a"], ["key": "a"]]], new: ["settings": [["key": "a"]]],
      written: [".spec.settings"]),
    Case(
      testDescription: "a list in which keys are missing is one value",
      old: ["settings": [["value": "a"]]], new: ["settings": [["key": "a"]]], written: [".spec.settings"]),
    Case(
      testDescription: "an object whose fields belong together", old: ["schedule": ["from": "1", "to": "2"]],
      new: ["schedule": ["from": "1", "to": "3"]], written: [".spec.schedule"]),
    Case(
      testDescription: "anything: objects by their fields", old: ["extra": ["a": ["b": 1, "c": 1]]],
      new: ["extra": ["a": ["b": 2, "c": 1]]], written: [".spec.extra.a.b"]),
    Case(
      testDescription: "anything: lists as values", old: ["extra": ["a": [1, 2]]], new: ["extra": ["a": [1]]],
      written: [".spec.extra.a"]),
    Case(
      testDescription: "anything: another type", old: ["extra": ["a": ["b": 1]]], new: ["extra": ["a": 1]],
      written: [".spec.extra.a"]),
    Case(testDescription: "what the schema does not have", old: ["unknown": 1], new: ["unknown": 2]),
    Case(
      testDescription: "a type that the schema does not have", old: ["artifact": "text"],
      new: ["artifact": ["path": "p"]], written: [".spec.artifact"]),
  ]

  @Test(arguments: cases) func changesAreFound(example: Case) {
    let old = example.old.map { Sample.object($0) } ?? Sample.object(nil)
    let changes = FieldChanges(from: old, to: Sample.object(example.new), Sample.schema)
    #expect(changes.written.paths() == example.written)
    #expect(changes.removed.paths() == example.removed)
    #expect(changes.isEmpty == (example.written.isEmpty && example.removed.isEmpty))
  }

  @Test func ofTheMetadataOnlyWhatClientsSetCounts() {
    var old = Sample.object([:], labels: ["a": "1"])
    old["metadata"]?["generation"] = 1
    old["metadata"]?["uid"] = "u"
    var new = old
    new["metadata"]?["generation"] = 2
    new["metadata"]?["resourceVersion"] = "3"
    new["metadata"]?["managedFields"] = [[:]]
    new["metadata"]?["annotations"] = ["b": "1"]
    new["metadata"]?["finalizers"] = ["example.com/kept"]
    let owner: JSONValue = ["apiVersion": "v1", "kind": "Pod", "name": "p", "uid": "1"]
    new["metadata"]?["ownerReferences"] = [owner]
    let changes = FieldChanges(from: old, to: new, Sample.schema)
    #expect(
      changes.written.paths() == [
        ".metadata.annotations", ".metadata.annotations.b", ".metadata.finalizers",
        #".metadata.finalizers[="example.com/kept"]"#, ".metadata.ownerReferences",
        #".metadata.ownerReferences[uid="1"]"#,
      ])
    #expect(FieldChanges(from: nil, to: Sample.object(nil), Sample.schema).isEmpty)
  }
}
