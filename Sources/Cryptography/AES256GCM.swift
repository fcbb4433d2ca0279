import CLibCrypto

/// Encryption that also shows whether anybody changed what was encrypted (AES-256-GCM, NIST SP 800-38D).
public struct AES256GCM: Sendable {
  public static let keyByteCount = 32
  private static let nonceByteCount = 12
  private static let tagByteCount = 16

  private let key: [UInt8]

  /// Nil where the key does not have 32 bytes.
  public init?(key: [UInt8]) {
    guard key.count == Self.keyByteCount else { return nil }
    self.key = key
  }

  /// - Parameters:
  ///   - context: what the text belongs to; it opens with the same context only, so that it cannot be moved elsewhere.
  ///   - nonce: 12 bytes that were never used with this key; nil for random ones, with which a key is good for 2³²
  ///     texts.
  /// - Returns: nonce, ciphertext and tag.
  public func seal(_ text: [UInt8], context: [UInt8], nonce: [UInt8]? = nil) -> [UInt8] {
    let nonce = nonce ?? SecureRandom.bytes(count: Self.nonceByteCount)
    precondition(nonce.count == Self.nonceByteCount, "a nonce has 12 bytes")
    guard let cipher = EVP_CIPHER_CTX_new() else { fatalError("out of memory") }
    defer { EVP_CIPHER_CTX_free(cipher) }
    var sealed = [UInt8](repeating: 0, count: text.count + Self.tagByteCount)
    var count: Int32 = 0
    let isSealed =
      EVP_EncryptInit_ex(cipher, EVP_aes_256_gcm(), nil, key, nonce) == 1
      && EVP_EncryptUpdate(cipher, nil, &count, context, Int32(context.count)) == 1
      && EVP_EncryptUpdate(cipher, &sealed, &count, text, Int32(text.count)) == 1
      && EVP_EncryptFinal_ex(cipher, nil, &count) == 1
      && sealed.withUnsafeMutableBytes {
        EVP_CIPHER_CTX_ctrl(
          cipher, EVP_CTRL_GCM_GET_TAG, Int32(Self.tagByteCount), $0.baseAddress.map { $0 + text.count }) == 1
      }
    precondition(isSealed, "AES-256-GCM is missing from OpenSSL")
    return nonce + sealed
  }

  /// Nil where it was sealed with another key or for another context, or is not what was sealed.
  public func open(_ sealed: [UInt8], context: [UInt8]) -> [UInt8]? {
    let length = sealed.count - Self.nonceByteCount - Self.tagByteCount
    guard length >= 0, let cipher = EVP_CIPHER_CTX_new() else { return nil }
    defer { EVP_CIPHER_CTX_free(cipher) }
    let nonce = Array(sealed.prefix(Self.nonceByteCount))
    let content = Array(sealed.dropFirst(Self.nonceByteCount).prefix(length))
    var tag = Array(sealed.suffix(Self.tagByteCount))
    var text = [UInt8](repeating: 0, count: length + 1)
    var count: Int32 = 0
    let isWhole =
      EVP_DecryptInit_ex(cipher, EVP_aes_256_gcm(), nil, key, nonce) == 1
      && EVP_DecryptUpdate(cipher, nil, &count, context, Int32(context.count)) == 1
      && EVP_DecryptUpdate(cipher, &text, &count, content, Int32(length)) == 1
      && EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_GCM_SET_TAG, Int32(Self.tagByteCount), &tag) == 1
      && EVP_DecryptFinal_ex(cipher, nil, &count) == 1
    return isWhole ? Array(text.prefix(length)) : nil
  }
}
