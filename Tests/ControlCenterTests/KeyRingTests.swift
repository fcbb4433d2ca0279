import Access
import Cryptography
import Database
import TestSupport
import Testing

@testable import ControlCenter

/// Keys in memory, and what keeps them as the table is.
@Suite(.postgreSQLServer, .timeLimit(.minutes(2))) struct KeyRingTests {
  private func keys(_ fixture: FleetFixture) -> OrganizationKeys {
    OrganizationKeys(database: fixture.database, makeID: fixture.parts.makeID, now: fixture.parts.now)
  }

  private func owner(_ key: String, _ fixture: FleetFixture) -> String? {
    fixture.parts.keys.organization(SHA256.digest(of: key))
  }

  /// A notification that was lost, or that nobody sent.
  @Test(arguments: TestDatabase.available)
  func changesThatNobodyToldOfAreFound(_ database: TestDatabase) async throws {
    try await FleetFixture.with(database) { fixture in
      try await fixture.addOrganization("acme")
      try await fixture.addOrganization("other")
      try await fixture.parts.keys.load()
      let (key, record) = try await keys(fixture).create(for: "acme")
      let (kept, _) = try await keys(fixture).create(for: "other")
      #expect(owner(key, fixture) == nil)
      try await fixture.parts.keys.pass([])
      #expect(owner(key, fixture) == "acme" && owner(kept, fixture) == "other")
      // By plain SQL, as another program does it, and with all of an organization.
      try await fixture.execute("DELETE FROM gcc_organization_key WHERE id = '\(record.id)'")
      try await fixture.parts.keys.pass([])
      #expect(owner(key, fixture) == nil && owner(kept, fixture) == "other")
      try await fixture.execute("DELETE FROM organizational_service WHERE name = 'other'")
      try await fixture.parts.keys.pass([])
      #expect(owner(kept, fixture) == nil && fixture.parts.keys.count == 0)
    }
  }

  /// Thousands of keys that are made at once are read once, and not anew for each that follows.
  @Test(arguments: TestDatabase.available)
  func whatWasNotifiedIsReadAlone(_ database: TestDatabase) async throws {
    try await FleetFixture.with(database) { fixture in
      for name in ["acme", "other"] { try await fixture.addOrganization(name) }
      try await fixture.parts.keys.load()
      let (key, _) = try await keys(fixture).create(for: "acme")
      let (unseen, _) = try await keys(fixture).create(for: "other")
      try await fixture.parts.keys.pass(["acme"])
      #expect(owner(key, fixture) == "acme" && owner(unseen, fixture) == nil)
      fixture.advance(.seconds(15))
      try await fixture.parts.keys.pass(["acme"])
      #expect(owner(unseen, fixture) == "other")
    }
  }

  /// After a pause, such as of a database that was away, everything is read.
  @Test(arguments: TestDatabase.available)
  func afterALongPauseEverythingIsRead(_ database: TestDatabase) async throws {
    try await FleetFixture.with(database) { fixture in
      try await fixture.addOrganization("acme")
      try await fixture.parts.keys.load()
      let (key, _) = try await keys(fixture).create(for: "acme")
      try await fixture.execute("DELETE FROM gcc_key_change")
      try await fixture.parts.keys.pass([])
      #expect(owner(key, fixture) == nil)
      fixture.advance(.seconds(300))
      try await fixture.parts.keys.pass([])
      #expect(owner(key, fixture) == "acme")
    }
  }
}
