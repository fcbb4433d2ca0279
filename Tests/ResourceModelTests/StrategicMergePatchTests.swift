import ResourceModel
import Testing
import WireFormats

@Suite struct StrategicMergePatchTests {
  private static let object: JSONValue = [
    "metadata": [
      "labels": ["a": "1", "b": "2"], "finalizers": ["example.com/a", "example.com/b"],
      "ownerReferences": [["uid": "1", "name": "one"], ["uid": "2", "name": "two"]],
    ],
    "spec": [
      "holderIdentity": "me", "list": [1, 2],
      "ports": [["port": 80, "name": "http"], ["port": 443, "name": "https"], ["port": 22]],
    ],
  ]

  private static let schema = Schema.object(properties: [
    "metadata": ObjectMeta.schema,
    "spec": .object(properties: [
      "holderIdentity": .string(), "list": .array(of: .integer()),
      "ports": .array(
        of: .object(properties: ["port": .integer(), "name": .string()]), Schema.Documentation(listKey: "port")),
    ]),
  ])

  @Test(
    arguments: [
      // Objects are merged, null removes, lists are replaced.
      (["metadata": ["labels": ["a": .null, "c": "3"]]], ["metadata", "labels"], ["b": "2", "c": "3"]),
      (["spec": ["list": [3]]], ["spec", "list"], [3]),
      // Two lists of the metadata are merged by what tells their elements apart.
      (
        ["metadata": ["finalizers": ["example.com/b", "example.com/c"]]], ["metadata", "finalizers"],
        ["example.com/a", "example.com/b", "example.com/c"]
      ),
      (
        [
          "metadata": [
            "$deleteFromPrimitiveList/finalizers": ["example.com/a"],
            "$setElementOrder/finalizers": ["example.com/b"],
          ]
        ], ["metadata", "finalizers"], ["example.com/b"]
      ),
      (["metadata": ["finalizers": .null]], ["metadata", "finalizers"], nil),
      (
        ["metadata": ["ownerReferences": [["uid": "2", "name": "zwei"], ["uid": "3"]]]],
        ["metadata", "ownerReferences"],
        [["uid": "1", "name": "one"], ["uid": "2", "name": "zwei"], ["uid": "3"]]
      ),
      (
        ["metadata": ["ownerReferences": [["uid": "1", "$patch": "delete"]]]], ["metadata", "ownerReferences"],
        [["uid": "2", "name": "two"]]
      ),
      (
        ["metadata": ["ownerReferences": [["$patch": "replace"], ["uid": "4"]]]], ["metadata", "ownerReferences"],
        [["uid": "4"]]
      ),
      // And those that the kind's schema gives keys.
      (
        ["spec": ["ports": [["port": 443, "name": "tls"], ["port": 8080], ["port": 80, "$patch": "delete"]]]],
        ["spec", "ports"], [["port": 443, "name": "tls"], ["port": 22], ["port": 8080]]
      ),
      (
        [
          "spec": [
            "$setElementOrder/ports": [["port": 8080], ["port": 443], ["port": 80]], "ports": [["port": 8080]],
          ]
        ], ["spec", "ports"],
        [["port": 22], ["port": 8080], ["port": 443, "name": "https"], ["port": 80, "name": "http"]]
      ),
      (
        ["spec": ["ports": [["port": 80, "name": .null]]]], ["spec", "ports"],
        [["port": 80], ["port": 443, "name": "https"], ["port": 22]]
      ),
      // Directives for a whole object.
      (["spec": ["$patch": "replace", "holderIdentity": "you"]], ["spec"], ["holderIdentity": "you"]),
      (["spec": ["$patch": "delete"]], ["spec"], [:]),
      (["spec": ["$patch": "merge", "holderIdentity": "you"]], ["spec", "holderIdentity"], "you"),
    ] as [(JSONValue, [String], JSONValue?)])
  func patchesAreMerged(patch: JSONValue, path: [String], expected: JSONValue?) throws {
    let result = try StrategicMergePatch(patch, schema: Self.schema).applied(to: Self.object)
    #expect(path.reduce(result) { $0?[$1] } == expected)
  }

  @Test(
    arguments: [
      [1], ["spec": ["$retainKeys": ["a"]]], ["spec": ["$patch": "explode"]], ["spec": ["$patch": 1]],
      ["spec": ["$deleteFromPrimitiveList/list": [1]]],
      ["metadata": ["$deleteFromPrimitiveList/finalizers": "example.com/a"]],
      ["spec": ["list": [["$unknown": true]]]], ["spec": ["ports": [["name": "http"]]]],
      ["spec": ["$setElementOrder/ports": 1]], ["spec": ["$deleteFromPrimitiveList/ports": [80]]],
    ] as [JSONValue])
  func whatIsNotUnderstoodIsRefused(patch: JSONValue) {
    #expect(throws: StrategicMergePatch.Failure.self) { try StrategicMergePatch(patch, schema: Self.schema) }
  }
}
