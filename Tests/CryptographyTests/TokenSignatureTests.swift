import Testing

@testable import Cryptography

@Suite struct TokenSignatureTests {
  private static func bytes(_ text: String) -> [UInt8] { Base64.decode(text, alphabet: .urlSafe) ?? [] }

  /// RFC 7515 appendix A.2.
  private static let rsaModulus = bytes(
    "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"
  )
  private static let rsaMessage =
    "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
  private static let rsaSignature = bytes(
    "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw"
  )

  /// RFC 7515 appendix A.3.
  private static let x = bytes("f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU")
  private static let y = bytes("x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0")
  private static let ecMessage =
    "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
  private static let ecSignature = bytes(
    "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q")

  @Test func theExamplesOfTheStandardAreRight() throws {
    let rsa = try #require(TokenSignature.PublicKey(rsaModulus: Self.rsaModulus, exponent: [1, 0, 1]))
    #expect(rsa.algorithm == .rs256)
    #expect(rsa.isValidSignature(Self.rsaSignature, for: Array(Self.rsaMessage.utf8)))
    let ec = try #require(TokenSignature.PublicKey(p256X: Self.x, y: Self.y))
    #expect(ec.algorithm == .es256)
    #expect(ec.isValidSignature(Self.ecSignature, for: Array(Self.ecMessage.utf8)))
  }

  @Test func everythingElseIsWrong() throws {
    let keys = [
      (
        try #require(TokenSignature.PublicKey(rsaModulus: Self.rsaModulus, exponent: [0, 1, 0, 1])), Self.rsaSignature,
        Self.rsaMessage
      ),
      (try #require(TokenSignature.PublicKey(p256X: Self.x, y: Self.y)), Self.ecSignature, Self.ecMessage),
    ]
    for (key, signature, message) in keys {
      let message = Array(message.utf8)
      #expect(key.isValidSignature(signature, for: message))
      #expect(!key.isValidSignature(signature, for: message + [0]))
      for place in [0, 31, 32, signature.count - 1] {
        var changed = signature
        changed[place] ^= 1
        #expect(!key.isValidSignature(changed, for: message))
      }
      for other in [[], Array(signature.dropLast()), signature + [0], [UInt8](repeating: 0, count: signature.count)] {
        #expect(!key.isValidSignature(other, for: message))
      }
    }
  }

  @Test func whatIsNoKeyIsRefused() {
    let half = [UInt8](repeating: 0xFF, count: 128)
    #expect(TokenSignature.PublicKey(rsaModulus: half, exponent: [1, 0, 1]) == nil)
    #expect(TokenSignature.PublicKey(rsaModulus: [], exponent: [1, 0, 1]) == nil)
    #expect(
      TokenSignature.PublicKey(rsaModulus: [UInt8](repeating: 0xFF, count: 1025), exponent: [1, 0, 1]) == nil)
    for exponent in [[], [0], [1], [2]] as [[UInt8]] {
      #expect(TokenSignature.PublicKey(rsaModulus: Self.rsaModulus, exponent: exponent) == nil)
    }
    var off = Self.y
    off[31] ^= 1
    #expect(TokenSignature.PublicKey(p256X: Self.x, y: off) == nil)
    #expect(TokenSignature.PublicKey(p256X: Self.x, y: []) == nil)
    #expect(
      TokenSignature.PublicKey(p256X: [UInt8](repeating: 0, count: 32), y: [UInt8](repeating: 0, count: 32)) == nil)
  }
}
