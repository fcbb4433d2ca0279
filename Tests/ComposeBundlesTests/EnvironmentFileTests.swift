import Testing

@testable import ComposeBundles

@Suite struct EnvironmentFileTests {
  @Test(
    arguments: [
      ("A=1\nB=\"x\nC=2\n\n", 2), ("A='x\n", 1), ("A=\"x\ny\"\nB='z\r\nC=1\r\n", 3), ("A=\"x\\\"\nB=1\n", 1),
      ("A=\"x\"\nB='y'\n", nil), ("# it's\nA=it's\n", nil), ("A=\"x\ny\"\n", nil), ("", nil),
    ] as [(String, Int?)])
  func theLineThatOpensAQuoteIsKnown(text: String, line: Int?) {
    #expect(EnvironmentFile(text).unclosedQuoteLine == line)
  }
}
