import Cryptography
import Testing

@Suite struct ChecksumTests {
  // RFC 1321, A.5.
  @Test(arguments: [
    ("", "d41d8cd98f00b204e9800998ecf8427e"), ("abc", "900150983cd24fb0d6963f7d28e17f72"),
    ("message digest", "f96b697d7cb7938d525a2f31aaf161d0"),
  ])
  func md5IsAsPublished(text: String, digest: String) throws {
    #expect(Hexadecimal.encode(try #require(MD5.digest(of: Array(text.utf8)))) == digest)
    guard var hash = MD5() else { return }
    for byte in text.utf8 { hash.update([byte]) }
    #expect(Hexadecimal.encode(hash.finalize()) == digest)
  }

  @Test func keysThatAreNotForThisAreRefused() throws {
    let other = Ed25519.PrivateKey().pem
    for text in ["", "secret", other, Ed25519.PrivateKey().encryptedPEM(passphrase: Array("secret".utf8))] {
      let error = #expect(throws: CryptographyError.self) { try RSASigning.PrivateKey(pem: text) }
      #expect(error?.description.contains("secret") == false)
    }
  }
}
