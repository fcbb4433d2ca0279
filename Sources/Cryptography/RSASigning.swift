import CLibCrypto

/// Signatures that a service account of Google's cloud proves itself with: RSASSA-PKCS1-v1_5 over SHA-256 (RFC 8017 §8.2), the
/// `RS256` of JSON Web Tokens.
public enum RSASigning {
  static let minimumBitCount = 2048

  /// What a signature is made with. Its texts never show it.
  public struct PrivateKey: Sendable, Hashable, CustomStringConvertible, CustomReflectable {
    private let pem: String

    /// Reads an unencrypted `-----BEGIN PRIVATE KEY-----` or `-----BEGIN RSA PRIVATE KEY-----` of 2,048 bits at least.
    public init(pem: String) throws(CryptographyError) {
      guard let key = KeyHandle(privatePEM: pem) else {
        throw .invalidPrivateKey(reason: "it is not an unencrypted PEM private key (-----BEGIN PRIVATE KEY-----)")
      }
      guard key.isRSA else { throw .invalidPrivateKey(reason: "it is not an RSA key") }
      guard key.bitCount >= minimumBitCount else {
        throw .invalidPrivateKey(reason: "an RSA key needs \(minimumBitCount) bits at least")
      }
      self.pem = pem
    }

    /// As many bytes as the key has.
    public func signature(for message: [UInt8]) -> [UInt8] {
      guard let key = KeyHandle(privatePEM: pem), let context = EVP_MD_CTX_new() else {
        preconditionFailure("no memory for an RSA signature")
      }
      defer { EVP_MD_CTX_free(context) }
      let capacity = key.bitCount / 8 + 1
      return [UInt8](unsafeUninitializedCapacity: capacity) { buffer, count in
        var length = capacity
        guard EVP_DigestSignInit(context, nil, EVP_sha256(), nil, key.pointer) == 1,
          EVP_DigestSign(context, buffer.baseAddress, &length, message, message.count) == 1
        else { preconditionFailure("no memory for an RSA signature") }
        count = length
      }
    }

    public var description: String { "RSASigning.PrivateKey(redacted)" }

    public var customMirror: Mirror { Mirror(self, children: []) }
  }
}
