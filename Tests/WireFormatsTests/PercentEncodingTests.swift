import Testing
import WireFormats

struct PercentEncodingTests {
  @Test(arguments: [
    ("", ""), ("azAZ09-._~", "azAZ09-._~"), ("a b/ü+%", "a%20b%2F%C3%BC%2B%25"), ("\u{0}\n\u{7F}", "%00%0A%7F"),
  ])
  func allButTheUnreservedCharactersIsEscaped(text: String, encoded: String) {
    #expect(PercentEncoding.encode(text) == encoded)
  }

  @Test func someCharactersMayBeKept() {
    #expect(PercentEncoding.encode("host:5000/a b@c", keeping: "/:@") == "host:5000/a%20b@c")
  }

  @Test(arguments: ["", "a b/ü+%&=", "日本語", "..", "\u{10FFFF}"])
  func whatWasEncodedIsDecodedToTheSame(text: String) {
    #expect(PercentEncoding.decode(PercentEncoding.encode(text)) == text)
    #expect(PercentEncoding.decode(PercentEncoding.encode(text), plusIsSpace: true) == text)
  }

  @Test func aPlusIsASpaceInQueriesAlone() {
    #expect(PercentEncoding.decode("a+b") == "a+b")
    #expect(PercentEncoding.decode("a+b%2b", plusIsSpace: true) == "a b+")
  }

  @Test(arguments: ["%", "%4", "%4g", "%zz", "a%", "%FF", "%C3", "%00", "a%00b"])
  func whatIsNoTextIsRefused(encoded: String) {
    #expect(PercentEncoding.decode(encoded) == nil)
  }
}
