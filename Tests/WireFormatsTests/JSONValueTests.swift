import TestSupport
import Testing
import WireFormats

struct JSONParsingTests {
  @Test(
    arguments: [
      ("null", JSONValue.null), (" true ", true), ("false", false), ("0", 0), ("-0", 0), ("42", 42), ("1.5", 1.5),
      ("1e3", .number(1000)), ("1E-2", 0.01), ("-12.25e+1", -122.5), ("1.0", .number(1)),
      ("9223372036854775807", .integer(.max)), ("-9223372036854775808", .integer(.min)),
      ("9223372036854775808", .number(9_223_372_036_854_775_808)), (#""""#, ""), (#""é☃\u0000""#, "é☃\0"),
      (#""\"\\\/\b\f\n\r\t\u00e9""#, "\"\\/\u{8}\u{C}\n\r\té"), (#""\ud83d\ude00""#, "😀"), (#""\uFFFF""#, "\u{FFFF}"),
      ("[]", []), ("{}", [:]), ("[1,[2,[]], {}]", [1, [2, []], [:]]),
      (#"{"a":{"b":[null]},"":1}"#, ["a": ["b": [nil]], "": 1]),
      ("\u{9}\n\r [ 1 , 2 ] \n", [1, 2]),
    ] as [(String, JSONValue)])
  func validTextIsRead(text: String, value: JSONValue) throws { #expect(try JSONValue(parsing: text) == value) }

  @Test(arguments: [
    ("", "end"), (" ", "end"), ("nul", "unexpected"), ("nulll", "after the value"), ("tru3", "unexpected"),
    ("True", "unexpected"), ("NaN", "unexpected"), ("Infinity", "unexpected"), ("-Infinity", "digit"),
    ("+1", "unexpected"),
    ("01", "start with 0"), ("-01", "start with 0"), ("1.", "digit"), (".5", "unexpected"), ("1e", "digit"),
    ("1e+", "digit"), ("-", "digit"), ("0x10", "after the value"), ("1e999", "out of range"),
    ("1 2", "after the value"),
    ("[1,]", "unexpected"), ("[1 2]", "expected ','"), ("[", "end"), ("[1", "expected ','"), ("]", "unexpected"),
    ("[1}", "expected ','"), ("{", "key"), (#"{"a"}"#, "':'"), (#"{"a":}"#, "unexpected"), (#"{"a":1,}"#, "key"),
    ("{a:1}", "key"), (#"{"a":1 "b":2}"#, "expected ','"), (#"{"a":1,"a":2}"#, "stands twice"),
    (#"{"a":1,"\u0061":2}"#, "stands twice"), (#""abc"#, "does not end"), (#""abc\"#, "does not end"),
    (#""\x41""#, "unknown escape"), (#""\u12zz""#, "hexadecimal"), (#""\u12"#, "does not end"),
    (#""\u+123""#, "hexadecimal"),
    (#""\ud83d""#, "surrogate"), (#""\ude00""#, "surrogate"), (#""\ud83dx""#, "surrogate"),
    (#""\ud83d\n""#, "surrogate"),
    (#""\ud83d\ud83d""#, "surrogate"), ("\"a\nb\"", "control character"), ("\"a\u{0}b\"", "control character"),
    ("'a'", "unexpected"), ("// comment\n1", "unexpected"), ("\u{FEFF}1", "unexpected"),
  ])
  func anythingElseIsRefusedWithItsReason(text: String, reason: String) {
    let error = #expect(throws: JSONParseError.self) { try JSONValue(parsing: text) }
    #expect(error?.message.contains(reason) == true, "\(String(describing: error))")
  }

  @Test(arguments: [
    [0x22, 0xFF, 0x22], [0x22, 0xC0, 0xAF, 0x22], [0x22, 0xED, 0xA0, 0x80, 0x22], [0x22, 0xE2, 0x82, 0x22],
  ])
  func invalidUTF8IsRefused(bytes: [UInt8]) {
    let error = #expect(throws: JSONParseError.self) { try JSONValue(parsing: bytes) }
    #expect(error?.message.contains("UTF-8") == true)
  }

  @Test func errorNamesThePlace() {
    let error = #expect(throws: JSONParseError.self) { try JSONValue(parsing: #"{"a": 1, "a": 2}"#) }
    #expect(error?.description == #"the key "a" stands twice at byte 9"#)
  }

  @Test func depthIsBounded() throws {
    let nested = { (depth: Int) in String(repeating: "[", count: depth) + String(repeating: "]", count: depth) }
    _ = try JSONValue(parsing: nested(128))
    for text in [nested(129), String(repeating: "[", count: 1_000_000), String(repeating: #"{"a":"#, count: 1_000_000)]
    {
      let error = #expect(throws: JSONParseError.self) { try JSONValue(parsing: text) }
      #expect(error?.message.contains("128 levels") == true)
    }
  }

  @Test func longNumbersAreShortInErrors() {
    let error = #expect(throws: JSONParseError.self) {
      try JSONValue(parsing: String(repeating: "9", count: 100_000))
    }
    #expect(error?.message.utf8.count ?? .max < 200)
  }

  @Test func keysThatOnlyLookAlikeAreTwoKeys() throws {
    let value = try JSONValue(parsing: #"{"caf\u00e9":1}"#)
    #expect(value.object?.count == 1)
    #expect(value["café"] == 1)
  }
}

struct JSONSerializingTests {
  @Test func keysAreSortedByTheirBytes() {
    let value: JSONValue = ["b": 1, "a": 2, "B": 3, "é": 4, "aa": 5, "": 6]
    #expect(value.text == #"{"":6,"B":3,"a":2,"aa":5,"b":1,"é":4}"#)
  }

  @Test func indentedFormPutsEachMemberOnItsLine() {
    let value: JSONValue = ["a": [1, ["b": nil]], "c": [], "d": [:]]
    let text = String(decoding: value.serialized(indented: true), as: UTF8.self)
    #expect(
      text == """
        {
          "a": [
            1,
            {
              "b": null
            }
          ],
          "c": [],
          "d": {}
        }
        """)
  }

  @Test func controlCharactersAreEscaped() {
    #expect(JSONValue.string("\u{0}\u{1F}\n\r\t\"\\/é").text == #""\u0000\u001f\n\r\t\"\\/é""#)
  }

  @Test(arguments: [(1.0, "1.0"), (-0.5, "-0.5"), (1e300, "1e+300"), (.infinity, "null"), (.nan, "null")])
  func fractionsAreWrittenSoThatTheyStayFractions(number: Double, text: String) {
    #expect(JSONValue.number(number).text == text)
  }

  @Test(arguments: 1...4)
  func whatIsWrittenIsReadBackAsItWas(seed: Int) throws {
    var random = SeededGenerator(seed: UInt64(seed))
    for round in 0..<500 {
      let value = Self.randomValue(depth: 4, &random)
      for indented in [false, true] {
        let read = try JSONValue(parsing: value.serialized(indented: indented))
        #expect(read == value, "seed \(seed), round \(round)")
      }
    }
  }

  @Test func randomBytesNeverCrashTheParser() {
    var random = SeededGenerator(seed: 7)
    let alphabet = Array(#"{}[]",:\u0d8e1-+.tfn \#n"#.utf8) + [0, 0x80, 0xC3, 0xFF]
    for _ in 0..<20_000 {
      let bytes = (0..<Int.random(in: 0...20, using: &random)).map { _ in
        alphabet[Int.random(in: 0..<alphabet.count, using: &random)]
      }
      if let value = try? JSONValue(parsing: bytes) { #expect((try? JSONValue(parsing: value.serialized())) == value) }
    }
  }

  private static func randomValue(depth: Int, _ random: inout SeededGenerator) -> JSONValue {
    switch Int.random(in: 0..<(depth > 0 ? 8 : 6), using: &random) {
    case 0: return .null
    case 1: return .bool(Bool.random(using: &random))
    case 2: return .integer(Int64.random(in: .min ... .max, using: &random))
    case 3: return .integer(Int64.random(in: -10...10, using: &random))
    case 4:
      let number = Double(bitPattern: random.next())
      return .number(number.isFinite ? number : 0.5)
    case 5: return .string(randomText(&random))
    case 6:
      return .array((0..<Int.random(in: 0...4, using: &random)).map { _ in randomValue(depth: depth - 1, &random) })
    default:
      var members: [String: JSONValue] = [:]
      for _ in 0..<Int.random(in: 0...4, using: &random) {
        members[randomText(&random)] = randomValue(depth: depth - 1, &random)
      }
      return .object(members)
    }
  }

  private static func randomText(_ random: inout SeededGenerator) -> String {
    var text = ""
    for _ in 0..<Int.random(in: 0...12, using: &random) {
      let limit: UInt32 = [0x30, 0x80, 0x800, 0x11_0000][Int.random(in: 0..<4, using: &random)]
      if let scalar = Unicode.Scalar(UInt32.random(in: 0..<limit, using: &random)) {
        text.unicodeScalars.append(scalar)
      }
    }
    return text
  }
}

struct JSONCodingTests {
  private struct Plan: Codable, Equatable {
    struct Step: Codable, Equatable {
      var name: String
      var attempts: Int?
      var weight: Double = 1.5
    }
    var steps: [Step]
    var labels: [String: String]
    var at: Timestamp?
    var timeout: DurationText
    var raw: JSONValue
  }

  @Test func valuesSurviveTheWayThroughJSON() throws {
    let plan = Plan(
      steps: [Plan.Step(name: "pull", attempts: 3), Plan.Step(name: "up", attempts: nil)], labels: ["a/b": "c"],
      at: Timestamp("2026-12-15T02:00:00Z"), timeout: DurationText(.seconds(600)),
      raw: ["big": .integer(.max), "half": 0.5, "list": [nil, true]])
    let value = try JSONValue(encoding: plan)
    #expect(value["timeout"] == "10m")
    #expect(value["at"] == "2026-12-15T02:00:00Z")
    #expect(value["steps"]?.array?.last == ["name": "up", "weight": 1.5])
    #expect(try value.decoded(as: Plan.self) == plan)
  }

  @Test func errorNamesTheFieldAtFault() {
    let value: JSONValue = [
      "steps": [["name": "a", "weight": 1], ["name": 7]], "labels": [:], "timeout": "1m", "raw": nil,
    ]
    let error = #expect(throws: DecodingError.self) { try value.decoded(as: Plan.self) }
    guard case .typeMismatch(_, let context) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(context.codingPath.map(\.stringValue).prefix(1) == ["steps"])
    #expect(context.codingPath.last?.stringValue == "name")
  }
}
