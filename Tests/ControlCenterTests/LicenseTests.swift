import Cryptography
import Database
import FleetKinds
import FleetProtocol
import Licensing
import ResourceModel
import TestSupport
import Testing
import WireFormats

@testable import ControlCenter

/// The vendor's licences: signed, kept, sent to whom they are for, and what they decide.
@Suite(.postgreSQLServer, .timeLimit(.minutes(5))) struct LicenseTests {
  private static let key = Ed25519.PrivateKey()
  private static let keys = LicenseKeys([key.publicKey])

  private func ledger(_ fixture: FleetFixture) -> LicenseLedger {
    LicenseLedger(
      database: fixture.database, makeID: { Hexadecimal.encode(SecureRandom.bytes(count: 8)) }, now: { fixture.now })
  }

  /// - Parameter days: until the end; nil: none.
  private func terms(
    _ fixture: FleetFixture, of organization: String = "acme", days: Int64? = 365, from: Int64? = nil,
    installation: String? = nil
  ) -> LicenseTerms {
    func time(_ days: Int64) -> Timestamp { fixture.now + .seconds(days * 86_400) }
    return LicenseTerms(
      organization: organization, installation: installation, notBefore: from.map(time), expiresAt: days.map(time),
      edition: "gold", limits: ["users": 500])
  }

  private func end(_ fixture: FleetFixture) async throws -> Timestamp? {
    try await fixture.organization("acme").spec.license?.expiresAt
  }

  @Test(arguments: TestDatabase.available)
  func whatIsIssuedIsKeptAndReadByTheCustomer(_ database: TestDatabase) async throws {
    try await FleetFixture.with(database) { fixture in
      try await fixture.addOrganization("acme")
      let ledger = ledger(fixture)
      let issued = try await ledger.issue(terms(fixture, installation: "i-1"), with: Self.key, by: "somebody")
      let license = try License(token: issued.token, keys: Self.keys)
      #expect(license == issued.license && license.organization == "acme" && license.installation == "i-1")
      #expect(try await ledger.find(license.id) == issued)
      #expect(try await ledger.list("acme") == [issued])
      let unknown = await #expect(throws: StatusError.self) { try await ledger.list("other") }
      #expect(unknown?.reason == .notFound)
      // The object says it too, as a new generation, so that who watches sees it.
      let organization = try await fixture.organization("acme")
      #expect(organization.spec.license?.expiresAt == license.expiresAt)
      #expect(organization.metadata.generation == 2)
    }
  }

  @Test(arguments: TestDatabase.available)
  func offersEndWhenTheLastLicenceDoes(_ database: TestDatabase) async throws {
    try await FleetFixture.with(database) { fixture in
      try await fixture.addOrganization("acme")
      let ledger = ledger(fixture)
      let long = try await ledger.issue(terms(fixture, days: 400), with: Self.key, by: "a")
      fixture.advance(.seconds(60))
      let short = try await ledger.issue(terms(fixture, days: 30), with: Self.key, by: "a")
      #expect(try await end(fixture) == long.license.expiresAt)
      let revoked = try await ledger.revoke(long.license.id, by: "b", reason: "paid for a month")
      #expect(revoked.revocation == .init(time: fixture.now, by: "b", reason: "paid for a month"))
      #expect(try await end(fixture) == short.license.expiresAt)
      let endless = try await ledger.issue(terms(fixture, days: nil), with: Self.key, by: "a")
      #expect(try await end(fixture) == nil)
      fixture.advance(.seconds(60))
      _ = try await ledger.revoke(endless.license.id, by: "b", reason: nil)
      _ = try await ledger.revoke(short.license.id, by: "b", reason: nil)
      #expect(try await end(fixture) == fixture.now)
      try await fixture.addRelease("2.3.0")
      try await fixture.settle()
      #expect(try await fixture.target("acme", "2.3.0").status?.blocked == .licenseExpired)
    }
  }

  @Test func whatCannotBeIssuedOrRevokedIsRefused() async throws {
    try await FleetFixture.with(.sqlite) { fixture in
      try await fixture.addOrganization("acme")
      try await fixture.addOrganization("other")
      let ledger = ledger(fixture)
      var wrong = terms(fixture)
      wrong.edition = "a\u{0}"
      for (terms, reason) in [
        (terms(fixture, of: "nobody"), .notFound), (terms(fixture, days: 0), .invalid),
        (terms(fixture, days: 5, from: 6), .invalid), (wrong, .invalid),
      ] as [(LicenseTerms, StatusError.Reason)] {
        let error = await #expect(throws: StatusError.self) {
          try await ledger.issue(terms, with: Self.key, by: "a")
        }
        #expect(error?.reason == reason)
      }
      let issued = try await ledger.issue(terms(fixture), with: Self.key, by: "a")
      let id = issued.license.id
      await #expect(throws: StatusError.self) { try await ledger.revoke(id, of: "other", by: "a", reason: nil) }
      _ = try await ledger.revoke(id, of: "acme", by: "a", reason: nil)
      let again = await #expect(throws: StatusError.self) { try await ledger.revoke(id, by: "a", reason: nil) }
      #expect(again?.reason == .conflict)
      await #expect(throws: StatusError.self) { try await ledger.find("none") }
    }
  }

  // MARK: Renewal

  @Test(arguments: TestDatabase.available)
  func theNewestLicenceInForceIsSentToWhomItIsForUntilTheyHaveIt(_ database: TestDatabase) async throws {
    try await FleetFixture.with(database) { fixture in
      try await fixture.addOrganization("acme")
      try await fixture.addOrganization("other")
      let (ledger, index) = (ledger(fixture), fixture.parts.licenses)
      func renewal(_ license: String?, _ installation: String? = "i-1", of name: String = "acme") -> String? {
        index.renewal(for: name, holding: license, installation: installation)
          .flatMap { try? License(token: $0, keys: Self.keys).id }
      }
      try await index.pass(nil)
      #expect(renewal(nil) == nil)
      let first = try await ledger.issue(terms(fixture), with: Self.key, by: "a").license.id
      fixture.advance(.seconds(60))
      let bound = try await ledger.issue(terms(fixture, installation: "i-2"), with: Self.key, by: "a").license.id
      let later = try await ledger.issue(terms(fixture, from: 10), with: Self.key, by: "a").license.id
      try await index.pass(["acme"])
      #expect(renewal("old") == first && renewal(nil) == first && renewal(first) == nil)
      #expect(renewal(first, "i-2") == bound && renewal(bound, "i-2") == nil)
      // Programs that do not say that they take one, and other customers.
      #expect(renewal(nil, nil) == nil && renewal("old", of: "other") == nil)
      // What begins later is sent when it begins.
      fixture.advance(.seconds(11 * 86_400))
      #expect(renewal(first) == later)
      _ = try await ledger.revoke(later, by: "b", reason: nil)
      // A notification that was lost.
      try await index.pass([])
      #expect(renewal("old") == first)
      fixture.advance(.seconds(400 * 86_400))
      #expect(renewal("old") == nil)
    }
  }

  @Test func aHeartbeatIsAnsweredWithTheRenewedLicenceFromMemory() async throws {
    try await FleetFixture.with(.sqlite) { fixture in
      try await fixture.addOrganization("acme")
      let issued = try await ledger(fixture).issue(terms(fixture), with: Self.key, by: "a")
      try await fixture.parts.licenses.pass(nil)
      let policy = ControlCenterAccess.policy
      try await ControlCenterTestServer.run(
        authenticator: RoleTokens(policy: policy), policy: policy, addRoutes: { fixture.parts.addRoutes(to: $0) }
      ) { server in
        let cases: [(heartbeat: JSONValue, license: String?)] = [
          (["version": "2.2.0"], nil), (["version": "2.2.0", "installationId": "i-1"], issued.token),
          (["installationId": "i-1", "licenseId": "sha256-0"], issued.token),
          (["installationId": "i-1", "licenseId": .string(issued.license.id)], nil),
        ]
        for (heartbeat, license) in cases {
          let answer = try await server.send(
            "POST", "/api/v1/organizations/acme/heartbeat", heartbeat, token: "customer-of-acme")
          #expect(answer.status == 200 && answer.json["license"]?.string == license, "\(heartbeat.text)")
        }
      }
    }
  }

  // MARK: People

  @Test func peopleIssueListAndRevokeOverTheServerThatHasAKey() async throws {
    try await FleetFixture.with(.sqlite) { fixture in
      try await fixture.addOrganization("acme")
      let ledger = ledger(fixture)
      let policy = ControlCenterAccess.policy
      let path = "/api/internal/organizations/acme/licenses"
      for key in [Self.key, nil] {
        try await ControlCenterTestServer.run(
          authenticator: RoleTokens(policy: policy), policy: policy,
          addRoutes: { LicenseEndpoints(ledger: ledger, key: key, audit: fixture.parts.audit).addRoutes(to: $0) }
        ) { server in
          let body: JSONValue = ["expiresAt": "2028-01-01T00:00:00Z", "edition": "gold", "limits": ["users": 5]]
          var answer = try await server.send("POST", path, body, token: "engineer")
          guard key != nil else {
            #expect(answer.status == 503 && answer.error.contains("GCC_LICENSE_KEY_FILE"))
            return
          }
          #expect(answer.status == 201, "\(answer.error)")
          let token = try #require(answer.json["token"]?.string)
          let license = try License(token: token, keys: Self.keys)
          #expect(license.expiresAt == Timestamp("2028-01-01T00:00:00Z") && license.limits == ["users": 5])
          #expect(answer.json["issuedBy"] == "the-engineer")
          answer = try await server.send("GET", path, token: "viewer")
          #expect(answer.json["licenses"]?.array?.map { $0["id"] } == [.string(license.id)])
          #expect(!answer.json.text.contains(token))
          answer = try await server.send("GET", "\(path)/\(license.id)", token: "engineer")
          #expect(answer.json["token"]?.string == token)
          for (wrong, status) in [
            ([:], 422), (["expiresAt": "soon"], 422), (["expiresAt": .null, "expires": "x"], 422), ([], 400),
            (["expiresAt": "2000-01-01T00:00:00Z"], 422), (["expiresAt": .null, "limits": [1]], 422),
          ] as [(JSONValue, Int)] {
            #expect(try await server.send("POST", path, wrong, token: "engineer").status == status, "\(wrong.text)")
          }
          for (token, status) in [("ci", 403), ("viewer", 403), ("customer-of-acme", 403)] {
            #expect(try await server.send("POST", path, body, token: token).status == status)
          }
          #expect(try await server.send("DELETE", "\(path)/\(license.id)", token: "engineer").status == 200)
          #expect(try await server.send("DELETE", "\(path)/\(license.id)", token: "engineer").status == 409)
        }
      }
    }
  }
}
