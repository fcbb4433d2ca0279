import CLibCrypto

/// Message authentication with a shared key (RFC 2104 over SHA-256).
public enum HMACSHA256 {
  /// 32 bytes that only the holders of the key can compute.
  public static func authenticationCode(for message: [UInt8], key: [UInt8]) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: SHA256Digest.byteCount) { buffer, count in
      // A null key pointer would mean "the key of before" to OpenSSL.
      let key = key.isEmpty ? [0] : key
      HMAC(EVP_sha256(), key, Int32(key.count), message, message.count, buffer.baseAddress, nil)
      count = SHA256Digest.byteCount
    }
  }

  /// In constant time.
  public static func isValid(_ code: [UInt8], for message: [UInt8], key: [UInt8]) -> Bool {
    ConstantTime.areEqual(code, authenticationCode(for: message, key: key))
  }
}
