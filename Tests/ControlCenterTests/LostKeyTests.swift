import Cryptography
import Database
import ProgramConfiguration
import TestSupport
import Testing

@testable import ControlCenter

/// The secrets of webhooks, and a server that is given another key than the one that sealed them.
@Suite(.postgreSQLServer, .timeLimit(.minutes(2))) struct LostKeyTests {
  @Test(arguments: TestDatabase.available)
  func aServerWithAnotherKeyDoesNotStartUnlessItMayForget(_ database: TestDatabase) async throws {
    try await FleetFixture.with(database) { fixture in
      let old = WebhookSecrets(
        database: fixture.database, box: try #require(AES256GCM(key: Array(repeating: 1, count: 32))))
      let new = WebhookSecrets(
        database: fixture.database, box: try #require(AES256GCM(key: Array(repeating: 2, count: 32))))
      for name in ["acme", "beta", "none"] { try await fixture.addOrganization(name) }
      // Without a secret any key is as good as another.
      try await new.requireKey()
      for name in ["acme", "beta"] { _ = try await old.set("a secret of many characters", for: name) }
      try await old.requireKey()
      let error = await #expect(throws: ConfigurationError.self) { try await new.requireKey() }
      #expect(error?.setting == "GCC_SECRET_KEY_FILE")
      #expect(error?.message.contains("--forget-webhook-secrets") == true)

      _ = try await new.set("another secret of many characters", for: "beta")
      try await new.forgetSealedWithAnotherKey(fixture.parts.audit)
      try await new.requireKey()
      let kept = try await fixture.query(
        "SELECT name FROM organizational_service WHERE \"webhookSecret\" IS NOT NULL ORDER BY name")
      #expect(kept.map { $0[0].text } == ["beta"])
      let audited = try await fixture.query(
        "SELECT object FROM audit_entry WHERE action = 'WebhookSecretForgotten' ORDER BY sequence")
      #expect(audited.map { $0[0].text } == ["acme"])
    }
  }
}
