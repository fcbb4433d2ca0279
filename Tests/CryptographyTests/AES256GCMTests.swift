import Testing

@testable import Cryptography

struct AES256GCMTests {
  private let key = [UInt8](0..<32)

  /// Test case 16 of "The Galois/Counter Mode of Operation" (McGrew and Viega), which NIST refers to.
  @Test func bytesAreThoseOfThePublishedExample() throws {
    let key = try #require(
      Hexadecimal.decode("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308"))
    let nonce = try #require(Hexadecimal.decode("cafebabefacedbaddecaf888"))
    let text = try #require(
      Hexadecimal.decode(
        "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657"
          + "ba637b39"))
    let context = try #require(Hexadecimal.decode("feedfacedeadbeeffeedfacedeadbeefabaddad2"))
    let sealed = try #require(AES256GCM(key: key)).seal(text, context: context, nonce: nonce)
    #expect(
      Hexadecimal.encode(sealed.dropFirst(12))
        == "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0a"
        + "bcc9f662" + "76fc6ece0f4e1768cddf8853bb2d551b")
  }

  @Test(arguments: ["", "a", "a secret of some length, ünd more"])
  func whatWasSealedOpens(_ text: String) throws {
    let box = try #require(AES256GCM(key: key))
    let sealed = box.seal(Array(text.utf8), context: Array("acme".utf8))
    #expect(box.open(sealed, context: Array("acme".utf8)) == Array(text.utf8))
    #expect(sealed != box.seal(Array(text.utf8), context: Array("acme".utf8)), "each has a nonce of its own")
  }

  @Test func whatWasChangedMovedOrSealedWithAnotherKeyDoesNotOpen() throws {
    let box = try #require(AES256GCM(key: key))
    let sealed = box.seal(Array("secret".utf8), context: Array("acme".utf8))
    #expect(box.open(sealed, context: Array("other".utf8)) == nil)
    for index in sealed.indices {
      var changed = sealed
      changed[index] ^= 1
      #expect(box.open(changed, context: Array("acme".utf8)) == nil)
    }
    for count in 0..<sealed.count { #expect(box.open(Array(sealed.prefix(count)), context: Array("acme".utf8)) == nil) }
    #expect(AES256GCM(key: [UInt8](1...32))?.open(sealed, context: Array("acme".utf8)) == nil)
    #expect(AES256GCM(key: [1, 2, 3]) == nil)
  }
}
