import CLibCrypto

/// Signatures of the vendor (RFC 8032): over artifacts and licences.
public enum Ed25519 {
  public static let signatureByteCount = 64
  static let keyByteCount = 32

  /// What a signature is checked with. It is public: it may be shown and logged.
  public struct PublicKey: Sendable, Hashable {
    public let rawRepresentation: [UInt8]

    public init(rawRepresentation: [UInt8]) throws(CryptographyError) {
      guard rawRepresentation.count == keyByteCount else {
        throw .invalidPublicKey(
          reason: "an Ed25519 key has \(keyByteCount) bytes, not \(rawRepresentation.count)")
      }
      self.rawRepresentation = rawRepresentation
    }

    /// Reads `-----BEGIN PUBLIC KEY-----` (as `openssl pkey -pubout` writes it), or the 32 bytes in base 64.
    public init(text: String) throws(CryptographyError) {
      if text.contains("-----BEGIN") {
        try self.init(pem: text)
      } else {
        let word = text.trimmingWhiteSpace()
        guard let bytes = Base64.decode(word) ?? Base64.decode(word, alphabet: .urlSafe) else {
          throw .invalidPublicKey(reason: "it is neither PEM nor base 64")
        }
        try self.init(rawRepresentation: bytes)
      }
    }

    public init(pem: String) throws(CryptographyError) {
      guard let key = KeyHandle(publicPEM: pem) else {
        throw .invalidPublicKey(reason: "it is not a PEM public key (-----BEGIN PUBLIC KEY-----)")
      }
      guard key.isEd25519, let bytes = key.rawPublicKey else {
        throw .invalidPublicKey(reason: "it is not an Ed25519 key")
      }
      try self.init(rawRepresentation: bytes)
    }

    /// False for anything but this key's signature of exactly this message.
    public func isValidSignature(_ signature: [UInt8], for message: [UInt8]) -> Bool {
      guard signature.count == signatureByteCount, let key = KeyHandle(rawPublicKey: rawRepresentation),
        let context = EVP_MD_CTX_new()
      else { return false }
      defer {
        EVP_MD_CTX_free(context)
        ERR_clear_error()
      }
      return EVP_DigestVerifyInit(context, nil, nil, nil, key.pointer) == 1
        && EVP_DigestVerify(context, signature, signature.count, message, message.count) == 1
    }

    /// `-----BEGIN PUBLIC KEY-----`.
    public var pem: String {
      // SubjectPublicKeyInfo of Ed25519 is a fixed prefix and the key (RFC 8410 §4).
      let prefix: [UInt8] = [0x30, 0x2A, 0x30, 0x05, 0x06, 0x03, 0x2B, 0x65, 0x70, 0x03, 0x21, 0x00]
      return "-----BEGIN PUBLIC KEY-----\n\(Base64.encode(prefix + rawRepresentation))\n-----END PUBLIC KEY-----\n"
    }
  }

  /// What a signature is made with. Its texts never show it; only `pem` does.
  public struct PrivateKey: Sendable, CustomStringConvertible, CustomReflectable {
    private let seed: [UInt8]
    public let publicKey: PublicKey

    /// A new key.
    public init() {
      // Any 32 bytes are a key, so that a fresh seed cannot be refused.
      let seed = SecureRandom.bytes(count: keyByteCount)
      guard let key = try? PrivateKey(seed: seed) else {
        preconditionFailure("no memory for an Ed25519 key")
      }
      self = key
    }

    /// - Parameter seed: the 32 bytes of RFC 8032 §5.1.5.
    public init(seed: [UInt8]) throws(CryptographyError) {
      guard seed.count == keyByteCount, let key = KeyHandle(rawPrivateKey: seed), let bytes = key.rawPublicKey else {
        throw .invalidPrivateKey(reason: "an Ed25519 key has \(keyByteCount) bytes")
      }
      self.seed = seed
      self.publicKey = try PublicKey(rawRepresentation: bytes)
    }

    /// Reads an unencrypted `-----BEGIN PRIVATE KEY-----` (as `openssl genpkey -algorithm ed25519` writes it).
    public init(pem: String) throws(CryptographyError) {
      guard let key = KeyHandle(privatePEM: pem) else {
        throw .invalidPrivateKey(reason: "it is not an unencrypted PEM private key (-----BEGIN PRIVATE KEY-----)")
      }
      guard key.isEd25519, let seed = key.rawPrivateKey else {
        throw .invalidPrivateKey(reason: "it is not an Ed25519 key")
      }
      try self.init(seed: seed)
    }

    /// True for PEM that needs a passphrase.
    public static func isEncrypted(pem: String) -> Bool { pem.contains("-----BEGIN ENCRYPTED PRIVATE KEY-----") }

    /// Reads `-----BEGIN ENCRYPTED PRIVATE KEY-----` (PKCS #8, as `encryptedPEM` and `openssl pkcs8 -topk8` write it).
    public init(encryptedPEM pem: String, passphrase: [UInt8]) throws(CryptographyError) {
      guard let key = KeyHandle(encryptedPEM: pem, passphrase: passphrase) else {
        throw .invalidPrivateKey(reason: "the passphrase is wrong, or the file is damaged")
      }
      guard key.isEd25519, let seed = key.rawPrivateKey else {
        throw .invalidPrivateKey(reason: "it is not an Ed25519 key")
      }
      try self.init(seed: seed)
    }

    /// `-----BEGIN ENCRYPTED PRIVATE KEY-----`. Slow on purpose: each guess of the passphrase costs as much.
    public func encryptedPEM(passphrase: [UInt8]) -> String {
      guard let key = KeyHandle(rawPrivateKey: seed),
        let text = key.encryptedPEM(passphrase: passphrase, iterationCount: 600_000)
      else { preconditionFailure("no memory for an Ed25519 key") }
      return text
    }

    /// 64 bytes.
    public func signature(for message: [UInt8]) -> [UInt8] {
      guard let key = KeyHandle(rawPrivateKey: seed), let context = EVP_MD_CTX_new() else {
        preconditionFailure("no memory for an Ed25519 signature")
      }
      defer { EVP_MD_CTX_free(context) }
      return [UInt8](unsafeUninitializedCapacity: signatureByteCount) { buffer, count in
        var length = signatureByteCount
        guard EVP_DigestSignInit(context, nil, nil, nil, key.pointer) == 1,
          EVP_DigestSign(context, buffer.baseAddress, &length, message, message.count) == 1
        else { preconditionFailure("no memory for an Ed25519 signature") }
        count = length
      }
    }

    /// `-----BEGIN PRIVATE KEY-----`; to be kept secret.
    public var pem: String {
      // PrivateKeyInfo of Ed25519 is a fixed prefix and the seed (RFC 8410 §7).
      let prefix: [UInt8] = [
        0x30, 0x2E, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2B, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
      ]
      return "-----BEGIN PRIVATE KEY-----\n\(Base64.encode(prefix + seed))\n-----END PRIVATE KEY-----\n"
    }

    public var description: String { "Ed25519.PrivateKey(redacted)" }

    public var customMirror: Mirror { Mirror(self, children: []) }
  }
}

extension String {
  fileprivate func trimmingWhiteSpace() -> String {
    var text = Substring(self).drop(while: \.isWhitespace)
    while text.last?.isWhitespace == true { text.removeLast() }
    return String(text)
  }
}
