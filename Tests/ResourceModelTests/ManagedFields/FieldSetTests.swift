import Testing
import WireFormats

@testable import ResourceModel

@Suite struct FieldSetTests {
  private func set(_ json: JSONValue) throws -> FieldSet { try FieldSet(fieldsV1: json) }

  @Test(
    arguments: [
      ([:], []),
      (["f:spec": [:]], [".spec"]),
      (["f:spec": ["f:version": [:]]], [".spec.version"]),
      (["f:labels": [".": [:], "f:tier": [:]]], [".labels", ".labels.tier"]),
      (
        ["f:conditions": [#"k:{"type":"Ready"}"#: [".": [:], "f:status": [:]]]],
        [#".conditions[type="Ready"]"#, #".conditions[type="Ready"].status"#]
      ),
      ([#"k:{"port":80,"protocol":"TCP"}"#: [:]], [#"[port=80,protocol="TCP"]"#]),
      (["f:finalizers": [#"v:"a/b""#: [:]]], [#".finalizers[="a/b"]"#]),
      (["f:list": ["i:0": [:], "i:12": [:]]], [".list[0]", ".list[12]"]),
      // A field may have any name.
      (["f:": [:]], ["."]),
      (["f:f:x": [:]], [".f:x"]),
    ] as [(JSONValue, [String])])
  func setsAreReadAndWritten(json: JSONValue, paths: [String]) throws {
    let set = try set(json)
    #expect(set.paths() == paths)
    #expect(set.count == paths.count)
    #expect(set.fieldsV1 == json)
    #expect(set.isEmpty == paths.isEmpty)
  }

  @Test(
    arguments: [
      // White space and the order of keys mean nothing.
      ([#"k:{ "b":1, "a" : "x"}"#: [:]], [#"k:{"a":"x","b":1}"#: [:]]),
      ([#"v: "\u0061""#: [:]], [#"v:"a""#: [:]]),
      // A member with nothing below it.
      (["f:a": [".": [:]]], ["f:a": [:]]),
      // The object itself is no field.
      ([".": [:], "f:a": [:]], ["f:a": [:]]),
      // What a newer server may write.
      (["x:new": [:], "f:a": [:]], ["f:a": [:]]),
      (["f:a": ["x:new": [:]]], [:]),
    ] as [(JSONValue, JSONValue)])
  func setsHaveOneForm(json: JSONValue, canonical: JSONValue) throws {
    #expect(try set(json).fieldsV1 == canonical)
  }

  @Test(
    arguments: [
      [1], "f:spec", ["f:spec": 1], ["f:spec": [1]], ["spec": [:]], ["": [:]], ["f": [:]], ["k:x": [:]], ["k:[1]": [:]],
      ["k:{}": [:]], ["v:": [:]], ["v:x": [:]], ["i:x": [:]], ["i:-1": [:]],
    ] as [JSONValue])
  func whatIsNoSetIsRefused(json: JSONValue) {
    #expect(throws: FieldsV1Error.self) { try FieldSet(fieldsV1: json) }
  }

  @Test func aSetIsNoDeeperThanAnObject() {
    let deep = (0..<200).reduce([:] as JSONValue) { inner, _ in ["f:a": inner] }
    #expect(throws: FieldsV1Error.self) { try FieldSet(fieldsV1: deep) }
  }

  private static let one: JSONValue = ["f:a": [:], "f:b": [".": [:], "f:x": [:]], "f:c": ["f:y": [:]]]
  private static let other: JSONValue = ["f:a": ["f:z": [:]], "f:b": ["f:x": [:]], "f:c": [".": [:], "f:y": [:]]]

  @Test func setsAreUnited() throws {
    let expected: JSONValue = [
      "f:a": [".": [:], "f:z": [:]], "f:b": [".": [:], "f:x": [:]], "f:c": [".": [:], "f:y": [:]],
    ]
    #expect(try set(Self.one).union(set(Self.other)).fieldsV1 == expected)
    #expect(try set(Self.other).union(set(Self.one)).fieldsV1 == expected)
    #expect(try set(Self.one).union(FieldSet()).fieldsV1 == Self.one)
  }

  @Test func setsAreIntersected() throws {
    let expected: JSONValue = ["f:b": ["f:x": [:]], "f:c": ["f:y": [:]]]
    #expect(try set(Self.one).intersection(set(Self.other)).fieldsV1 == expected)
    #expect(try set(Self.other).intersection(set(Self.one)).fieldsV1 == expected)
    #expect(try set(Self.one).intersection(FieldSet()).isEmpty)
  }

  @Test func setsAreTakenFromEachOtherPlaceByPlace() throws {
    #expect(try set(Self.one).subtracting(set(Self.other)).fieldsV1 == ["f:a": [:], "f:b": [:]])
    #expect(try set(Self.other).subtracting(set(Self.one)).fieldsV1 == ["f:a": ["f:z": [:]], "f:c": [:]])
    #expect(try set(Self.one).subtracting(set(Self.one)).isEmpty)
    #expect(try set(Self.one).subtracting(FieldSet()).fieldsV1 == Self.one)
  }

  @Test func aPathIsContainedOrNot() throws {
    let set = try set(Self.one)
    #expect(set.contains([.field("b")]))
    #expect(set.contains([.field("b"), .field("x")]))
    #expect(!set.contains([.field("c")]))
    #expect(!set.contains([.field("a"), .field("z")]))
    #expect(!set.contains([]))
  }

  @Test func pathsAreNamedUpToALimit() throws {
    #expect(try set(Self.one).paths(limit: 2) == [".a", ".b"])
  }
}
