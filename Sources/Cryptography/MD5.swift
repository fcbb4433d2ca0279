import CLibCrypto

/// The checksum that object stores keep of their objects (RFC 1321), given piece by piece. It shows damage on the way; against
/// forgery it is worth nothing.
public struct MD5: ~Copyable {
  public static let byteCount = 16

  private let context: OpaquePointer

  /// Nil where the system's OpenSSL offers no MD5, as one that follows FIPS 140 does.
  public init?() {
    guard let context = EVP_MD_CTX_new() else { return nil }
    guard EVP_DigestInit_ex(context, EVP_md5(), nil) == 1 else {
      EVP_MD_CTX_free(context)
      ERR_clear_error()
      return nil
    }
    self.context = context
  }

  deinit { EVP_MD_CTX_free(context) }

  public mutating func update(_ bytes: [UInt8]) {
    bytes.withUnsafeBytes { _ = EVP_DigestUpdate(context, $0.baseAddress, $0.count) }
  }

  /// 16 bytes.
  public consuming func finalize() -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: Self.byteCount) { buffer, count in
      EVP_DigestFinal_ex(context, buffer.baseAddress, nil)
      count = Self.byteCount
    }
  }

  /// 16 bytes; nil where there is no MD5.
  public static func digest(of bytes: [UInt8]) -> [UInt8]? {
    guard var hash = MD5() else { return nil }
    hash.update(bytes)
    return hash.finalize()
  }
}
