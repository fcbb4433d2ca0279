import ResourceModel
import Testing
import WireFormats

@Suite struct SchemaTests {
  private let schema = Schema.object(
    properties: [
      "name": .string(
        Schema.StringRules(pattern: "^[a-z]+$", minimumLength: 1, maximumLength: 5), Schema.Documentation("A name.")),
      "count": .integer(range: 1...9, Schema.Documentation(default: 3)),
      "ratio": .number(),
      "flag": .boolean(Schema.Documentation(isNullable: true)),
      "list": .array(
        of: .object(properties: ["on": .boolean(Schema.Documentation(default: true)), "x": .string()]), maximumCount: 2),
      "map": .map(of: .integer(), maximumCount: 2),
      "inner": .object(
        properties: ["deep": .string(Schema.Documentation(default: "d"))], Schema.Documentation(default: [:])),
      "free": .any(),
    ], required: ["name"])

  @Test func defaultsAreFilledInWhereTheParentIsThere() {
    #expect(schema.applyDefaults(to: [:]) == ["count": 3, "inner": ["deep": "d"]])
    #expect(
      schema.applyDefaults(to: ["list": [[:], ["on": false]], "inner": ["deep": "x"], "count": 5, "unknown": 1])
        == ["list": [["on": true], ["on": false]], "inner": ["deep": "x"], "count": 5, "unknown": 1])
  }

  @Test func nullCountsAsAbsentUnlessItIsAllowed() {
    #expect(
      schema.applyDefaults(to: ["count": nil, "name": nil, "flag": nil])
        == ["count": 3, "flag": nil, "inner": ["deep": "d"]])
    #expect(schema.validate(["name": "a", "flag": nil]) == [])
    #expect(
      schema.validate(["name": nil]).map(\.description) == ["name: Invalid value: must be a string, not null"])
  }

  static let failures: [(JSONValue, [String])] = [
    (["name": "abc"], []),
    ([:], ["name: Required value"]),
    (["name": ""], ["name: Required value: must not be empty"]),
    (["name": "abcdef"], ["name: Too long: may not be more than 5 characters"]),
    (["name": "ABC"], [#"name: Invalid value: "ABC": must match '^[a-z]+$'"#]),
    (["name": "a", "count": 10], [#"count: Invalid value: "10": must be between 1 and 9"#]),
    (["name": "a", "count": 1.5], ["count: Invalid value: must be an integer, not a number"]),
    (["name": "a", "ratio": 1, "free": ["x": [1]]], []),
    (["name": "a", "list": [[:], [:], [:]]], ["list: Too many: 3: must have at most 2 items"]),
    (
      ["name": "a", "list": [["x": 1], 5]],
      [
        "list[0].x: Invalid value: must be a string, not an integer",
        "list[1]: Invalid value: must be an object, not an integer",
      ]
    ),
    (["name": "a", "map": ["k": "v"]], ["map[k]: Invalid value: must be an integer, not a string"]),
    (["a"], [": Invalid value: must be an object, not an array"]),
  ]

  @Test(arguments: failures.indices) func everyWrongFieldIsNamed(_ index: Int) {
    #expect(schema.validate(Self.failures[index].0).map(\.description) == Self.failures[index].1)
  }

  @Test func errorsAreBounded() {
    let list = Schema.array(of: .string())
    #expect(list.validate(.array(Array(repeating: 1, count: 10_000))).count == Schema.maximumErrorCount)
    let many = JSONValue.object(Dictionary(uniqueKeysWithValues: (0..<1000).map { ("k\($0)", 1) }))
    #expect(schema.unknownFields(in: many).count == Schema.maximumErrorCount)
  }

  @Test func unknownFieldsAreFoundAndDropped() {
    let value: JSONValue = [
      "name": "a", "cuont": 1, "list": [["on": true, "y": 1]], "map": ["any": 1], "free": ["z": 1],
    ]
    #expect(
      schema.unknownFields(in: value, at: "spec").map(\.message) == [
        #"unknown field "spec.cuont"; did you mean "count"?"#, #"unknown field "spec.list[0].y"; did you mean "x"?"#,
      ])
    #expect(
      schema.pruned(value) == ["name": "a", "list": [["on": true]], "map": ["any": 1], "free": ["z": 1]])
  }

  @Test func openAPISaysAllOfIt() {
    #expect(
      schema.openAPI == [
        "type": "object", "required": ["name"],
        "properties": [
          "name": ["type": "string", "description": "A name.", "pattern": "^[a-z]+$", "minLength": 1, "maxLength": 5],
          "count": ["type": "integer", "format": "int64", "minimum": 1, "maximum": 9, "default": 3],
          "ratio": ["type": "number", "format": "double"], "flag": ["type": "boolean", "nullable": true],
          "list": [
            "type": "array", "maxItems": 2,
            "items": [
              "type": "object", "properties": ["on": ["type": "boolean", "default": true], "x": ["type": "string"]],
            ],
          ],
          "map": [
            "type": "object", "maxProperties": 2, "additionalProperties": ["type": "integer", "format": "int64"],
          ],
          "inner": ["type": "object", "default": [:], "properties": ["deep": ["type": "string", "default": "d"]]],
          "free": ["type": "object", "x-kubernetes-preserve-unknown-fields": true],
        ],
      ])
  }

  @Test func entriesOfAListAreToldApartByTheirKey() {
    let list = Schema.array(
      of: .object(properties: ["type": .string()], required: ["type"]), Schema.Documentation(listKey: "type"))
    #expect(list.validate([["type": "a"], ["type": "b"]], at: "c") == [])
    #expect(
      list.validate([["type": "a"], ["type": "b"], ["type": "a"]], at: "c").map(\.description) == [
        #"c[2].type: Duplicate value: "a""#
      ])
    #expect(list.openAPI["x-kubernetes-list-type"] == "map")
    #expect(list.openAPI["x-kubernetes-list-map-keys"] == ["type"])
  }
}
