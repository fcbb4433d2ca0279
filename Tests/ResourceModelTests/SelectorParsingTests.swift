import ResourceModel
import Testing
import WireFormats

@Suite struct SelectorParsingTests {
  static let labels: [(String, [ObjectSelector.LabelRequirement])] = [
    ("", []), (" ", []),
    ("a=b", [.equals(key: "a", value: "b")]), ("a==b", [.equals(key: "a", value: "b")]),
    ("a = b , c!=d", [.equals(key: "a", value: "b"), .notEquals(key: "c", value: "d")]),
    ("a=", [.equals(key: "a", value: "")]), ("a", [.exists(key: "a")]), ("!a", [.doesNotExist(key: "a")]),
    ("e in (x,y)", [.isIn(key: "e", values: ["x", "y"])]), ("e in(x)", [.isIn(key: "e", values: ["x"])]),
    ("e notin (x, ),f", [.isNotIn(key: "e", values: ["x", ""]), .exists(key: "f")]),
    ("a.b/c=d,in=out", [.equals(key: "a.b/c", value: "d"), .equals(key: "in", value: "out")]),
  ]

  @Test(arguments: labels.indices) func readsTheGrammarOfLabels(_ index: Int) throws {
    let (text, requirements) = Self.labels[index]
    #expect(try ObjectSelector(parsingLabels: text).labels == requirements)
  }

  @Test(arguments: [
    ("a b", "found 'b', expected '=', '==', '!=', 'in' or 'notin'"), (",", "expected the key of a label"),
    ("a=b c", "found 'c', expected ','"), ("a in x", "expected '(' before the values of \"a\""),
    ("a in (x", "expected ',' or ')' after the values of \"a\""), ("a=b,", "expected the key of a label"),
    ("-a=b", "key \"-a\": name part must consist of"), ("a=é", "value \"é\" of \"a\": a valid label must"),
    ("a/b/c", "key \"a/b/c\": a qualified name must have at most one '/'"),
  ]) func whatIsNoLabelSelectorIsExplained(_ text: String, _ message: String) {
    let error = #expect(throws: SelectorError.self) { try ObjectSelector(parsingLabels: text) }
    #expect(
      error?.message.hasPrefix("unable to parse label selector \"\(text)\": \(message)") == true,
      "\(error?.message ?? "")")
  }

  static let fields: [(String, [ObjectSelector.FieldRequirement])] = [
    ("metadata.name=x", [.equals(path: "metadata.name", value: "x")]),
    (
      "metadata.name==x,reason!=y",
      [.equals(path: "metadata.name", value: "x"), .notEquals(path: "reason", value: "y")]
    ),
    ("reason=", [.equals(path: "reason", value: "")]),
    (#"reason=a\,b\=c\\"#, [.equals(path: "reason", value: #"a,b=c\"#)]),
    (",reason=a,", [.equals(path: "reason", value: "a")]),
  ]

  @Test(arguments: fields.indices) func readsTheGrammarOfFields(_ index: Int) throws {
    let (text, requirements) = Self.fields[index]
    #expect(try ObjectSelector(parsingLabels: "", fields: text, selectableFields: ["reason"]).fields == requirements)
  }

  @Test func onlySelectableFieldsMayBeNamed() {
    let error = #expect(throws: SelectorError.self) {
      try ObjectSelector(parsingLabels: "", fields: "spec.version=1", selectableFields: ["reason"])
    }
    #expect(
      error?.message
        == "field label not supported: \"spec.version\"; supported are metadata.name, metadata.namespace, reason")
    #expect(throws: SelectorError.self) { try ObjectSelector(parsingLabels: "", fields: "metadata.name") }
    #expect(throws: SelectorError.self) { try ObjectSelector(parsingLabels: "", fields: #"metadata.name=a\b"#) }
  }

  @Test func hugeSelectorsAreRefused() {
    let many = (0..<101).map { "k\($0)" }.joined(separator: ",")
    #expect(throws: SelectorError.self) { try ObjectSelector(parsingLabels: many) }
    #expect(throws: SelectorError.self) { try ObjectSelector(parsingLabels: String(repeating: "a", count: 20_000)) }
  }

  @Test func selectorsPickTheRightObjects() throws {
    let selector = try ObjectSelector(
      parsingLabels: "env in (prod,stage),!old,tier!=db", fields: "spec.runtime=Helm",
      selectableFields: ["spec.runtime"])
    #expect(selector.matches(["metadata": ["labels": ["env": "prod"]], "spec": ["runtime": "Helm"]]))
    #expect(!selector.matches(["metadata": ["labels": ["env": "prod"]], "spec": ["runtime": "Compose"]]))
    #expect(!selector.matches(["metadata": ["labels": ["env": "dev"]], "spec": ["runtime": "Helm"]]))
    #expect(!selector.matches(["metadata": ["labels": ["env": "prod", "old": ""]], "spec": ["runtime": "Helm"]]))
    #expect(!selector.matches(["metadata": ["labels": ["env": "prod", "tier": "db"]], "spec": ["runtime": "Helm"]]))
  }
}
