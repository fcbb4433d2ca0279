import Cryptography
import Testing

@Suite struct EncryptedKeyTests {
  private static let passphrase = Array("Grüße, 1 2 3".utf8)

  @Test func anEncryptedKeyComesBackWithItsPassphraseOnly() throws {
    let key = Ed25519.PrivateKey()
    let pem = key.encryptedPEM(passphrase: Self.passphrase)
    #expect(Ed25519.PrivateKey.isEncrypted(pem: pem) && !Ed25519.PrivateKey.isEncrypted(pem: key.pem))
    #expect(try Ed25519.PrivateKey(encryptedPEM: pem, passphrase: Self.passphrase).publicKey == key.publicKey)
    #expect(key.encryptedPEM(passphrase: Self.passphrase) != pem)
    for wrong in [[], Array("Grüße".utf8), Self.passphrase + [0x20]] {
      #expect(throws: CryptographyError.self) { try Ed25519.PrivateKey(encryptedPEM: pem, passphrase: wrong) }
    }
    // Without a passphrase nobody is asked for one.
    #expect(throws: CryptographyError.self) { try Ed25519.PrivateKey(pem: pem) }
  }

  /// openssl pkcs8 -topk8 -v2 aes-256-cbc -passout pass:correct, of the key of 32 bytes 7.
  @Test func aKeyThatOpenSSLEncryptedIsRead() throws {
    let pem = """
      -----BEGIN ENCRYPTED PRIVATE KEY-----
      MIGbMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAiG93PsJL0fEgICCAAw
      DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEFeSvJfGJeg4uZeEB3M5UPIEQEAI
      KREDJ8wZmETj3qLOG1sgqxN3Q06KRQlOlRByTvSkDGrWEJXiN5/rbmYSFQcrX6S9
      gzgZsbngwj9yYgDc3Oc=
      -----END ENCRYPTED PRIVATE KEY-----
      """
    let key = try Ed25519.PrivateKey(seed: [UInt8](repeating: 7, count: 32))
    #expect(try Ed25519.PrivateKey(encryptedPEM: pem, passphrase: Array("correct".utf8)).publicKey == key.publicKey)
  }

  @Test func whatIsNoEncryptedKeyIsRefused() {
    for text in [
      "", "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
      Ed25519.PrivateKey().pem,
    ] {
      #expect(throws: CryptographyError.self) {
        try Ed25519.PrivateKey(encryptedPEM: text, passphrase: Self.passphrase)
      }
    }
  }
}
