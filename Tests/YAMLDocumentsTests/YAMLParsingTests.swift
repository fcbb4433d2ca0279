import Testing
import WireFormats
import YAMLDocuments

@Suite struct YAMLParsingTests {
  private func parse(_ text: String) throws -> [JSONValue] { try YAMLStream.parse(text, file: "f.yaml").map(\.value) }

  static let scalars: [(String, JSONValue)] = [
    ("text", "text"), ("'5'", "5"), ("\"a\\tb\\u00e9\"", "a\tb\u{E9}"), ("true", true), ("True", true), ("yes", true),
    ("on", true), ("off", false), ("N", false), ("truE", "truE"), ("5", 5), ("-7", -7), ("+7", 7), ("0x1F", 31),
    ("0o17", 15), ("017", 15), ("0b101", 5), ("1_000", 1000), ("089", 89.0), ("1.5", 1.5), ("-.5", -0.5),
    ("1e3", 1000.0),
    ("6.", 6.0), ("1.2.3", "1.2.3"), ("2.3.0", "2.3.0"), ("0x", "0x"), ("1e", "1e"), ("0x-1", "0x-1"),
    ("2026-12-15T02:00:00Z", "2026-12-15T02:00:00Z"), ("2026-12-15", "2026-12-15"), ("10:30", "10:30"),
    ("!!str 5", "5"), ("!!int \"5\"", 5), ("!!float 5", 5.0), ("! 5", "5"), ("'~'", "~"), ("sha-abc", "sha-abc"),
    ("9223372036854775807", .integer(.max)), ("9223372036854775808", 9_223_372_036_854_775_808.0),
  ]

  @Test(arguments: scalars.indices) func readsScalarsAsKubernetesDoes(_ index: Int) throws {
    let (text, value) = Self.scalars[index]
    #expect(try parse("- \(text)") == [.array([value])], "\(text)")
    #expect(try parse("{k: \(text)}") == [.object(["k": value])], "\(text)")
  }

  @Test func nullHasFourSpellings() throws {
    #expect(try parse("[~, null, Null, NULL, '']") == [[nil, nil, nil, nil, ""]])
    #expect(try parse("a:\nb: 1") == [["a": nil, "b": 1]])
  }

  @Test func blocksKeepOrFoldTheirLines() throws {
    #expect(try parse("a: |\n  x\n   y\nb: |-\n  z\nc: >\n  p\n  q\n") == [["a": "x\n y\n", "b": "z", "c": "p q\n"]])
  }

  @Test func severalDocumentsAreReadAndEmptyOnesSkipped() throws {
    #expect(try parse("---\n# nothing\n---\na: 1\n---\n---\nb: 2\n...\n") == [["a": 1], ["b": 2]])
    #expect(try parse("") == [])
    #expect(try parse("# only a comment\n") == [])
    #expect(try parse("\u{FEFF}a: 1") == [["a": 1]])
  }

  @Test func jsonIsYAML() throws {
    #expect(try parse("{\"a\": [1, {\"b\": null}], \"c\": \"\\u00e9\"}\n") == [["a": [1, ["b": nil]], "c": "é"]])
  }

