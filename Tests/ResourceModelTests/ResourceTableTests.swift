import ResourceModel
import Testing
import WireFormats

@Suite struct ResourceTableTests {
  private let definition = ResourceDefinition(
    names: ResourceNames(group: "g.io", version: "v1", kind: "Thing", plural: "things", singular: "thing"),
    table: "thing",
    schema: .any(),
    printerColumns: [
      PrinterColumn(
        name: "Ready", type: .string, jsonPath: #".status.conditions[?(@.type=="Ready")].status"#, description: "d"),
      PrinterColumn(name: "Age", type: .date, jsonPath: ".metadata.creationTimestamp", description: "d"),
      PrinterColumn(name: "Count", type: .integer, jsonPath: ".spec.count", description: "d", priority: 1),
    ])

  @Test func aRowHasTheNameTheColumnsAndTheMetadata() {
    let object: JSONValue = [
      "metadata": ["name": "a", "creationTimestamp": "2026-01-01T00:00:00Z"], "spec": ["count": 5],
      "status": ["conditions": [["type": "X", "status": "False"], ["type": "Ready", "status": "True"]]],
    ]
    let now = Timestamp("2026-01-01T00:05:30Z") ?? Timestamp(seconds: 0)
    let table = ResourceTable(definition).json(of: [object], listMetadata: ["resourceVersion": "7"], now: now)
    #expect(table["kind"] == "Table")
    #expect(table["apiVersion"] == "meta.k8s.io/v1")
    #expect(table["metadata"] == ["resourceVersion": "7"])
    #expect(table["columnDefinitions"]?.array?.compactMap { $0["name"]?.string } == ["Name", "Ready", "Age", "Count"])
    #expect(table["columnDefinitions"]?.array?.compactMap { $0["priority"]?.integer } == [0, 0, 0, 1])
    let row = table["rows"]?.array?.first
    #expect(row?["cells"] == ["a", "True", "5m30s", 5])
    #expect(row?["object"]?["kind"] == "PartialObjectMetadata")
    #expect(row?["object"]?["metadata"] == object["metadata"])
    #expect(ResourceTable(definition).row(of: object, including: .object, now: now)["object"] == object)
    #expect(ResourceTable(definition).row(of: object, including: .none, now: now)["object"] == nil)
  }

  @Test func whatIsMissingIsShownAsMissing() {
    let row = ResourceTable(definition).row(of: ["metadata": ["name": "a"]], now: Timestamp(seconds: 0))
    #expect(row["cells"] == ["a", nil, "<unknown>", nil])
  }

  @Test(arguments: [
    (-5, "<invalid>"), (-1, "0s"), (0, "0s"), (119, "119s"), (120, "2m"), (125, "2m5s"), (599, "9m59s"), (600, "10m"),
    (659, "10m"), (179 * 60, "179m"), (180 * 60, "3h"), (190 * 60, "3h10m"), (8 * 3600, "8h"),
    (47 * 3600 + 3599, "47h"),
    (48 * 3600, "2d"), (50 * 3600, "2d2h"), (8 * 86400, "8d"), (729 * 86400, "729d"), (730 * 86400, "2y"),
    (800 * 86400, "2y70d"), (10 * 365 * 86400, "10y"),
  ]) func agesReadAsKubectlWritesThem(_ seconds: Int, _ text: String) {
    #expect(HumanDuration.text(.seconds(seconds)) == text)
  }

  private static let document: JSONValue = [
    "a": ["b": [["n": 1, "t": "x"], ["n": 2, "t": "y"]], "k.l/m": "dotted"], "f": true,
  ]

  static let paths: [(String, [JSONValue])] = [
    (".f", [true]), ("{.f}", [true]), ("$.f", [true]), (".a.b[0].n", [1]), (".a.b[-1].n", [2]), (".a.b[*].n", [1, 2]),
    (#".a.b[?(@.t=="y")].n"#, [2]), (#".a.b[?(@.t!='y')].n"#, [1]), (".a.b[?(@.n==2)].t", ["y"]),
    (#".a.k\.l/m"#, ["dotted"]),
    (".a['k.l/m']", ["dotted"]), (".a.b[7]", []), (".none.x", []), (".f.x", []), (".a.b.n", []),
  ]

  @Test(arguments: paths.indices) func pathsLeadToTheirValues(_ index: Int) throws {
    let (text, values) = Self.paths[index]
    #expect(try #require(SimpleJSONPath(text)).values(in: Self.document) == values, "\(text)")
  }

  @Test(arguments: ["", "a", "..a", ".a[", ".a[x]", ".a[?(@.b)]", ".a[?(@.b=='c]", ".a b"]) func otherTextIsNoPath(
    _ text: String
  ) {
    #expect(SimpleJSONPath(text) == nil)
  }
}
