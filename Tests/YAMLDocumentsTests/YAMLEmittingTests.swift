import Testing
import WireFormats
import YAMLDocuments

@Suite struct YAMLEmittingTests {
  @Test func writesInTheStyleOfKubectl() {
    let value: JSONValue = [
      "kind": "X", "apiVersion": "deploy.wrktalk.com/v1",
      "spec": [
        "list": [["b": 1, "a": [[1, 2], []]], "x", [:]], "text": "one\ntwo\n", "bare": "one\ntwo", "kept": "one\n\n",
        "yes": "no", "number": "5", "empty": "", "star": "*x", "quote": "it's: fine", "time": "2026-12-15T02:00:00Z",
        "nothing": nil, "on": true, "float": 1.5, "control": "a\u{7}b", "hash": "a #b", "url": "http://x:5/y#z",
      ],
    ]
    #expect(
      YAMLStream.emit(value) == """
        apiVersion: deploy.wrktalk.com/v1
        kind: X
        spec:
          bare: |-
            one
            two
          control: "a\\u0007b"
          empty: ""
          float: 1.5
          hash: 'a #b'
          kept: |+
            one

          list:
          - a:
            - - 1
              - 2
            - []
            b: 1
          - x
          - {}
          nothing: null
          number: "5"
          "on": true
          quote: 'it''s: fine'
          star: '*x'
          text: |
            one
            two
          time: 2026-12-15T02:00:00Z
          url: http://x:5/y#z
          "yes": "no"

        """)
  }

  @Test func documentsAreSeparated() {
    #expect(YAMLStream.emit([["a": 1], ["b": 2]]) == "a: 1\n---\nb: 2\n")
  }

  static let strings = [
    "", " ", "a ", " a", "-", "- a", "-a", "?", "? a", ":", ":a", "a:", "a: b", "a:b", "#", "a#", "a #", "---", "--- a",
    "...",
    "~", "null", "yes", "0x1F", "1_0", "1.", ".5", "-.inf", ".nan", "<<", "=", "!x", "&x", "*x", "%x", "@x", "`x", "'",
    "\"",
    "\\", "|", ">", "{", "}", "[", "]", ",", "a, b", "a\nb", "\n", "\n\n", "a\n", "a\n\n\n", " a\nb", "\ta\nb", "a\n b",
    "a\tb",
    "a\r\nb", "a\n\n  b\n", "a \nb", "# a\nb", "\u{0}", "\u{85}", "\u{2028}x", "\u{FEFF}x", "\u{FFFE}", "é😀", "😀\n😀",
    "---\n---", "a: b\nc", "\u{7F}", "x\n\u{1}", String(repeating: "long ", count: 500),
  ]

  @Test(arguments: strings) func everyStringReadsBackAsItself(_ string: String) throws {
    let values: [JSONValue] = [
      .string(string), [.string(string)], ["k": .string(string)], .object([string: .string(string)]),
      ["k": [.object([string: .string(string), "z": 1])]], [[.string(string), [.string(string)]], 1],
    ]
    for value in values {
      let text = YAMLStream.emit(value)
      let read = try YAMLStream.parse(text, file: "emitted")
      #expect(read.first?.value == value, "\(text)")
    }
  }

  @Test func randomValuesReadBackAsThemselves() throws {
    var generator = SeededGenerator(state: 7)
    for _ in 0..<2000 {
      let value = JSONValue.object(["root": randomValue(depth: 4, &generator)])
      let text = YAMLStream.emit(value)
      #expect(try YAMLStream.parse(text, file: "emitted").map(\.value) == [value], "\(text)")
    }
  }

  @Test func keysThatAreTooLongForOneLineReadBack() throws {
    let key = String(repeating: "k", count: 3000)
    for inner: JSONValue in ["x", ["a": 1], [1, 2], [:], "a\nb"] {
      let value: JSONValue = ["outer": .object([key: inner, "z": 1])]
      #expect(try YAMLStream.parse(YAMLStream.emit(value), file: "emitted").map(\.value) == [value])
    }
  }

  private func randomValue(depth: Int, _ generator: inout SeededGenerator) -> JSONValue {
    switch Int.random(in: 0..<(depth > 0 ? 8 : 6), using: &generator) {
    case 0: return .null
    case 1: return .bool(.random(using: &generator))
    case 2: return .integer(Int64.random(in: .min ... .max, using: &generator))
    case 3: return .number(Double.random(in: -1e20...1e20, using: &generator))
    case 4, 5: return .string(randomString(&generator))
    case 6:
      return .array(
        (0..<Int.random(in: 0...4, using: &generator)).map { _ in randomValue(depth: depth - 1, &generator) })
    default:
      var members: [String: JSONValue] = [:]
      for _ in 0..<Int.random(in: 0...4, using: &generator) {
        members[randomString(&generator)] = randomValue(depth: depth - 1, &generator)
      }
      return .object(members)
    }
  }

  private func randomString(_ generator: inout SeededGenerator) -> String {
    let alphabet = Array("ab1 :-#'\"\n\t\\|>{}[],&*!%@`?~.=<é\u{85}\u{0}0xoy_")
    return String(
      (0..<Int.random(in: 0...8, using: &generator)).map { _ in alphabet.randomElement(using: &generator) ?? "a" })
  }
}
