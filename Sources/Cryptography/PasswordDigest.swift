import CLibCrypto

/// What is kept of a password: scrypt (RFC 7914) over it and a salt of its own, with its costs, so that these can rise. Written
/// as `$scrypt$ln=15,r=8,p=3$SALT$HASH` (PHC string format).
public struct PasswordDigest: Sendable, Hashable {
  /// How much a guess costs.
  public struct Cost: Sendable, Hashable {
    /// The logarithm of N, to the base 2.
    public var logarithm: Int
    public var blockSize: Int
    public var parallelization: Int

    /// - Returns: nil where the costs are too small to be of use or larger than this program lets anybody demand.
    public init?(logarithm: Int, blockSize: Int, parallelization: Int) {
      guard (4...20).contains(logarithm), (1...32).contains(blockSize), (1...16).contains(parallelization),
        128 * blockSize << logarithm <= 256 << 20
      else { return nil }
      self.logarithm = logarithm
      self.blockSize = blockSize
      self.parallelization = parallelization
    }

    private init(_ logarithm: Int, _ blockSize: Int, _ parallelization: Int) {
      self.logarithm = logarithm
      self.blockSize = blockSize
      self.parallelization = parallelization
    }

    /// 32 MB of memory, some tenths of a second: one of the equal choices that OWASP names.
    public static let standard = Cost(15, 8, 3)
    /// Worth nothing; for tests, which make many.
    public static let trivial = Cost(4, 1, 1)
  }

  private static let saltByteCount = 16
  private static let hashByteCount = 32

  public let cost: Cost
  private let salt: [UInt8]
  private let hash: [UInt8]

  /// Takes its time and memory, and blocks the thread meanwhile.
  /// - Parameter salt: nil for a random one.
  public init(of password: [UInt8], cost: Cost, salt: [UInt8]? = nil) {
    let salt = salt ?? SecureRandom.bytes(count: Self.saltByteCount)
    self.cost = cost
    self.salt = salt
    hash = Self.derive(password, salt, cost, byteCount: Self.hashByteCount)
  }

  /// Of no password; checking one against it costs as much as any other.
  public static func unmatchable(cost: Cost) -> PasswordDigest {
    PasswordDigest(
      cost: cost, salt: SecureRandom.bytes(count: saltByteCount), hash: SecureRandom.bytes(count: hashByteCount))
  }

  private init(cost: Cost, salt: [UInt8], hash: [UInt8]) {
    self.cost = cost
    self.salt = salt
    self.hash = hash
  }

  /// Nil for what `text` does not write.
  public init?(text: String) {
    let parts = text.split(separator: "$", omittingEmptySubsequences: false).map(String.init)
    guard parts.count == 5, parts[0].isEmpty, parts[1] == "scrypt" else { return nil }
    var numbers: [Int] = []
    for (name, item) in zip(["ln=", "r=", "p="], parts[2].split(separator: ",", omittingEmptySubsequences: false)) {
      guard item.hasPrefix(name), let number = Int(item.dropFirst(name.count)) else { return nil }
      numbers.append(number)
    }
    guard numbers.count == 3,
      let cost = Cost(logarithm: numbers[0], blockSize: numbers[1], parallelization: numbers[2]),
      let salt = Self.decode(parts[3]), (8...64).contains(salt.count), let hash = Self.decode(parts[4]),
      hash.count == Self.hashByteCount
    else { return nil }
    self.cost = cost
    self.salt = salt
    self.hash = hash
  }

  public var text: String {
    "$scrypt$ln=\(cost.logarithm),r=\(cost.blockSize),p=\(cost.parallelization)$\(Self.encode(salt))$\(Self.encode(hash))"
  }

  /// Costs as much as making it; compares in constant time.
  public func matches(_ password: [UInt8]) -> Bool {
    ConstantTime.areEqual(Self.derive(password, salt, cost, byteCount: Self.hashByteCount), hash)
  }

  static func derive(_ password: [UInt8], _ salt: [UInt8], _ cost: Cost, byteCount: Int) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: byteCount) { buffer, count in
      let isDerived = password.withUnsafeBytes { password in
        EVP_PBE_scrypt(
          password.baseAddress?.assumingMemoryBound(to: CChar.self), password.count, salt, salt.count,
          1 << UInt64(cost.logarithm), UInt64(cost.blockSize), UInt64(cost.parallelization), 512 << 20,
          buffer.baseAddress, byteCount)
      }
      precondition(isDerived == 1, "no memory for scrypt")
      count = byteCount
    }
  }

  /// Base 64 without padding, as this format has it.
  private static func encode(_ bytes: [UInt8]) -> String { Base64.encode(bytes).filter { $0 != "=" } }

  private static func decode(_ text: String) -> [UInt8]? {
    text.contains("=") ? nil : Base64.decode(text + String(repeating: "=", count: (4 - text.utf8.count % 4) % 4))
  }
}
