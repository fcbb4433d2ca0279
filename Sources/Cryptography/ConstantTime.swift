import CLibCrypto

/// Comparison of secrets whose time does not tell how much of a guess was right.
public enum ConstantTime {
  /// The lengths are not secret: different ones are told apart at once.
  public static func areEqual(_ left: [UInt8], _ right: [UInt8]) -> Bool {
    left.count == right.count && CRYPTO_memcmp(left, right, left.count) == 0
  }

  public static func areEqual(_ left: String, _ right: String) -> Bool {
    areEqual(Array(left.utf8), Array(right.utf8))
  }
}
