import Testing
import WireFormats

@testable import ResourceModel

@Suite struct ManagedFieldsTests {
  private static func entry(
    _ manager: String, _ operation: String = "Update", time: String? = "2027-01-15T08:00:00Z",
    subresource: String? = nil,
    fields: JSONValue = ["f:spec": [:]]
  ) -> JSONValue {
    var entry: JSONValue = [
      "manager": .string(manager), "operation": .string(operation), "apiVersion": "example.com/v1",
      "fieldsType": "FieldsV1", "fieldsV1": fields,
    ]
    entry["time"] = time.map(JSONValue.string)
    entry["subresource"] = subresource.map(JSONValue.string)
    return entry
  }

  @Test func entriesAreReadAndWrittenInOneOrder() throws {
    let sorted: JSONValue = [
      Self.entry("z", "Apply", time: nil), Self.entry("b", "Apply"),
      Self.entry("a", "Apply", time: "2027-01-15T08:00:01Z"),
      Self.entry("c"), Self.entry("c", subresource: "status"), Self.entry("d"),
    ]
    let managed = try ManagedFields(.array((sorted.array ?? []).reversed()), apiVersion: "example.com/v1")
    #expect(managed.entries.count == 6)
    #expect(managed.json == sorted)
  }

  @Test func noEntriesAreNothing() throws {
    #expect(try ManagedFields(nil, apiVersion: "v1").json == nil)
    #expect(try ManagedFields(.null, apiVersion: "v1").json == nil)
    #expect(try ManagedFields([], apiVersion: "v1").json == nil)
  }

  @Test func entriesOfAnotherVersionAreLeftOut() throws {
    var other = Self.entry("a")
    other["apiVersion"] = "example.com/v2"
    #expect(try ManagedFields([other], apiVersion: "example.com/v1").isEmpty)
  }

  @Test(
    arguments: [
      ("operation", "Delete"), ("operation", nil), ("fieldsType", "FieldsV2"), ("fieldsType", nil), ("apiVersion", nil),
      ("apiVersion", ""), ("fieldsV1", "text"), ("fieldsV1", ["spec": [:]]), ("manager", "a\nb"),
      ("manager", .string(String(repeating: "m", count: 129))),
    ] as [(String, JSONValue?)])
  func anEntryThatIsNotUnderstoodIsAnError(member: String, value: JSONValue?) {
    var entry = Self.entry("a")
    entry[member] = value
    #expect(throws: FieldsV1Error.self) { try ManagedFields([entry], apiVersion: "example.com/v1") }
  }

  @Test func theOldestOfManyUpdatersBecomeOne() throws {
    var managed = ManagedFields(apiVersion: "example.com/v1")
    managed.entries[FieldManager("applier", .apply)] = ManagedFields.Entry(
      FieldSet(children: [.field("x"): .member]), Timestamp(seconds: 0))
    for number in 0..<15 {
      let changes = FieldChanges(
        from: ["spec": [:]], to: ["spec": ["tags": ["t\(number)": "1"]]],
        .object(properties: ["spec": .object(properties: ["tags": .map(of: .string())])]))
      managed.record(changes, by: FieldManager("m\(number)", .update), at: Timestamp(seconds: Int64(number)))
    }
    let updaters = managed.entries.filter { $0.key.operation == .update }
    #expect(updaters.count == ManagedFields.maximumUpdaterCount)
    #expect(managed[FieldManager("applier", .apply)].count == 1)
    let ancient = updaters[FieldManager("ancient-changes", .update)]
    #expect(ancient?.time == Timestamp(seconds: 5))
    #expect(ancient?.fields.paths() == (0..<6).map { ".spec.tags.t\($0)" })
    #expect(managed[FieldManager("m14", .update)].paths() == [".spec.tags", ".spec.tags.t14"])
  }

  @Test(
    arguments: [
      ("kubectl/v1.34.1 (linux/amd64) kubernetes/93248f9", "kubectl"), ("wrktalk-agent", "wrktalk-agent"),
      ("Mozilla/5.0", "Mozilla"), ("", "unknown"), (nil, "unknown"), ("/x", "unknown"), ("a\u{7}b\u{200B}c", "abc"),
      (String(repeating: "ü", count: 300), String(repeating: "ü", count: 128)),
    ] as [(String?, String)])
  func aManagerIsNamedByItsUserAgent(userAgent: String?, name: String) {
    #expect(FieldManager.name(userAgent: userAgent) == name)
    #expect(FieldManager.nameErrors(name, at: "fieldManager").isEmpty)
  }

  @Test(
    arguments: [
      ("kubectl", []), ("eine Verwaltung", []), ("日本", []), (String(repeating: "m", count: 128), []),
      (String(repeating: "m", count: 129), ["Too long: may not be more than 128 characters"]),
      ("a\tb", ["Invalid value: should only contain printable characters"]),
    ] as [(String, [String])])
  func namesOfManagersAreChecked(name: String, messages: [String]) {
    #expect(FieldManager.nameErrors(name, at: "fieldManager").map(\.message) == messages)
  }
}
