import ArgumentParser
import Cryptography
import Database
import ResourceServer
import Synchronization
import Testing
import WireFormats

@testable import Access
@testable import Backend
@testable import ServerPrograms

@Suite struct TokenTests {
  let right = TokenFormat.make()

  private func record(_ name: String, token: String, expiresAt: Timestamp? = nil) -> TokenRecord {
    TokenRecord(
      name: name, roles: [.viewer], digest: SHA256.digest(of: token).bytes, createdAt: Timestamp(seconds: 1),
      expiresAt: expiresAt)
  }

  @Test func aTokenIsKnownUntilItExpires() async throws {
    let tokens = TokenStore(database: try await BackendDatabase.open())
    try await tokens.insert(record("me", token: right, expiresAt: Timestamp(seconds: 100)))
    let clock = Mutex(Timestamp(seconds: 99))
    let authenticator = TokenAuthenticator(tokens: tokens, now: { clock.withLock { $0 } })
    #expect(try await authenticator.identity(forToken: right) {} == Identity(name: "me", role: .viewer))
    #expect(try await authenticator.identity(forToken: TokenFormat.make()) {} == nil)
    clock.withLock { $0 = Timestamp(seconds: 100) }
    #expect(try await authenticator.identity(forToken: right) {} == nil)
  }

  @Test func aRevokedTokenIsForgottenWithinSeconds() async throws {
    let tokens = TokenStore(database: try await BackendDatabase.open())
    try await tokens.insert(record("me", token: right))
    let clock = Mutex(Timestamp(seconds: 1))
    let authenticator = TokenAuthenticator(tokens: tokens, now: { clock.withLock { $0 } })
    #expect(try await authenticator.identity(forToken: right) {} != nil)
    #expect(try await tokens.remove(name: "me"))
    #expect(try await tokens.remove(name: "me") == false)
    clock.withLock { $0 = Timestamp(seconds: 7) }
    #expect(try await authenticator.identity(forToken: right) {} == nil)
  }

  private struct TooMany: Error {}

  @Test(arguments: ["", "wrong", "wtk_", String(repeating: "a", count: 42)]) func garbageCostsNoQuery(token: String)
    async throws
  {
    let tokens = TokenStore(database: try await BackendDatabase.open())
    let authenticator = TokenAuthenticator(tokens: tokens, now: { Timestamp(seconds: 1) })
    #expect(try await authenticator.identity(forToken: token) { throw TooMany() } == nil)
    var mistyped = Array(right)
    mistyped[10] = mistyped[10] == "a" ? "b" : "a"
    #expect(try await authenticator.identity(forToken: String(mistyped)) { throw TooMany() } == nil)
    await #expect(throws: TooMany.self) { try await authenticator.identity(forToken: right) { throw TooMany() } }
  }

  @Test func aTokenThatWasValidIsLookedUpAgainHoweverManyTry() async throws {
    let tokens = TokenStore(database: try await BackendDatabase.open())
    try await tokens.insert(record("me", token: right))
    let clock = Mutex(Timestamp(seconds: 1))
    let authenticator = TokenAuthenticator(tokens: tokens, now: { clock.withLock { $0 } })
    #expect(try await authenticator.identity(forToken: right) {} != nil)
    clock.withLock { $0 = Timestamp(seconds: 100) }
    #expect(try await authenticator.identity(forToken: right) { throw TooMany() } != nil)
  }

  @Test func tokensOfTheFirstVersionsStayValid() async throws {
    let tokens = TokenStore(database: try await BackendDatabase.open())
    let plain = SecureRandom.token()
    try await tokens.insert(record("old", token: plain))
    let authenticator = TokenAuthenticator(tokens: tokens, now: { Timestamp(seconds: 1) })
    #expect(try await authenticator.identity(forToken: plain) {} == Identity(name: "old", role: .viewer))
  }

  @Test func aTokenIsRecognisedByItsFormAlone() {
    #expect(right.hasPrefix("wtk_"))
    #expect(right.utf8.count == 55)
    #expect(TokenFormat.isWellFormed(right))
    for index in right.indices {
      var other = right
      other.replaceSubrange(index...index, with: right[index] == "A" ? "B" : "A")
      #expect(!TokenFormat.isWellFormed(other))
    }
  }

  @Test func aNameIsTakenOnce() async throws {
    let tokens = TokenStore(database: try await BackendDatabase.open())
    try await tokens.insert(record("me", token: "one"))
    let error = await #expect(throws: DatabaseError.self) { try await tokens.insert(record("me", token: "two")) }
    #expect(error?.code == .uniqueViolation)
  }

