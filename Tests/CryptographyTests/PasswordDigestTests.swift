import Testing

@testable import Cryptography

@Suite struct PasswordDigestTests {
  /// RFC 7914 §12.
  @Test func theVectorsOfTheStandardHold() throws {
    let cost = try #require(PasswordDigest.Cost(logarithm: 10, blockSize: 8, parallelization: 16))
    let derived = PasswordDigest.derive(Array("password".utf8), Array("NaCl".utf8), cost, byteCount: 64)
    #expect(
      Hexadecimal.encode(derived)
        == "fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b3731622eaf30d92e22a3886ff109279d9830dac727afb94a83ee6d8360cbdfa2cc0640"
    )
  }

  @Test(arguments: ["", "correct horse battery", "ž😀", String(repeating: "x", count: 1024)])
  func aPasswordMatchesItsDigestAlone(password: String) throws {
    let bytes = Array(password.utf8)
    let digest = PasswordDigest(of: bytes, cost: .trivial)
    #expect(digest.text.hasPrefix("$scrypt$ln=4,r=1,p=1$"))
    let read = try #require(PasswordDigest(text: digest.text))
    #expect(read == digest)
    #expect(read.matches(bytes))
    #expect(!read.matches(bytes + [1]))
    #expect(!read.matches(Array("another".utf8)))
    // Two of one password have two salts.
    #expect(PasswordDigest(of: bytes, cost: .trivial).text != digest.text)
    #expect(!PasswordDigest.unmatchable(cost: .trivial).matches(bytes))
  }

  @Test(
    arguments: [
      "", "$", "plain", "$scrypt$ln=4,r=1,p=1$", "$scrypt$ln=4,r=1$AAAAAAAAAAAAAAAAAAAAAA$x",
      "$argon2id$v=19$m=65536,t=3,p=4$c2FsdHNhbHQ$aGFzaA", "$scrypt$ln=31,r=8,p=1$AAAAAAAAAAAAAAAAAAAAAA$x",
      "$scrypt$ln=20,r=32,p=16$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2g",
      "$scrypt$ln=4,r=1,p=1$c2FsdHNhbHQ=$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2g",
      "$scrypt$p=1,r=1,ln=4$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2g",
    ])
  func whatIsNoDigestIsRefused(text: String) { #expect(PasswordDigest(text: text) == nil) }
}
