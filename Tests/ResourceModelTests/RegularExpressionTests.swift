import ResourceModel
import Testing

@Suite struct RegularExpressionTests {
  static let matches: [(String, [String], [String])] = [
    ("^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", ["a", "a-b", "1a"], ["", "-a", "a-", "A", "a\n"]),
    ("a", ["a", "xax"], ["", "b"]),
    ("^(ab|c)*d$", ["d", "abcd", "ababd"], ["abc", "acd", "dd"]),
    ("^a{2,3}$", ["aa", "aaa"], ["a", "aaaa"]),
    ("^a{2,}$", ["aa", "aaaaaa"], ["a"]),
    ("^a{0}$", [""], ["a"]),
    (#"^\d+\.\w\s$"#, ["12.a ", "1._\t"], ["12a ", "x.a "]),
    ("^[^/]+$", ["abc", "é😀"], ["", "a/b"]),
    (#"^[\w.-]+$"#, ["a.b-c_9"], ["a b"]),
    ("^.$", ["a", "😀"], ["\n", "ab"]),
    ("^(|a)$", ["", "a"], ["b"]),
    ("(a*)*b$", ["b", "aab"], ["aaa"]),
    ("^(?:x)y$", ["xy"], ["y"]),
    (#"^[^\x00-\x1F\x7F/\\]+$"#, ["abc é", "-"], ["a\u{1}", "a\u{7F}", "a/b", #"a\b"#, "\u{0}", "\u{1F}"]),
    (#"^[\d-]+$"#, ["1-2"], ["a"]), ("^[a-]$", ["a", "-"], ["b"]),
    ("a^", [], ["a"]), ("$a", [], ["a"]), ("", ["", "x"], []),
  ]

  @Test(arguments: matches.indices) func matchesWhatItSaysAndNothingElse(_ index: Int) throws {
    let (pattern, accepted, refused) = Self.matches[index]
    let expression = try #require(RegularExpression(pattern))
    for text in accepted { #expect(expression.matches(text), "\(pattern) \(text)") }
    for text in refused { #expect(!expression.matches(text), "\(pattern) \(text)") }
  }

  @Test(arguments: [
    "(", ")", "[a", "[]", "*a", "a**", "a*?", "a{2", "a{3,2}", "a{1001}", #"\"#, #"\b"#, #"(a)\1"#, "(?=a)", "[z-a]",
    "[[:alpha:]]", #"[\d-z]"#, #"\xG1"#, #"\x1"#,
    "a{1000}{1000}", "(((a{1000}){1000}))",
  ]) func whatItDoesNotKnowIsRefused(_ pattern: String) {
    #expect(RegularExpression(pattern) == nil)
  }

  /// Backtracking would take 2^40 steps here.
  @Test func noTextTakesMoreThanLinearTime() throws {
    let expression = try #require(RegularExpression("^(a|a)*(a|aa)+b$"))
    #expect(!expression.matches(String(repeating: "a", count: 5000)))
  }
}