  @Test func theListShowsEverythingButTokens() {
    let lines = TokenTable.lines(
      [
        record("a-long-name", token: "x"), record("b", token: "y", expiresAt: Timestamp(seconds: 5)),
      ], tenantTitle: "NAMESPACE", now: Timestamp(seconds: 9))
    #expect(
      lines == [
        "NAME          ROLE     NAMESPACE   CREATED                LAST USED   EXPIRES",
        "a-long-name   viewer   all         1970-01-01T00:00:01Z   never       never",
        "b             viewer   all         1970-01-01T00:00:01Z   never       1970-01-01T00:00:05Z (expired)",
      ])
  }

  private func agent(_ name: String, token: String, _ binding: AgentBinding?) -> TokenRecord {
    TokenRecord(
      name: name, roles: [.agent], digest: SHA256.digest(of: token).bytes, createdAt: Timestamp(seconds: 1),
      tenant: binding?.namespace, bindings: binding.map { ["lease": $0.lease] } ?? [:])
  }

  @Test func anAgentsTokenIsBoundToItsNamespaceAndLease() async throws {
    let tokens = TokenStore(database: try await BackendDatabase.open())
    let binding = AgentBinding(namespace: "shop", lease: "one")
    try await tokens.insert(agent("a", token: right, binding))
    let authenticator = TokenAuthenticator(tokens: tokens, now: { Timestamp(seconds: 1) })
    // Looked up, and remembered.
    for _ in 1...2 {
      let identity = try #require(try await authenticator.identity(forToken: right) {})
      #expect(identity == Identity(name: "a", role: .agent, tenant: "shop", bindings: ["lease": "one"]))
      #expect(AgentBinding(identity) == binding)
    }
  }

  @Test func theListWarnsOfAgentsThatAreBoundToNoNamespace() async throws {
    let tokens = TokenStore(database: try await BackendDatabase.open())
    try await tokens.insert(agent("new", token: "x", AgentBinding(namespace: "shop")))
    try await tokens.insert(record("reader", token: "z"))
    #expect(AgentScope.warning(try await tokens.all()) == nil)
    try await tokens.insert(agent("old", token: "y", nil))
    let all = try await tokens.all()
    let warning = try #require(AgentScope.warning(all))
    #expect(warning.contains("with old an Agent may"))
    #expect(!warning.contains("new,"))
    let lines = TokenTable.lines(all, tenantTitle: "NAMESPACE", now: Timestamp(seconds: 9))
    #expect(lines.map { $0.split(separator: " ")[2] } == ["NAMESPACE", "shop", "all", "all"])
  }

  @Test(
    arguments: [
      (["--role", "agent"], "--namespace NAMESPACE"), (["--role", "viewer", "--namespace", "a"], "--role agent"),
      (["--role", "admin", "--lease", "a"], "--role agent"),
      (["--role", "agent", "--namespace", "A B"], "--namespace"),
      (["--role", "agent", "--namespace", "a", "--lease", "/"], "--lease"),
    ])
  func aBindingThatMakesNoSenseIsRefused(arguments: [String], named: String) {
    let error = #expect(throws: (any Error).self) {
      try TokenCreateCommand<BackendProgram>.parse(["--name", "x"] + arguments)
    }
    #expect(TokenCreateCommand<BackendProgram>.message(for: error ?? CancellationError()).contains(named))
  }

  @Test(arguments: [("90d", 90 * 86_400), ("720h", 720 * 3600), ("1h30m", 5400)] as [(String, Int64)])
  func aTokensLifetimeIsReadInDaysAndHours(text: String, seconds: Int64) throws {
    let command = try TokenCreateCommand<BackendProgram>.parse(["--role", "admin", "--name", "x", "--expires", text])
    #expect(command.expires == .seconds(seconds))
  }

  @Test(arguments: ["soon", "90", "-1d", "90days", "0d", "0", "99999999999h", "--name"])
  func aLifetimeThatIsNoneIsRefusedWithTheFormsThereAre(text: String) {
    let error = #expect(throws: (any Error).self) {
      try TokenCreateCommand<BackendProgram>.parse(["--role", "admin", "--name", "x", "--expires", text])
    }
    let message = TokenCreateCommand<BackendProgram>.message(for: error ?? CancellationError())
    #expect(message.contains("'\(text)' is invalid for '--expires"), "\(message)")
    #expect(message.contains("must be a span of time: days (90d), or hours"), "\(message)")
  }

  @Test func theLastUseIsKeptToTheHour() async throws {
    let tokens = TokenStore(database: try await BackendDatabase.open())
    try await tokens.insert(record("me", token: right))
    let clock = Mutex(Timestamp(seconds: 10))
    let authenticator = TokenAuthenticator(tokens: tokens, now: { clock.withLock { $0 } })
    for (now, lastUse) in [(10, 10), (1000, 10), (3600, 10), (3610, 3610)] as [(Int64, Int64)] {
      clock.withLock { $0 = Timestamp(seconds: now) }
      _ = try await authenticator.identity(forToken: right) {}
      #expect(try await tokens.all().first?.lastUsedAt == Timestamp(seconds: lastUse))
    }
  }
}
