import CLibCrypto

/// An OpenSSL key, freed with its owner.
struct KeyHandle: ~Copyable {
  let pointer: OpaquePointer

  init?(rawPublicKey bytes: [UInt8]) {
    self.init(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nil, bytes, bytes.count))
  }

  init?(rawPrivateKey bytes: [UInt8]) {
    self.init(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nil, bytes, bytes.count))
  }

  init?(publicPEM pem: String) {
    self.init(Self.read(pem) { PEM_read_bio_PUBKEY($0, nil, nil, nil) })
  }

  /// SubjectPublicKeyInfo (RFC 5280 §4.1).
  init?(publicDER bytes: [UInt8]) {
    self.init(
      bytes.withUnsafeBufferPointer { buffer in
        var place = buffer.baseAddress
        return d2i_PUBKEY(nil, &place, buffer.count)
      })
  }

  init?(privatePEM pem: String) {
    // Without a callback of ours OpenSSL would ask the terminal for the passphrase of an encrypted key.
    self.init(Self.read(pem) { PEM_read_bio_PrivateKey($0, nil, { _, _, _, _ in -1 }, nil) })
  }

  /// PKCS #8 that `encryptedPEM` or OpenSSL wrote.
  init?(encryptedPEM pem: String, passphrase: [UInt8]) {
    self.init(
      Self.read(pem) { source in
        guard let encrypted = PEM_read_bio_PKCS8(source, nil, nil, nil) else { return nil }
        defer { X509_SIG_free(encrypted) }
        let information = passphrase.withUnsafeBytes {
          PKCS8_decrypt(encrypted, $0.baseAddress?.assumingMemoryBound(to: CChar.self), Int32(clamping: $0.count))
        }
        guard let information else { return nil }
        defer { PKCS8_PRIV_KEY_INFO_free(information) }
        return EVP_PKCS82PKEY(information)
      })
  }

  /// `-----BEGIN ENCRYPTED PRIVATE KEY-----`: AES-256, the key from the passphrase by PBKDF2 with SHA-256.
  func encryptedPEM(passphrase: [UInt8], iterationCount: Int32) -> String? {
    guard let information = EVP_PKEY2PKCS8(pointer) else { return nil }
    defer { PKCS8_PRIV_KEY_INFO_free(information) }
    let encrypted = passphrase.withUnsafeBytes {
      PKCS8_encrypt(
        -1, EVP_aes_256_cbc(), $0.baseAddress?.assumingMemoryBound(to: CChar.self), Int32(clamping: $0.count), nil, 0,
        iterationCount, information)
    }
    guard let encrypted, let output = BIO_new(BIO_s_mem()) else { return nil }
    defer {
      X509_SIG_free(encrypted)
      BIO_free(output)
    }
    guard PEM_write_bio_PKCS8(output, encrypted) == 1 else { return nil }
    var text = [UInt8](repeating: 0, count: 4096)
    let count = BIO_read(output, &text, Int32(text.count))
    return count > 0 ? String(decoding: text[..<Int(count)], as: UTF8.self) : nil
  }

  private init?(_ pointer: OpaquePointer?) {
    guard let pointer else {
      ERR_clear_error()
      return nil
    }
    self.pointer = pointer
  }

  deinit { EVP_PKEY_free(pointer) }

  var isEd25519: Bool { EVP_PKEY_get_id(pointer) == EVP_PKEY_ED25519 }

  var isRSA: Bool { EVP_PKEY_get_id(pointer) == EVP_PKEY_RSA }

  var bitCount: Int { Int(EVP_PKEY_get_bits(pointer)) }

  var rawPublicKey: [UInt8]? { raw(EVP_PKEY_get_raw_public_key) }

  var rawPrivateKey: [UInt8]? { raw(EVP_PKEY_get_raw_private_key) }

  private func raw(
    _ read: (OpaquePointer?, UnsafeMutablePointer<UInt8>?, UnsafeMutablePointer<Int>?) -> Int32
  ) -> [UInt8]? {
    var bytes = [UInt8](repeating: 0, count: Ed25519.keyByteCount)
    var count = bytes.count
    guard read(pointer, &bytes, &count) == 1, count == bytes.count else { return nil }
    return bytes
  }

  private static func read(_ pem: String, _ parse: (OpaquePointer) -> OpaquePointer?) -> OpaquePointer? {
    let bytes = Array(pem.utf8)
    return bytes.withUnsafeBytes { buffer in
      guard let source = BIO_new_mem_buf(buffer.baseAddress, Int32(clamping: buffer.count)) else { return nil }
      defer { BIO_free(source) }
      return parse(source)
    }
  }
}
