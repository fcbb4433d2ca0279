import Cryptography
import Synchronization
public import WireFormats

/// Knows callers by the tokens of `api_token`. What was found is remembered for a few seconds, so that a busy Agent does
/// not cost a query each time; a revoked token ends with that.
public final class TokenAuthenticator: Authenticator {
  /// In microseconds.
  private static let memory: Int64 = 5_000_000
  static let maximumRemembered = 4096
  /// The time of a token's last use is written at most once an hour. In microseconds.
  private static let lastUsePrecision: Int64 = 3_600_000_000

  private struct Remembered {
    var record: TokenRecord
    /// From then on the database is asked again.
    var until: Timestamp
  }

  private let tokens: TokenStore
  private let now: @Sendable () -> Timestamp
  private let remembered = Mutex<[SHA256Digest: Remembered]>([:])

  public init(tokens: TokenStore, now: @escaping @Sendable () -> Timestamp) {
    self.tokens = tokens
    self.now = now
  }

  public func identity(forToken token: String, mayLookUp: @Sendable () throws -> Void) async throws -> Identity? {
    guard TokenFormat.isWellFormed(token) else { return nil }
    let digest = SHA256.digest(of: token)
    let now = now()
    let known = remembered.withLock { $0[digest] }
    // A clock that was set back would have what is remembered hold for that long.
    if let known, now < known.until, known.until.microseconds - now.microseconds <= Self.memory {
      return known.record.isValid(at: now) ? known.record.identity : nil
    }
    if known == nil { try mayLookUp() }
    guard let record = try await tokens.find(digest: digest.bytes),
      ConstantTime.areEqual(record.digest, digest.bytes), record.isValid(at: now)
    else {
      remembered.withLock { $0[digest] = nil }
      return nil
    }
    remembered.withLock { remembered in
      if remembered[digest] == nil, remembered.count >= Self.maximumRemembered { Self.makeRoom(&remembered) }
      remembered[digest] = Remembered(
        record: record, until: Timestamp(microseconds: now.microseconds + Self.memory))
    }
    if record.lastUsedAt.map({ now.microseconds - $0.microseconds >= Self.lastUsePrecision }) ?? true {
      // For people who look for tokens that nobody needs; a request does not fail for it.
      try? await tokens.touch(digest: digest.bytes, at: now)
    }
    return record.identity
  }

  /// Forgets the quarter of the tokens that were looked up longest ago.
  private static func makeRoom(_ remembered: inout [SHA256Digest: Remembered]) {
    let oldest = remembered.sorted { $0.value.until < $1.value.until }.prefix(maximumRemembered / 4)
    for (digest, _) in oldest { remembered[digest] = nil }
  }
}
