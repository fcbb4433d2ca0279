import ComposeBundles
import Cryptography
import Testing

@testable import Agent

/// A secret is not shown in another form either.
struct SecretMaskEncodingTests {
  @Test(arguments: ["correct horse/battery", "p@ss+word?&", "ähnlich-geheim", "aaaaaaaa"], ["", "u", "us", "user:"])
  func aSecretInBase64IsMaskedWhereverItStands(_ secret: String, _ before: String) {
    let mask = SecretMask(values: [secret])
    for after in ["", "x", "xy"] {
      let encoded = Base64.encode(Array((before + secret + after).utf8))
      for text in [encoded, String(encoded.map { $0 == "+" ? "-" : $0 == "/" ? "_" : $0 })] {
        let masked = mask.masked("Authorization: Basic \(text)")
        #expect(masked.contains("***"))
        #expect(masked.count < "Authorization: Basic \(text)".count)
        // What is left of it tells less than the whole.
        #expect(!masked.contains(text.dropFirst(before.utf8.count * 4 / 3 + 1).prefix(8)))
      }
    }
  }

  @Test func aSecretInAnURLIsMasked() {
    let mask = SecretMask(values: ["p@ss word/1"])
    #expect(mask.masked("postgres://u:p%40ss%20word%2F1@db") == "postgres://u:***@db")
    #expect(mask.masked("password=p%40ss+word%2F1&x=1") == "password=***&x=1")
  }

  @Test func whatIsShortHidesNothingElse() {
    #expect(SecretMask(values: ["true"]).masked("dHJ1 is no secret") == "dHJ1 is no secret")
  }
}
