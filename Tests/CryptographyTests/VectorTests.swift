import Cryptography
import Testing

@Suite struct VectorTests {
  @Test(arguments: [
    ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    (
      "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
    ),
  ])
  func sha256MatchesThePublishedDigests(message: String, digest: String) {
    #expect(SHA256.digest(of: message).hexadecimal == digest)
    #expect(SHA256Digest(hexadecimal: digest.uppercased()) == SHA256.digest(of: message))
  }

  @Test func sha256OfPiecesIsSha256OfTheWhole() {
    let message = (0..<100_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
    var hash = SHA256()
    var start = 0
    for size in [0, 1, 63, 64, 65, 4096, 50_000] {
      hash.update(Array(message[start..<start + size]))
      start += size
    }
    hash.update(Array(message[start...]))
    #expect(hash.finalize() == SHA256.digest(of: message))
  }

  @Test func missingFileHasNoDigest() {
    #expect(throws: CryptographyError.self) { try SHA256.digest(ofFile: "/nonexistent/artifact.tgz") }
  }

  // RFC 4231, test cases 1, 2 and 6.
  @Test(arguments: [
    (
      [UInt8](repeating: 0x0B, count: 20), "Hi There",
      "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
    ),
    (
      Array("Jefe".utf8), "what do ya want for nothing?",
      "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    ),
    (
      [UInt8](repeating: 0xAA, count: 131), "Test Using Larger Than Block-Size Key - Hash Key First",
      "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
    ),
  ])
  func hmacMatchesThePublishedCodes(key: [UInt8], message: String, code: String) throws {
    let message = Array(message.utf8)
    #expect(Hexadecimal.encode(HMACSHA256.authenticationCode(for: message, key: key)) == code)
    let bytes = try #require(Hexadecimal.decode(code))
    #expect(HMACSHA256.isValid(bytes, for: message, key: key))
    #expect(!HMACSHA256.isValid(bytes, for: message + [0], key: key))
    #expect(!HMACSHA256.isValid(Array(bytes.dropLast()), for: message, key: key))
  }

  @Test func hmacTakesAnEmptyKeyAndAnEmptyMessage() {
    // HMAC pads the key with zeros, so that none and a single zero are the same key.
    #expect(
      Hexadecimal.encode(HMACSHA256.authenticationCode(for: [], key: []))
        == "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad")
  }

  // RFC 8032 §7.1, tests 1 to 3.
  @Test(arguments: [
    (
      "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
      "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
      "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
    ),
    (
      "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
      "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
      "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
    ),
    (
      "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
      "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
      "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"
    ),
  ])
  func ed25519MatchesThePublishedSignatures(seed: String, publicKey: String, message: String, signature: String) throws
  {
    let key = try Ed25519.PrivateKey(seed: #require(Hexadecimal.decode(seed)))
    let message = try #require(Hexadecimal.decode(message))
    #expect(Hexadecimal.encode(key.publicKey.rawRepresentation) == publicKey)
    #expect(Hexadecimal.encode(key.signature(for: message)) == signature)
    #expect(key.publicKey.isValidSignature(key.signature(for: message), for: message))
  }
}
