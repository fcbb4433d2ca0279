import CLibCrypto

/// What the signature of a JSON Web Token is checked with (RFC 7518 §3.3, §3.4).
public enum TokenSignature {
  public enum Algorithm: String, Sendable, Hashable, CaseIterable {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    case rs256 = "RS256"
    /// ECDSA on P-256 with SHA-256; a signature is its two numbers of 32 bytes each.
    case es256 = "ES256"
  }

  /// A key of one algorithm: no other is tried with it.
  public struct PublicKey: Sendable, Hashable {
    public let algorithm: Algorithm
    /// SubjectPublicKeyInfo (RFC 5280 §4.1).
    private let encoded: [UInt8]

    /// - Parameters: the key's two numbers, with the highest byte first.
    /// - Returns: nil for a key of less than 2,048 or more than 8,192 bits, and for what is not a key.
    public init?(rsaModulus modulus: [UInt8], exponent: [UInt8]) {
      let modulus = Array(modulus.drop { $0 == 0 })
      let exponent = Array(exponent.drop { $0 == 0 })
      let bits = modulus.count * 8 - (modulus.first?.leadingZeroBitCount ?? 0)
      guard (2048...8192).contains(bits), (1...8).contains(exponent.count), exponent.last.map({ $0 & 1 == 1 }) ?? false,
        exponent != [1]
      else { return nil }
      let rsaEncryption: [UInt8] = [0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x01, 0x05, 0x00]
      let key = DER.sequence(DER.integer(modulus) + DER.integer(exponent))
      self.init(.rs256, DER.sequence(DER.sequence(rsaEncryption) + DER.bitString(key)))
    }

    /// - Parameters: the coordinates of a point of P-256, 32 bytes each.
    /// - Returns: nil for what is not a point of the curve.
    public init?(p256X x: [UInt8], y: [UInt8]) {
      guard x.count == 32, y.count == 32 else { return nil }
      let algorithm: [UInt8] = [
        0x06, 0x07, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01, 0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01,
        0x07,
      ]
      self.init(.es256, DER.sequence(DER.sequence(algorithm) + DER.bitString([0x04] + x + y)))
    }

    private init?(_ algorithm: Algorithm, _ encoded: [UInt8]) {
      self.algorithm = algorithm
      self.encoded = encoded
      guard KeyHandle(publicDER: encoded) != nil else { return nil }
    }

    /// False for anything but this key's signature of exactly this message.
    public func isValidSignature(_ signature: [UInt8], for message: [UInt8]) -> Bool {
      let encodedSignature: [UInt8]
      switch algorithm {
      case .rs256: encodedSignature = signature
      case .es256:
        guard signature.count == 64 else { return false }
        encodedSignature = DER.sequence(
          DER.integer(Array(signature.prefix(32))) + DER.integer(Array(signature.suffix(32))))
      }
      guard let key = KeyHandle(publicDER: encoded), let context = EVP_MD_CTX_new() else { return false }
      defer {
        EVP_MD_CTX_free(context)
        ERR_clear_error()
      }
      return EVP_DigestVerifyInit(context, nil, EVP_sha256(), nil, key.pointer) == 1
        && EVP_DigestVerify(context, encodedSignature, encodedSignature.count, message, message.count) == 1
    }
  }
}

/// The few forms of ASN.1's distinguished encoding that keys and signatures need.
enum DER {
  static func sequence(_ content: [UInt8]) -> [UInt8] { element(0x30, content) }

  static func bitString(_ content: [UInt8]) -> [UInt8] { element(0x03, [0] + content) }

  /// - Parameter number: not negative, the highest byte first.
  static func integer(_ number: [UInt8]) -> [UInt8] {
    let digits = Array(number.drop { $0 == 0 })
    return element(0x02, digits.first.map { $0 < 0x80 } ?? false ? digits : [0] + digits)
  }

  private static func element(_ tag: UInt8, _ content: [UInt8]) -> [UInt8] {
    let count = content.count
    let length: [UInt8] =
      switch count {
      case ..<0x80: [UInt8(count)]
      case ..<0x100: [0x81, UInt8(count)]
      default: [0x82, UInt8(truncatingIfNeeded: count >> 8), UInt8(truncatingIfNeeded: count)]
      }
    return [tag] + length + content
  }
}