  @Test func anchorsAliasesAndMergeKeysAreResolved() throws {
    let text = """
      base: &base {p: 1, q: 2}
      copy: *base
      merged: {<<: *base, q: 3}
      several:
        <<: [{a: 1}, {a: 2, b: 2}]
      """
    #expect(
      try parse(text) == [
        [
          "base": ["p": 1, "q": 2], "copy": ["p": 1, "q": 2], "merged": ["p": 1, "q": 3], "several": ["a": 1, "b": 2],
        ]
      ])
  }

  static let errors: [(String, String)] = [
    ("a: 1\nb: 2\na: 3\n", #"f.yaml:3:1: the key "a" stands twice: first on line 1, column 1"#),
    ("spec:\n\tversion: 1\n", "f.yaml:2:1: found character that cannot start any token"),
    ("a: b: c\n", "f.yaml:1:5: mapping values are not allowed in this context"),
    ("a: [1, 2\nb: 3\n", "f.yaml:2:"),
    ("1: x\n", #"f.yaml:1:1: a key must be a string; write "1" in quotation marks"#),
    ("on: x\n", #"f.yaml:1:1: a key must be a string; write "on" in quotation marks"#),
    ("? [a]\n: x\n", "f.yaml:1:3: a key must be a string, not a list or a mapping"),
    ("a: !ruby/object:Foo {}\n", "f.yaml:1:4: the tag !ruby/object:Foo is not supported here"),
    ("a: !!binary aGk=\n", "f.yaml:1:4: the tag tag:yaml.org,2002:binary is not supported"),
    ("a: !!int x\n", #"f.yaml:1:4: "x" does not fit its tag"#),
    ("a: *b\n", "f.yaml:1:4: there is no anchor &b before the alias *b"),
    ("a: &a [*a]\n", "f.yaml:1:8: the alias *a lies within what it stands for"),
    ("a: .inf\n", "f.yaml:1:4: .inf cannot be said in JSON; numbers must be finite"),
    ("a: 1e999\n", "f.yaml:1:4: the number 1e999 is out of range"),
    ("<<: 5\n", "f.yaml:1:1: '<<' needs a mapping, or a list of mappings, to merge"),
    ("a: \"x\n", "f.yaml:2:1: found unexpected end of stream"),
    (String(repeating: "[", count: 101), "f.yaml:1:101: nested more than 100 levels deep"),
    (String(repeating: "- ", count: 100_000), "f.yaml:1:201: nested more than 100 levels deep"),
    ("a: \u{1}\n", "f.yaml:1:4: this is no text in UTF-8: control characters are not allowed"),
  ]

  @Test(arguments: errors.indices) func errorsNameFileLineAndColumn(_ index: Int) {
    let (text, message) = Self.errors[index]
    let error = #expect(throws: YAMLError.self) { try YAMLStream.parse(text, file: "f.yaml") }
    #expect(error?.description.hasPrefix(message) == true, "\(error?.description ?? "none")")
  }

  @Test func tabsAreExplained() {
    let error = #expect(throws: YAMLError.self) { try YAMLStream.parse("a:\n\tb: 1\n", file: "f.yaml") }
    #expect(error?.message.hasSuffix("; a tab may not indent, use spaces") == true)
  }

  @Test func bytesThatAreNoUTF8AreRefused() {
    let error = #expect(throws: YAMLError.self) {
      try YAMLStream.parse(Array("a: 1\nb: ".utf8) + [0xFF, 0xFE], file: "f.yaml")
    }
    #expect(error?.description.hasPrefix("f.yaml:2:4: this is no text in UTF-8") == true)
  }

  @Test func anAliasBombIsRefused() {
    var text = "a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n"
    for level in 1...9 {
      text += "a\(level): &a\(level) [" + Array(repeating: "*a\(level - 1)", count: 9).joined(separator: ", ") + "]\n"
    }
    let error = #expect(throws: YAMLError.self) { try YAMLStream.parse(text, file: "f.yaml") }
    #expect(error?.message == "the aliases of this document stand for more than 4 MiB (is it an alias bomb?)")
  }

  @Test func aMergeBombIsRefused() {
    var text = "a0: &a0 {\(( 0..<500 ).map { "key\($0): \($0)" }.joined(separator: ", "))}\n"
    text += (0..<2000).map { "m\($0): {<<: *a0}\n" }.joined()
    let error = #expect(throws: YAMLError.self) { try YAMLStream.parse(text, file: "f.yaml") }
    #expect(error?.message.contains("alias bomb") == true)
  }

  @Test func moreThanFourMebibytesAreRefused() {
    let bytes = Array(repeating: UInt8(ascii: "#"), count: YAMLStream.maximumByteCount + 1)
    let error = #expect(throws: YAMLError.self) { try YAMLStream.parse(bytes, file: "f.yaml") }
    #expect(error?.description == "f.yaml:1:1: the file has more than 4 MiB")
  }

  @Test func fieldsAreFoundInTheFile() throws {
    let text = """
      # a comment
      apiVersion: v1
      metadata:
        annotations:
          a.b/c: x
      spec:
        imageTags: {backend: v1, media: v2}
        envs:
        - key: A
          value: one
        - key: B
      """
    let document = try #require(try YAMLStream.parse(text, file: "f.yaml").first)
    let places: [(String, String)] = [
      ("apiVersion", "f.yaml:2:1"), ("metadata.annotations[a.b/c]", "f.yaml:5:5"), ("spec", "f.yaml:6:1"),
      ("spec.imageTags[media]", "f.yaml:7:28"), ("spec.imageTags.media", "f.yaml:7:28"),
      ("spec.envs[1]", "f.yaml:11:5"), ("spec.envs[0].value", "f.yaml:10:5"), ("spec.envs[7].value", "f.yaml:8:3"),
      ("spec.artifact.sha256", "f.yaml:6:1"), ("", "f.yaml:2:1"), ("nothing", "f.yaml:2:1"),
    ]
    for (path, place) in places { #expect(document.location(ofField: path).description == place, "\(path)") }
  }
}
