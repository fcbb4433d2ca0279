import Cryptography
import ResourceServer
import Synchronization
import WireFormats

/// Knows callers by the tokens of `api_token`. What was found is remembered for a few seconds, so that a busy Agent does
/// not cost a query each time; a revoked token ends with that.
final class TokenAuthenticator: Authenticator {
  /// In microseconds.
  private static let memory: Int64 = 5_000_000
  private static let maximumRemembered = 1024

  private struct Remembered {
    var record: TokenRecord
    var until: Timestamp
  }

  private let tokens: TokenStore
  private let now: @Sendable () -> Timestamp
  private let remembered = Mutex<[SHA256Digest: Remembered]>([:])

  init(tokens: TokenStore, now: @escaping @Sendable () -> Timestamp) {
    self.tokens = tokens
    self.now = now
  }

  func identity(forToken token: String) async throws -> Identity? {
    let digest = SHA256.digest(of: token)
    let now = now()
    if let known = remembered.withLock({ $0[digest] }), now < known.until {
      return known.record.isValid(at: now) ? Identity(name: known.record.name, role: known.record.role) : nil
    }
    guard let record = try await tokens.find(digest: digest.bytes),
      ConstantTime.areEqual(record.digest, digest.bytes), record.isValid(at: now)
    else { return nil }
    remembered.withLock { remembered in
      if remembered.count >= Self.maximumRemembered { remembered.removeAll() }
      remembered[digest] = Remembered(
        record: record, until: Timestamp(microseconds: now.microseconds + Self.memory))
    }
    return Identity(name: record.name, role: record.role)
  }
}
