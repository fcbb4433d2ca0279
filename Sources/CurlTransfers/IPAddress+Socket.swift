import Addresses
import Glibc

extension IPAddress {
  /// Reads what a socket is about to connect to; nil where that is not an address of the Internet Protocol.
  init?(_ socketAddress: UnsafeRawBufferPointer) {
    func bytes(_ offset: Int?, count: Int) -> Slice<UnsafeRawBufferPointer>? {
      guard let offset, offset + count <= socketAddress.count else { return nil }
      return socketAddress[offset..<offset + count]
    }
    guard socketAddress.count >= MemoryLayout<sa_family_t>.size else { return nil }
    switch Int32(socketAddress.loadUnaligned(as: sa_family_t.self)) {
    case AF_INET:
      guard let bytes = bytes(MemoryLayout<sockaddr_in>.offset(of: \.sin_addr), count: 4) else { return nil }
      self = .v4(bytes.reduce(0) { $0 << 8 | UInt32($1) })
    case AF_INET6:
      guard let bytes = bytes(MemoryLayout<sockaddr_in6>.offset(of: \.sin6_addr), count: 16) else { return nil }
      self = .v6(bytes.reduce(0) { $0 << 8 | UInt128($1) })
    default: return nil
    }
  }
}
