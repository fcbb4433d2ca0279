import Cryptography
import Database
import ResourceServer
import Synchronization
import Testing
import WireFormats

@testable import Backend

@Suite struct TokenTests {
  private func record(_ name: String, token: String, expiresAt: Timestamp? = nil) -> TokenRecord {
    TokenRecord(
      name: name, role: .viewer, digest: SHA256.digest(of: token).bytes, createdAt: Timestamp(seconds: 1),
      expiresAt: expiresAt)
  }

  @Test func aTokenIsKnownUntilItExpires() async throws {
    let tokens = TokenStore(database: try await BackendDatabase.open())
    try await tokens.insert(record("me", token: "right", expiresAt: Timestamp(seconds: 100)))
    let clock = Mutex(Timestamp(seconds: 99))
    let authenticator = TokenAuthenticator(tokens: tokens, now: { clock.withLock { $0 } })
    #expect(try await authenticator.identity(forToken: "right") == Identity(name: "me", role: .viewer))
    #expect(try await authenticator.identity(forToken: "wrong") == nil)
    #expect(try await authenticator.identity(forToken: "") == nil)
    clock.withLock { $0 = Timestamp(seconds: 100) }
    #expect(try await authenticator.identity(forToken: "right") == nil)
  }

  @Test func aRevokedTokenIsForgottenWithinSeconds() async throws {
    let tokens = TokenStore(database: try await BackendDatabase.open())
    try await tokens.insert(record("me", token: "right"))
    let clock = Mutex(Timestamp(seconds: 1))
    let authenticator = TokenAuthenticator(tokens: tokens, now: { clock.withLock { $0 } })
    #expect(try await authenticator.identity(forToken: "right") != nil)
    #expect(try await tokens.remove(name: "me"))
    #expect(try await tokens.remove(name: "me") == false)
    clock.withLock { $0 = Timestamp(seconds: 7) }
    #expect(try await authenticator.identity(forToken: "right") == nil)
  }

  @Test func aNameIsTakenOnce() async throws {
    let tokens = TokenStore(database: try await BackendDatabase.open())
    try await tokens.insert(record("me", token: "one"))
    let error = await #expect(throws: DatabaseError.self) { try await tokens.insert(record("me", token: "two")) }
    #expect(error?.code == .uniqueViolation)
  }

  @Test func theListShowsEverythingButTokens() {
    let lines = TokenListCommand.lines(
      [
        record("a-long-name", token: "x"), record("b", token: "y", expiresAt: Timestamp(seconds: 5)),
      ], now: Timestamp(seconds: 9))
    #expect(
      lines == [
        "NAME          ROLE     CREATED                EXPIRES",
        "a-long-name   viewer   1970-01-01T00:00:01Z   never",
        "b             viewer   1970-01-01T00:00:01Z   1970-01-01T00:00:05Z (expired)",
      ])
  }
}
