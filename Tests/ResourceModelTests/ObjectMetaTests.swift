import ResourceModel
import Testing
import WireFormats

@Suite struct ObjectMetaTests {
  static let examples: [(JSONValue, [String])] = [
    (["name": "a"], []), (["name": "a.b-c.9", "namespace": "x-1", "labels": ["a.b/c_D": "X.y", "e": ""]], []),
    (["name": "a", "annotations": ["Any.Thing/Key": "any value\n"], "finalizers": ["a/b"]], []),
    (["name": "a", "creationTimestamp": nil, "managedFields": [["manager": "kubectl"]]], []),
    (nil, ["metadata: Required value"]),
    ([:], ["metadata.name: Required value: name or generateName is required"]),
    (["name": ""], ["metadata.name: Required value"]),
    (["name": "A"], [#"metadata.name: Invalid value: "A": a lowercase RFC 1123 subdomain must consist of"#]),
    (["name": "a..b"], ["metadata.name: Invalid value"]), (["name": "-a"], ["metadata.name: Invalid value"]),
    (["name": "a/../b"], ["metadata.name: Invalid value"]), (["name": "é"], ["metadata.name: Invalid value"]),
    (["name": .string(String(repeating: "a", count: 254))], ["metadata.name: Invalid value"]),
    (["name": 5], ["metadata.name: Invalid value: must be a string, not an integer"]),
    (
      ["name": "a", "namespace": "a.b"], [#"metadata.namespace: Invalid value: "a.b": a lowercase RFC 1123 label must"#]
    ),
    (["name": "a", "labels": ["": "x"]], [#"metadata.labels: Invalid value: "": must not be empty"#]),
    (["name": "a", "labels": ["a/b/c": "x"]], [#"metadata.labels: Invalid value: "a/b/c": a qualified name"#]),
    (["name": "a", "labels": ["A.b/c": "x"]], [#"metadata.labels: Invalid value: "A.b/c": prefix part a lowercase"#]),
    (["name": "a", "labels": ["a": "x y"]], [#"metadata.labels[a]: Invalid value: "x y": a valid label must be"#]),
    (
      ["name": "a", "labels": ["a": .string(String(repeating: "x", count: 64))]], ["metadata.labels[a]: Invalid value"]
    ),
    (["name": "a", "labels": ["a": true]], ["metadata.labels[a]: Invalid value: must be a string, not a boolean"]),
    (["name": "a", "annotations": ["a b": ""]], [#"metadata.annotations: Invalid value: "a b""#]),
    (
      ["name": "a", "annotations": ["a": .string(String(repeating: "x", count: 262_144))]],
      ["metadata.annotations: Too long"]
    ),
    (["name": "a", "finalizers": ["a/b", "a/b"]], [#"metadata.finalizers[1]: Duplicate value: "a/b""#]),
    (["name": "a", "finalizers": ["a b"]], ["metadata.finalizers[0]: Invalid value"]),
  ]

  @Test(arguments: examples.indices) func checksMetadataAsKubernetesDoes(_ index: Int) {
    let (metadata, expected) = Self.examples[index]
    let errors = ObjectMeta.validate(metadata)
    #expect(errors.count == expected.count, "\(errors)")
    for (error, start) in zip(errors, expected) { #expect(error.description.hasPrefix(start), "\(error)") }
  }

  @Test func generatedNamesAreValidAndDiffer() {
    var generator = SystemRandomNumberGenerator()
    let names = (0..<100).map { _ in ObjectMeta.generatedName(prefix: "wrktalk-", using: &generator) }
    #expect(Set(names).count > 95)
    #expect(names.allSatisfy { $0.hasPrefix("wrktalk-") && $0.count == 13 && NameRules.subdomainProblems($0).isEmpty })
    #expect(ObjectMeta.generatedName(prefix: String(repeating: "a", count: 300), using: &generator).count == 63)
  }
}
