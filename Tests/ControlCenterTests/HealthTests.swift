import Database
import FleetKinds
import FleetProtocol
import Logging
import Reconciliation
import ResourceModel
import ResourceStorage
import TestSupport
import Testing
import WireFormats

@testable import ControlCenter

/// Who is there and who is not (spec §11.1), by this server's clock.
@Suite(.postgreSQLServer, .timeLimit(.minutes(5))) struct HealthTests {
  private func sweep(_ fixture: FleetFixture) async throws {
    while try await fixture.parts.health.pass() == .now {}
  }

  @Test(arguments: TestDatabase.available)
  func aHeartbeatIsWrittenAndIsNoChangeOfTheObjectUnlessItComesBack(_ database: TestDatabase) async throws {
    try await FleetFixture.with(database) { fixture in
      try await fixture.addOrganization("acme")
      try await fixture.heartbeat("acme", version: "2.2.0")
      let first = try await fixture.store.get(OrganizationKind.definition, ObjectKey(namespace: "", name: "acme"))
      fixture.advance(.seconds(300))
      try await fixture.heartbeat("acme", version: "2.3.0")
      let second = try await fixture.store.get(OrganizationKind.definition, ObjectKey(namespace: "", name: "acme"))
      #expect(first?.revision == second?.revision, "nobody who watches is told of every heartbeat")
      let status = try #require(try await fixture.organization("acme").status)
      #expect(status.lastHeartbeat == fixture.now && status.lastSeen == fixture.now && status.currentVersion == "2.3.0")
      #expect(status.health == .online && status.isOnline == true)
    }
  }

  @Test(arguments: TestDatabase.available)
  func healthFallsAsTheSpecificationSaysAndAHeartbeatRestoresIt(_ database: TestDatabase) async throws {
    try await FleetFixture.with(database) { fixture in
      try await fixture.addOrganization("acme")
      try await fixture.heartbeat("acme")
      let steps: [(Duration, OrganizationHealth)] = [
        (.seconds(599), .online), (.seconds(1), .degraded), (.seconds(2999), .degraded), (.seconds(1), .offline),
        (.seconds(82_799), .offline), (.seconds(1), .critical),
      ]
      for (duration, expected) in steps {
        fixture.advance(duration)
        try await sweep(fixture)
        #expect(try await fixture.organization("acme").status?.health == expected)
      }
      try await fixture.heartbeat("acme")
      #expect(try await fixture.organization("acme").status?.health == .online)
      let reasons = try await fixture.query("SELECT object FROM event").compactMap { row in
        row[0].text.flatMap { try? JSONValue(parsing: Array($0.utf8)) }?["reason"]?.string
      }
      #expect(reasons.sorted() == ["Critical", "Degraded", "Offline", "Online", "Online"])
    }
  }

  /// A server that was down saw nobody.
  @Test(arguments: TestDatabase.available)
  func nobodyLosesHealthWhileTheServerWasDown(_ database: TestDatabase) async throws {
    try await FleetFixture.with(database) { fixture in
      try await fixture.addOrganization("acme")
      try await fixture.heartbeat("acme")
      let revision = try await fixture.store.currentRevision()
      fixture.advance(.seconds(7200))
      let restarted = HealthSweep(
        database: fixture.database, events: fixture.parts.events, escalations: fixture.parts.escalations,
        mails: fixture.parts.mails, now: { [now = fixture.now] in now }, logger: .init(label: "test"))
      while try await restarted.pass() == .now {}
      #expect(try await fixture.store.currentRevision() == revision)
    }
  }

  @Test(arguments: TestDatabase.available)
  func aCriticalCustomerIsEscalatedWhereAForcedReleaseWaits(_ database: TestDatabase) async throws {
    try await FleetFixture.with(database, environment: Self.withMail) { fixture in
      for name in ["waits", "has-nothing"] {
        try await fixture.addOrganization(name)
        try await fixture.heartbeat(name)
      }
      try await fixture.addRollout(
        "r", RolloutSpec(release: "2.3.0", stages: [.init(name: "one", organizations: ["waits"])]))
      try await fixture.addRelease("2.3.0", isForced: true)
      try await fixture.settle()
      for span in [600, 3000, 82_800] {
        fixture.advance(.seconds(span))
        try await sweep(fixture)
      }
      let escalations = try await fixture.query("SELECT \"organizationName\", CAST(type AS text) FROM gcc_escalation")
      #expect(escalations.map { [$0[0].text, $0[1].text] } == [["waits", "CLIENT_OFFLINE"]])
      // One mail for both customers.
      #expect(try await fixture.parts.digest.pass() == 1)
      #expect(try await fixture.parts.digest.pass() == 0)
      let mails = try await fixture.query("SELECT payload FROM outbox WHERE topic = 'mail'")
      #expect(mails.count == 1 && mails[0][0].text?.contains("has-nothing") == true)
      try await fixture.heartbeat("waits")
      #expect(
        try await fixture.query("SELECT count(*) FROM gcc_escalation WHERE \"resolvedAt\" IS NULL").first?[0].integer
          == 0)
    }
  }

  /// Spec §1.4: an account manager hears of what is escalated and has failed, of their own customers alone.
  @Test(arguments: TestDatabase.available)
  func accountManagersHearOfTheirOwnCustomers(_ database: TestDatabase) async throws {
    try await FleetFixture.with(database, environment: Self.withMail) { fixture in
      for name in ["hers", "hers-too", "nobodys", "named"] { try await fixture.addOrganization(name) }
      try await fixture.execute(
        "UPDATE organizational_service SET \"accountManagerId\" = 'mia@vendor.example' WHERE name LIKE 'hers%'")
      try await fixture.execute(
        "UPDATE organizational_service SET \"accountManagerId\" = 'employee 17' WHERE name = 'named'")
      try await fixture.addRelease("2.3.0")
      try await fixture.settle()
      for name in ["hers", "hers-too", "nobodys", "named"] {
        try await fixture.report(name, "2.3.0", name == "hers-too" ? .deadlineExceeded : .failed)
      }
      #expect(try await fixture.parts.digest.pass() == 4)
      let mails = try await fixture.query("SELECT payload FROM outbox WHERE topic = 'mail'").map {
        try JSONValue(parsing: Array(($0[0].text ?? "").utf8))
      }
      let told = Dictionary(grouping: mails) { $0["to"]?.string ?? "admins" }.mapValues {
        $0.compactMap { $0["subject"]?.string }.sorted()
      }
      #expect(
        told["mia@vendor.example"] == [
          "2.3.0 failed at hers.", "2.3.0 was not deployed before its deadline at hers-too.",
        ])
      #expect(
        told["admins"] == [
          "2.3.0 was not deployed before its deadline at hers-too.", "Deployments that failed: 3",
        ])
    }
  }

  static let withMail = [
    "SMTP_HOST": "localhost", "SMTP_SECURITY": "none", "GCC_ADMIN_EMAIL": "admin@vendor.example",
  ]

  @Test(arguments: TestDatabase.available)
  func aThousandHeartbeatsAreOneSet(_ database: TestDatabase) async throws {
    try await FleetFixture.with(database) { fixture in
      let names = try await fixture.addOrganizations(1000)
      let beats = (names + names + ["nobody"]).map {
        ReceivedHeartbeat(organization: $0, heartbeat: Heartbeat(version: "2.2.0"))
      }
      let known = try await fixture.parts.heartbeats.write(beats)
      #expect(known.filter { $0 }.count == 2000 && known.last == false)
      #expect(
        try await fixture.query("SELECT count(*) FROM organizational_service WHERE \"isOnline\"").first?[0].integer
          == 1000)
    }
  }
}
