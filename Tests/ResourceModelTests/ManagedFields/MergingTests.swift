import Testing
import WireFormats

@testable import ResourceModel

@Suite struct MergingTests {
  @Test(
    arguments: [
      ("", "", ""), ("ab", "", "ab"), ("", "ab", "ab"), ("ab", "ab", "ab"), ("ab", "ba", "ba"),
      // What only the present list has stays where it is among what both have.
      ("axb", "ab", "axb"), ("axb", "ba", "xba"), ("xab", "ab", "xab"), ("abx", "ab", "abx"),
      // What is new stands where the added list has it.
      ("ab", "anb", "anb"), ("ax", "na", "nax"), ("ax", "an", "axn"), ("x", "n", "xn"), ("axb", "ban", "xban"),
      ("abcd", "db", "acdb"),
    ])
  func theOrderOfAMergedListIsThatOfWhatIsAdded(present: String, added: String, merged: String) {
    #expect(String(mergedOrder(Array(present), with: Array(added))) == merged)
  }

  @Test(
    arguments: [
      (["version": "1", "suspend": true], ["version": "2"], ["version": "2", "suspend": true]),
      (["artifact": ["path": "p"]], ["artifact": ["digest": "d"]], ["artifact": ["path": "p", "digest": "d"]]),
      (["paths": ["a"]], ["paths": ["b"]], ["paths": ["b"]]),
      (["zones": ["a"]], ["zones": ["b", "a"]], ["zones": ["b", "a"]]),
      (["zones": ["a"]], ["zones": []], ["zones": ["a"]]),
      (["schedule": ["from": "1", "to": "2"]], ["schedule": ["from": "3"]], ["schedule": ["from": "3"]]),
      (
        ["settings": [["key": "a", "value": "1"], ["key": "b", "value": "1"]]],
        ["settings": [["key": "b", "value": "2"], ["key": "c", "value": "3"]]],
        [
          "settings": [
            ["key": "a", "value": "1"], ["key": "b", "value": "2"], ["key": "c", "value": "3"],
          ]
        ]
      ),
      // Nothing is said about what is in an object that is empty or null.
      (["tags": ["a": "1"]], ["tags": [:]], ["tags": ["a": "1"]]),
      (["tags": ["a": "1"]], ["tags": .null], ["tags": ["a": "1"]]),
      ([:], ["tags": [:]], ["tags": [:]]),
      // But a value can be null.
      (["version": "1"], ["version": .null], ["version": .null]),
      (
        ["extra": ["a": ["b": 1]]], ["extra": ["a": ["c": 2], "d": [1]]], ["extra": ["a": ["b": 1, "c": 2], "d": [1]]]
      ),
      (["extra": ["a": ["b": 1]]], ["extra": ["a": 2]], ["extra": ["a": 2]]),
      (["unknown": 1], ["unknown": 2, "version": "1"], ["unknown": 1, "version": "1"]),
    ] as [(JSONValue, JSONValue, JSONValue)])
  func aConfigurationIsMergedIntoTheObject(live: JSONValue, configuration: JSONValue, expected: JSONValue) {
    let merged = Sample.schema.merged(["spec": live], with: ["spec": configuration])
    #expect(merged == ["spec": expected])
  }

  @Test(
    arguments: [
      (["version": "1"], [], ["version": "1"]),
      (["version": "1", "suspend": true], ["f:suspend": [:]], ["version": "1"]),
      (["artifact": ["path": "p", "digest": "d"]], ["f:artifact": ["f:path": [:]]], ["artifact": ["digest": "d"]]),
      (["artifact": ["path": "p"]], ["f:artifact": ["f:path": [:]]], ["artifact": [:]]),
      (["artifact": ["path": "p"]], ["f:artifact": [".": [:], "f:path": [:]]], [:]),
      (["zones": ["a", "b"]], ["f:zones": [#"v:"a""#: [:]]], ["zones": ["b"]]),
      (
        ["settings": [["key": "a", "value": "1"], ["key": "b", "value": "1"]]],
        ["f:settings": [#"k:{"key":"a"}"#: [:], #"k:{"key":"b"}"#: ["f:value": [:]]]], ["settings": [["key": "b"]]]
      ),
      // Nothing can be taken out of what is one value.
      (["paths": ["a"]], ["f:paths": ["i:0": [:]]], ["paths": ["a"]]),
      (["version": "1"], ["f:tags": ["f:a": [:]], "f:version": ["f:x": [:]]], ["version": "1"]),
    ] as [(JSONValue, JSONValue, JSONValue)])
  func fieldsAreRemoved(spec: JSONValue, fields: JSONValue, expected: JSONValue) throws {
    let set = try FieldSet(fieldsV1: ["f:spec": fields == [] ? [:] : fields])
    let places = FieldSet(children: [.field("spec"): set[.field("spec")].with(isMember: false)])
    #expect(Sample.schema.removing(places, from: ["spec": spec]) == ["spec": expected])
  }

  @Test(
    arguments: [
      (["version": "1"], [".spec.version"]),
      (["artifact": ["path": "p"]], [".spec.artifact.path"]),
      (["artifact": [:], "schedule": ["from": "1"]], [".spec.artifact", ".spec.schedule"]),
      (["tags": ["a": "1"]], [".spec.tags.a"]),
      (["services": ["a": ["count": 1]]], [".spec.services.a", ".spec.services.a.count"]),
      (["zones": ["a"], "paths": ["a"]], [".spec.paths", #".spec.zones[="a"]"#]),
      (
        ["settings": [["key": "a", "value": "1"]]],
        [#".spec.settings[key="a"]"#, #".spec.settings[key="a"].key"#, #".spec.settings[key="a"].value"#]
      ),
      (["version": .null, "tags": .null, "zones": []], [".spec.tags", ".spec.version"]),
      (["extra": ["a": ["b": 1]]], [".spec.extra.a", ".spec.extra.a.b"]),
      ([:], [".spec"]),
    ] as [(JSONValue, [String])])
  func aConfigurationOwnsWhatItSays(spec: JSONValue, paths: [String]) {
    #expect(Sample.schema.fields(of: Sample.object(spec)).paths() == paths)
  }
}
