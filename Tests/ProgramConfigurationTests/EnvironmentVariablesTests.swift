import ProgramConfiguration
import Testing

struct EnvironmentVariablesTests {
  enum Color: String, CaseIterable, Sendable {
    case red
    case blue
  }

  private func variables(_ value: String?) -> EnvironmentVariables {
    EnvironmentVariables(value.map { ["TEST_VALUE": $0] } ?? [:], prefix: "TEST_")
  }

  /// The text of the error that `read` throws; nil where it throws none.
  private func problem(_ read: () throws -> Void) -> String? {
    do { try read() } catch { return "\(error)" }
    return nil
  }

  @Test(arguments: [(nil, nil), ("", nil), (" \n", nil), ("a", "a"), (" a b\n", "a b")] as [(String?, String?)])
  func valuesAreReadWithoutSurroundingWhiteSpace(_ value: String?, _ expected: String?) {
    #expect(variables(value)["VALUE"] == expected)
    #expect(variables(value).unprefixed("TEST_VALUE") == expected)
  }

  @Test func namesThatMeanNothingAreFound() {
    let variables = EnvironmentVariables(
      ["TEST_B": "", "TEST_A": "1", "TEST_KNOWN": "1", "OTHER": "1"], prefix: "TEST_")
    #expect(variables.unknownNames(besides: ["KNOWN"]) == ["TEST_A", "TEST_B"])
  }

  @Test(
    arguments: [
      (nil, Duration.seconds(7)), ("30", .seconds(30)), ("1m", .seconds(60)), ("61", nil), ("0", nil), ("-1", nil),
      ("soon", nil),
    ] as [(String?, Duration?)])
  func durationsAreSecondsOrSpansWithinARange(_ value: String?, _ expected: Duration?) {
    let read = { try variables(value).duration("VALUE", default: .seconds(7), in: .seconds(1)...(.seconds(60))) }
    #expect((try? read()) == expected)
    guard let value, expected == nil else { return }
    #expect(
      problem { _ = try read() }
        == "TEST_VALUE: \"\(value)\" must be a number of seconds or a span of time such as 30s, from 1s to 1m")
  }

  @Test(arguments: [(nil, .red), ("blue", .blue), ("BLUE", .blue)] as [(String?, Color)])
  func choicesAreReadInUpperAndLowerCase(_ value: String?, _ expected: Color) throws {
    #expect(try variables(value).choice("VALUE", default: Color.red) == expected)
  }

  @Test func anUnknownChoiceIsAnsweredWithTheKnownOnes() {
    #expect(
      problem { _ = try variables("green").choice("VALUE", default: Color.red) }
        == "TEST_VALUE: must be one of red, blue, not \"green\"")
  }

  @Test(arguments: [(nil, 5), ("1", 1), ("9", 9), ("10", nil), ("0", nil), ("1.5", nil)] as [(String?, Int?)])
  func integersLieWithinARange(_ value: String?, _ expected: Int?) {
    #expect((try? variables(value).integer("VALUE", default: 5, in: 1...9)) == expected)
  }

  @Test(
    arguments: [
      (nil, "/default"), ("/a/b//", "/a/b"), ("/", nil), ("a", nil), ("/a/../b", nil),
    ] as [(String?, String?)])
  func pathsAreAbsoluteAndNotTheRoot(_ value: String?, _ expected: String?) {
    #expect((try? variables(value).absolutePath("VALUE", default: "/default")) == expected)
  }

  @Test(
    arguments: [
      (nil, "http://localhost"), ("https://a:1/b", "https://a:1/b"), ("HTTP://a", "HTTP://a"), ("a:1", nil),
      ("http://", nil), ("http://user:secret@a", nil), ("http://a b", nil),
    ] as [(String?, String?)])
  func urlsAreOfHTTPAndHoldNoPassword(_ value: String?, _ expected: String?) {
    let read = { try variables(value).url("VALUE", default: "http://localhost") }
    #expect((try? read()) == expected)
    #expect(problem { _ = try read() }?.contains("secret") != true)
  }
}
