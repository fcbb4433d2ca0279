import Cryptography
import Testing

@Suite struct EncodingTests {
  // RFC 4648 §10.
  @Test(arguments: [
    ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="),
    ("foobar", "Zm9vYmFy"),
  ])
  func base64MatchesThePublishedTexts(bytes: String, text: String) {
    #expect(Base64.encode(Array(bytes.utf8)) == text)
    #expect(Base64.decode(text) == Array(bytes.utf8))
    let unpadded = String(text.prefix { $0 != "=" })
    #expect(Base64.encode(Array(bytes.utf8), alphabet: .urlSafe) == unpadded)
    #expect(Base64.decode(unpadded, alphabet: .urlSafe) == Array(bytes.utf8))
  }

  @Test(arguments: ["Z", "Zg", "Zg=", "Zg===", "=", "====", "Zh==", "Zm9v\n", " Zm9v", "Zm9-", "Zm=v", "Zm9vé"])
  func base64RefusesWhatEncodingNeverWrites(text: String) {
    #expect(Base64.decode(text) == nil)
  }

  @Test func base64ReturnsEveryByteString() {
    for count in 0..<200 {
      let bytes = SecureRandom.bytes(count: count)
      #expect(Base64.decode(Base64.encode(bytes)) == bytes)
      #expect(Base64.decode(Base64.encode(bytes, alphabet: .urlSafe), alphabet: .urlSafe) == bytes)
      #expect(Hexadecimal.decode(Hexadecimal.encode(bytes)) == bytes)
    }
  }

  @Test(arguments: ["0", "0g", "zz", "0x12", "é", "1 "])
  func hexadecimalRefusesOtherText(text: String) {
    #expect(Hexadecimal.decode(text) == nil)
  }

  @Test func comparisonTellsAnyDifference() {
    #expect(ConstantTime.areEqual("token", "token"))
    #expect(ConstantTime.areEqual("", ""))
    #expect(!ConstantTime.areEqual("token", "tokem"))
    #expect(!ConstantTime.areEqual("token", "token2"))
    #expect(!ConstantTime.areEqual([1, 2, 3], [1, 2, 4]))
  }

  @Test func randomTokensAreLongAndDiffer() {
    let tokens = (0..<1000).map { _ in SecureRandom.token() }
    #expect(Set(tokens).count == tokens.count)
    #expect(tokens.allSatisfy { $0.utf8.count == 43 })
    #expect([0, 1, 7, 8, 9].allSatisfy { SecureRandom.bytes(count: $0).count == $0 })
  }
}
