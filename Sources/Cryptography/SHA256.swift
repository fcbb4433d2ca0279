import CLibCrypto
import Glibc

/// The digest of a message given piece by piece (FIPS 180-4).
public struct SHA256: ~Copyable {
  private let context: OpaquePointer

  public init() {
    // Fails only without memory, where Swift's own allocations trap too.
    guard let context = EVP_MD_CTX_new(), EVP_DigestInit_ex(context, EVP_sha256(), nil) == 1 else {
      preconditionFailure("no memory for a SHA-256 context")
    }
    self.context = context
  }

  deinit { EVP_MD_CTX_free(context) }

  public mutating func update(_ bytes: [UInt8]) {
    bytes.withUnsafeBytes { update(buffer: $0) }
  }

  public mutating func update(buffer: UnsafeRawBufferPointer) {
    EVP_DigestUpdate(context, buffer.baseAddress, buffer.count)
  }

  public consuming func finalize() -> SHA256Digest {
    let bytes = [UInt8](unsafeUninitializedCapacity: SHA256Digest.byteCount) { buffer, count in
      EVP_DigestFinal_ex(context, buffer.baseAddress, nil)
      count = SHA256Digest.byteCount
    }
    return SHA256Digest(finished: bytes)
  }

  public static func digest(of bytes: [UInt8]) -> SHA256Digest {
    var hash = SHA256()
    hash.update(bytes)
    return hash.finalize()
  }

  public static func digest(of text: String) -> SHA256Digest { digest(of: Array(text.utf8)) }

  /// Reads the file in pieces, so that its size does not matter. Blocks the thread meanwhile.
  public static func digest(ofFile path: String) throws(CryptographyError) -> SHA256Digest {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      throw .unreadableFile(path: path, reason: String(cString: strerror(errno)))
    }
    defer { close(descriptor) }
    var hash = SHA256()
    var buffer = [UInt8](repeating: 0, count: 256 << 10)
    while true {
      let count = read(descriptor, &buffer, buffer.count)
      if count == 0 { return hash.finalize() }
      if count > 0 {
        buffer.withUnsafeBytes { hash.update(buffer: UnsafeRawBufferPointer(rebasing: $0[..<count])) }
      } else if errno != EINTR {
        throw .unreadableFile(path: path, reason: String(cString: strerror(errno)))
      }
    }
  }
}

/// A SHA-256 digest. Equality takes the same time wherever the difference is.
public struct SHA256Digest: Sendable, Hashable, CustomStringConvertible {
  public static let byteCount = 32

  public let bytes: [UInt8]

  init(finished bytes: [UInt8]) { self.bytes = bytes }

  /// Nil unless there are 32 bytes.
  public init?(bytes: [UInt8]) {
    guard bytes.count == Self.byteCount else { return nil }
    self.bytes = bytes
  }

  /// Nil unless the text is 64 hexadecimal digits, in either case.
  public init?(hexadecimal: String) {
    guard let bytes = Hexadecimal.decode(hexadecimal) else { return nil }
    self.init(bytes: bytes)
  }

  /// 64 digits in lower case.
  public var hexadecimal: String { Hexadecimal.encode(bytes) }

  public var description: String { hexadecimal }

  public static func == (left: SHA256Digest, right: SHA256Digest) -> Bool {
    ConstantTime.areEqual(left.bytes, right.bytes)
  }
}
