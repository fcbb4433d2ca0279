import Access
import Cryptography

/// Knows customers by their API keys, CI by the token of the environment (`CI_TOKEN`), and all others by the tokens of the
/// table `api_token`.
struct FleetAuthenticator: Authenticator {
  let keys: KeyRing
  let tokens: TokenAuthenticator
  /// Of `CI_TOKEN`.
  let ciToken: SHA256Digest?

  func identity(forToken token: String, mayLookUp: @Sendable () throws -> Void) async throws -> Identity? {
    let digest = SHA256.digest(of: token)
    if let ciToken, ConstantTime.areEqual(digest.bytes, ciToken.bytes) { return Identity(name: "ci", role: .ci) }
    if let organization = keys.organization(digest) {
      return Identity(name: "organization:\(organization)", role: .customer, tenant: organization)
    }
    return try await tokens.identity(forToken: token, mayLookUp: mayLookUp)
  }
}
