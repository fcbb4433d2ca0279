import Testing
import WireFormats

@Suite struct JSONBoundsTests {
  private static func nested(_ depth: Int) -> String {
    String(repeating: #"{"a":["#, count: depth / 2) + String(repeating: "]}", count: depth / 2)
  }

  @Test(
    arguments: [
      ("1", 0, 1), ("[]", 1, 1), (#"{"a":{}}"#, 2, 2), (#"[1,[2,{"a":3}],4]"#, 3, 7), (#""text""#, 0, 1),
    ] as [(String, Int, Int)])
  func aValueFitsItsOwnExtentAndNoSmallerOne(text: String, depth: Int, nodes: Int) throws {
    let value = try JSONValue(parsing: text)
    #expect(try value.nodeCount(within: JSONBounds(maximumDepth: depth, maximumNodeCount: nodes)) == nodes)
    #expect(throws: JSONExcess.self) {
      try value.nodeCount(within: JSONBounds(maximumDepth: depth, maximumNodeCount: nodes - 1))
    }
    if depth > 0 {
      #expect(throws: JSONExcess.self) {
        try value.nodeCount(within: JSONBounds(maximumDepth: depth - 1, maximumNodeCount: nodes))
      }
    }
  }

  @Test func theExcessNamesThePlace() throws {
    let value = try JSONValue(parsing: #"{"spec":{"list":[0,{"deep":{}}]}}"#)
    let error = #expect(throws: JSONExcess.self) {
      try value.nodeCount(within: JSONBounds(maximumDepth: 4, maximumNodeCount: 100))
    }
    #expect(error?.path == [.key("spec"), .key("list"), .index(1), .key("deep")])
    #expect(error?.bound == .depth(maximum: 4))
  }

  @Test(arguments: [256, 258, 1000, 2_000_000]) func whateverIsStoredCanBeRead(depth: Int) throws {
    let value = try JSONValue(parsingStored: Array(#"{"deep":\#(Self.nested(depth - 2)),"after":"]}"}"#.utf8))
    #expect(value["after"] == "]}")
    try value.nodeCount(within: JSONBounds(maximumDepth: 256, maximumNodeCount: 1000))
  }

  @Test(arguments: ["[", #"{"a":["#, #"["]"#]) func whatBreaksOffBeyondTheDepthIsStillRefused(end: String) {
    let text = String(repeating: "[", count: 300) + end
    #expect(throws: JSONParseError.self) { try JSONValue(parsingStored: Array(text.utf8)) }
  }
}
