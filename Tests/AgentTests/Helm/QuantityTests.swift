import Testing

@testable import Agent

struct QuantityTests {
  @Test(arguments: [
    ("500m", "0.5"), ("1", "1000m"), ("1Gi", "1024Mi"), ("1Ki", "1024"), ("1k", "1000"), ("1e3", "1k"), ("0", "0m"),
    ("1.50", "1500m"), ("100E", "1e20"), ("-1", "-1000m"), ("0.1Gi", "107374182.4"), ("+2", "2"), ("-0", "0"),
    ("18446744073709551616", "16Ei"),
  ])
  func amountsAreEqualWhateverTheirNotation(_ left: String, _ right: String) throws {
    #expect(try #require(Quantity(left)) == #require(Quantity(right)))
  }

  @Test(arguments: [("1", "2"), ("1Mi", "1M"), ("1m", "1"), ("10", "100"), ("-1", "1")])
  func otherAmountsAreNot(_ left: String, _ right: String) throws {
    #expect(try #require(Quantity(left)) != #require(Quantity(right)))
  }

  @Test(arguments: ["", "m", "1 Gi", "1Zi", "abc", ".", "1e", "0x10", "1e9999"])
  func otherTextIsNoAmount(_ text: String) {
    #expect(Quantity(text) == nil)
  }
}
