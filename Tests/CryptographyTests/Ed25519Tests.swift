import Cryptography
import Testing

@Suite struct Ed25519Tests {
  /// Made with `openssl genpkey -algorithm ed25519` and `openssl pkey -pubout`.
  private let privatePEM = """
    -----BEGIN PRIVATE KEY-----
    MC4CAQAwBQYDK2VwBCIEIGSBiWugy3IARLbX3AnZEh1iR/fGwBwocb7joBcKpCiA
    -----END PRIVATE KEY-----

    """
  private let publicPEM = """
    -----BEGIN PUBLIC KEY-----
    MCowBQYDK2VwAyEA8sXDw2V+HFTdD725nJyYPxDNGvIo8ppqupWfiA894YY=
    -----END PUBLIC KEY-----

    """
  private let encryptedPEM = """
    -----BEGIN ENCRYPTED PRIVATE KEY-----
    MIGbMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAh/1rhuUPSCigICCAAw
    DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEJZDz/z9IugDOv2GL8IiGMoEQHgg
    E3lPCdapdeT/Iwuq9fwxuo74+cM5VQyjy3VgEkaTTyE1y2B5WVDW2yOzcfu1/I8d
    gI3Jm1kpwirtYI/gfJI=
    -----END ENCRYPTED PRIVATE KEY-----

    """
  private let ecPEM = """
    -----BEGIN PUBLIC KEY-----
    MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEFQ6cg4spR+Ok1Y7bmQNmEG3all4i
    HPDC36fHnhA6ul3tNB9SYTwIeJ5t7SKvM62+HHwQPDWUT5ZBSjmbUIVBAg==
    -----END PUBLIC KEY-----

    """

  @Test func keysOfOpenSSLAreReadAndWrittenBackUnchanged() throws {
    let key = try Ed25519.PrivateKey(pem: privatePEM)
    #expect(key.pem == privatePEM)
    #expect(key.publicKey.pem == publicPEM)
    #expect(try Ed25519.PublicKey(text: publicPEM) == key.publicKey)
  }

  @Test func publicKeyIsReadFromBase64OfItsBytes() throws {
    let key = try Ed25519.PrivateKey(pem: privatePEM).publicKey
    #expect(try Ed25519.PublicKey(text: Base64.encode(key.rawRepresentation) + "\n") == key)
    #expect(try Ed25519.PublicKey(text: Base64.encode(key.rawRepresentation, alphabet: .urlSafe)) == key)
  }

  @Test func changedMessageSignatureOrKeyIsRefused() {
    let key = Ed25519.PrivateKey()
    let message = Array("wrktalk-2.3.0".utf8)
    let signature = key.signature(for: message)
    #expect(key.publicKey.isValidSignature(signature, for: message))
    #expect(!key.publicKey.isValidSignature(signature, for: message + [0]))
    #expect(!Ed25519.PrivateKey().publicKey.isValidSignature(signature, for: message))
    #expect(!key.publicKey.isValidSignature([], for: message))
    #expect(!key.publicKey.isValidSignature(Array(signature.dropLast()), for: message))
    for index in signature.indices {
      var changed = signature
      changed[index] ^= 1
      #expect(!key.publicKey.isValidSignature(changed, for: message))
    }
  }

  @Test func unusablePublicKeysSayWhy() {
    let cases: [(text: String, reason: String)] = [
      ("", "an Ed25519 key has 32 bytes, not 0"),
      ("AAAA", "an Ed25519 key has 32 bytes, not 3"),
      ("not a key", "it is neither PEM nor base 64"),
      (
        "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
        "it is not a PEM public key (-----BEGIN PUBLIC KEY-----)"
      ),
      (ecPEM, "it is not an Ed25519 key"),
    ]
    for (text, reason) in cases {
      #expect(throws: CryptographyError.invalidPublicKey(reason: reason)) { try Ed25519.PublicKey(text: text) }
    }
  }

  @Test func encryptedPrivateKeyIsRefusedWithoutAskingForItsPassphrase() {
    #expect(
      throws: CryptographyError.invalidPrivateKey(
        reason: "it is not an unencrypted PEM private key (-----BEGIN PRIVATE KEY-----)")
    ) { try Ed25519.PrivateKey(pem: encryptedPEM) }
  }

  @Test func textOfAPrivateKeyDoesNotShowIt() throws {
    let key = try Ed25519.PrivateKey(pem: privatePEM)
    var dumped = ""
    dump(key, to: &dumped)
    #expect("\(key)" == "Ed25519.PrivateKey(redacted)")
    #expect(String(reflecting: key) == "Ed25519.PrivateKey(redacted)")
    #expect(!dumped.contains("seed"))
  }
}
