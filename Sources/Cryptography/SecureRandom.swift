/// Unpredictable bytes from the operating system.
public enum SecureRandom {
  public static func bytes(count: Int) -> [UInt8] {
    var generator = SystemRandomNumberGenerator()
    return bytes(count: count, using: &generator)
  }

  /// The same from another source, for tests that need known bytes.
  public static func bytes(count: Int, using generator: inout some RandomNumberGenerator) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count + 7)
    while bytes.count < count {
      let word: UInt64 = generator.next()
      for shift in stride(from: 0, to: 64, by: 8) { bytes.append(UInt8(truncatingIfNeeded: word >> UInt64(shift))) }
    }
    bytes.removeLast(bytes.count - count)
    return bytes
  }

  /// A secret of 256 bits as 43 URL-safe characters.
  public static func token() -> String { Base64.encode(bytes(count: 32), alphabet: .urlSafe) }
}
