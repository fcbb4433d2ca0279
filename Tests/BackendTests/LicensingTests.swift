import Cryptography
import Database
import FleetProtocol
import Glibc
import HTTPService
import HTTPTypes
import Hummingbird
import Licensing
import Logging
import NIOCore
import NIOEmbedded
import OfferPlanning
import ResourceModel
import Synchronization
import TestSupport
import Testing
import WireFormats

@testable import Access
@testable import Backend

/// The licence at the customer's, from the settings and the vendor's renewals to what admins and Agents are told.
@Suite(.postgreSQLServer, .timeLimit(.minutes(5))) struct LicensingTests {
  static let vendor = Ed25519.PrivateKey()
  static let start = BackendFixture.start

  static func token(
    _ id: String = "l-1", organization: String = BackendFixture.organization, installation: String? = nil,
    issued: Int64 = -10, begins: Int64? = nil, ends: Int64? = 100, key: Ed25519.PrivateKey = vendor
  ) throws -> String {
    try License(
      id: id, organization: organization, installation: installation, issuedAt: start + .seconds(issued * 86_400),
      notBefore: begins.map { start + .seconds($0 * 86_400) },
      expiresAt: ends.map { start + .seconds($0 * 86_400) }
    ).token(signedWith: key)
  }

  /// The settings of a customer who has the vendor's key, and a licence where one is given.
  private func with(
    _ database: TestDatabase = .sqlite, license: String? = nil, _ body: (BackendFixture) async throws -> Void
  ) async throws {
    var environment = ["WRKTALK_VENDOR_PUBLIC_KEY": Self.vendor.publicKey.pem]
    environment["WRKTALK_LICENSE"] = license
    try await BackendFixture.with(database, environment: environment, body)
  }

  private func controller(_ fixture: BackendFixture) -> LicenseController { fixture.parts.licensing }

  private func installer(_ fixture: BackendFixture) -> LicenseInstaller {
    LicenseInstaller(
      source: LicenseSource(
        license: fixture.parts.configuration.license, vendorKey: fixture.parts.configuration.vendorKey,
        read: { _ in nil }), store: LicenseStore(database: fixture.database), gate: fixture.parts.license,
      audit: fixture.parts.audit, now: { fixture.now }, logger: fixture.parts.logger)
  }

  // MARK: What counts

  @Test(arguments: TestDatabase.available)
  func theInstallationMakesItsIdOnce(_ database: TestDatabase) async throws {
    try await with(database) { fixture async throws in
      let id = try #require(fixture.parts.license.licenses.holder.installation)
      #expect(!id.isEmpty && fixture.parts.license.licenses.holder.organization == BackendFixture.organization)
      try await fixture.parts.prepare()
      try await controller(fixture).pass()
      #expect(fixture.parts.license.licenses.holder.installation == id)
      #expect(try await fixture.query("SELECT \"installationId\" FROM deployment_config").map { $0[0].text } == [id])
    }
  }

  @Test func withoutALicenceNothingIsRefusedAndNothingIsCalledValid() async throws {
    try await with { fixture async throws in
      #expect(fixture.parts.license.state == .notConfigured && fixture.parts.license.refusal() == nil)
      #expect(try await fixture.notices() == [])
    }
  }

  /// The gate answers from memory, at the time of the question (spec §5.3).
  @Test func theGateClosesAtTheMomentTheLicenceEnds() async throws {
    try await with(license: try Self.token(ends: 1)) { fixture async throws in
      try fixture.parts.license.require()
      fixture.advance(.seconds(86_400 - 1))
      #expect(fixture.parts.license.refusal() == nil)
      fixture.advance(.seconds(1))
      #expect(fixture.parts.license.refusal()?.message == "License expired")
      let error = #expect(throws: StatusError.self) { try fixture.parts.license.require() }
      #expect(
        error?.reason.httpStatus == 403 && error?.message.hasPrefix("License expired: the licence expired on") == true)
    }
  }

  @Test(arguments: [
    (try? token(organization: "other"), "WrongOrganization"),
    (try? token(installation: "elsewhere"), "WrongInstallation"),
    (try? token(key: Ed25519.PrivateKey()), "Invalid"), ("no token", "Invalid"),
  ])
  func aLicenceOfOthersClosesTheGateAndAdminsAreToldOnce(token: String?, word: String) async throws {
    try await with(license: token ?? "") { fixture async throws in
      #expect(fixture.parts.license.state.word == word)
      #expect(fixture.parts.license.refusal() != nil)
      for _ in 0..<3 { try await controller(fixture).pass() }
      #expect(try await fixture.notices() == ["licenseBlocked"])
      #expect(try await fixture.told().count == 1)
    }
  }

  @Test func aLicenceWithoutTheVendorsKeyIsNotBelieved() async throws {
    try await BackendFixture.with(.sqlite, environment: ["WRKTALK_LICENSE": try Self.token()]) { fixture async throws in
      #expect(fixture.parts.license.state.message.contains("WRKTALK_VENDOR_PUBLIC_KEY_FILE"))
      #expect(fixture.parts.license.refusal() != nil)
    }
  }

  // MARK: Renewal

  @Test(arguments: TestDatabase.available)
  func aRenewedLicenceTakesThePlaceOfTheOldOneAndIsKept(_ database: TestDatabase) async throws {
    try await with(database, license: try Self.token(ends: -1)) { fixture async throws in
      #expect(fixture.parts.license.refusal() != nil)
      let renewed = try Self.token("l-2", issued: 0)
      #expect(try await installer(fixture).takeRenewed(renewed))
      #expect(fixture.parts.license.state.license?.id == "l-2" && fixture.parts.license.refusal() == nil)
      // The vendor sends it until it knows.
      #expect(try await !installer(fixture).takeRenewed(renewed))
      #expect(try await fixture.query("SELECT license FROM deployment_config").map { $0[0].text } == [renewed])
      // Another process over the same database, or this one after a restart.
      try await fixture.withAnotherProcess { parts in
        try await parts.prepare()
        #expect(parts.license.state.license?.id == "l-2")
      }
      var heartbeat = Heartbeat(version: "2.2.0")
      fixture.parts.license.sign(&heartbeat)
      #expect(heartbeat.licenseID == "l-2")
      #expect(heartbeat.installationID == fixture.parts.license.licenses.holder.installation)
      #expect(try Heartbeat(reading: heartbeat.json) == heartbeat)
    }
  }

  @Test func aLicenceForThisInstallationIsTakenAndOneForAnotherIsNot() async throws {
    try await with { fixture async throws in
      let id = try #require(fixture.parts.license.licenses.holder.installation)
      #expect(try await !installer(fixture).takeRenewed(try Self.token("l-2", installation: "other")))
      #expect(fixture.parts.license.state == .notConfigured)
      #expect(fixture.parts.license.lastRejection?.message.contains("for the installation \"other\"") == true)
      #expect(try await installer(fixture).takeRenewed(try Self.token("l-3", installation: id)))
      #expect(fixture.parts.license.state.license?.id == "l-3")
    }
  }

  @Test(arguments: [
    try? token("x", organization: "other", issued: 0), try? token("x", issued: 0, key: Ed25519.PrivateKey()),
    try? token("x", issued: 0, ends: -1), "no token", "", try? token("older", issued: -20),
  ])
  func whatDoesNotHoldHereOrIsOlderChangesNothing(token: String?) async throws {
    try await with(license: try Self.token()) { fixture async throws in
      #expect(try await !installer(fixture).takeRenewed(token ?? ""))
      #expect(fixture.parts.license.state.license?.id == "l-1")
      #expect(try await fixture.query("SELECT license FROM deployment_config").map { $0[0].text } == [nil])
    }
  }

  @Test func theNewestOfFileAndRenewalCountsAndAReplacedFileAtOnce() async throws {
    let file = Mutex(try Self.token("old", ends: 5))
    try await with { fixture async throws in
      let source = LicenseSource(
        license: .file("/license"), vendorKey: .text(Self.vendor.publicKey.pem), read: { _ in file.withLock { $0 } })
      let gate = fixture.parts.license
      let controller = LicenseController(
        source: source, store: LicenseStore(database: fixture.database), gate: gate, notices: fixture.parts.notices,
        now: { fixture.now }, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
      try await controller.pass()
      #expect(gate.state.license?.id == "old")
      try await fixture.database.transaction(.write) { connection in
        var kept = try LicenseStore.lock(connection)
        kept.token = try Self.token("renewed", issued: -5)
        try LicenseStore.keep(kept, at: fixture.now, connection)
      }
      try await controller.pass()
      #expect(gate.state.license?.id == "renewed")
      let newest = try Self.token("newest", issued: -1)
      file.withLock { $0 = newest }
      await controller.refresh()
      #expect(gate.state.license?.id == "newest" && gate.licenses.held.count == 2)
      file.withLock { $0 = "damaged" }
      await controller.refresh()
      #expect(gate.state.license?.id == "renewed")
    }
  }

  /// The usual renewal begins where the old one ends: it is handed over before, and there is no moment without a licence.
  @Test(arguments: TestDatabase.available)
  func aLicenceThatBeginsWhenTheOldOneEndsIsKeptUntilThen(_ database: TestDatabase) async throws {
    try await with(database, license: try Self.token(ends: 2)) { fixture async throws in
      let gate = fixture.parts.license
      #expect(try await installer(fixture).takeRenewed(try Self.token("l-2", issued: 0, begins: 2, ends: 40)))
      #expect(gate.state.license?.id == "l-1" && gate.licenses.held.count == 2)
      #expect(try await !installer(fixture).takeRenewed(try Self.token("l-2", issued: 0, begins: 2, ends: 40)))
      // An older one does not take its place, and what is due is reminded of by the end of both.
      #expect(try await !installer(fixture).takeRenewed(try Self.token("l-0", issued: -1, begins: 1, ends: 90)))
      try await controller(fixture).pass()
      #expect(try await fixture.told().isEmpty)
      fixture.advance(.seconds(2 * 86_400))
      #expect(gate.state.license?.id == "l-2" && gate.refusal() == nil)
      // Another one for the time after it leaves it in force.
      #expect(try await installer(fixture).takeRenewed(try Self.token("l-3", issued: 1, begins: 40, ends: 80)))
      #expect(gate.state.license?.id == "l-2" && gate.licenses.last(at: fixture.now)?.id == "l-3")
      // As does one that is for this moment.
      #expect(try await installer(fixture).takeRenewed(try Self.token("l-4", issued: 2, ends: 50)))
      #expect(gate.state.license?.id == "l-4" && gate.licenses.last(at: fixture.now)?.id == "l-3")
      try await fixture.withAnotherProcess { parts in
        try await parts.prepare()
        #expect(parts.license.licenses == gate.licenses)
      }
    }
  }

  /// Without a licence nothing is checked, which one for later must not end.
  @Test func aLicenceForLaterAloneIsRefused() async throws {
    try await with { fixture async throws in
      #expect(try await !installer(fixture).takeRenewed(try Self.token("l-2", issued: 0, begins: 2)))
      #expect(fixture.parts.license.state == .notConfigured)
    }
  }

  /// Agents ask at any moment, and each time the file is read anew.
  @Test func aLookAtTheFileDoesNotUndoARenewal() async throws {
    try await with { fixture async throws in
      let gate = fixture.parts.license
      let (asked, isAsked) = AsyncStream.makeStream(of: Void.self)
      let goOn = Mutex(false)
      let old = try Self.token("old", ends: -1)
      let source = LicenseSource(
        license: .file("/license"), vendorKey: .text(Self.vendor.publicKey.pem),
        read: { _ in
          isAsked.yield()
          while !goOn.withLock({ $0 }) { sched_yield() }
          return old
        })
      let look = Task { await gate.refresh(from: source) }
      for await _ in asked { break }
      #expect(try await installer(fixture).takeRenewed(try Self.token("renewed", issued: 0)))
      goOn.withLock { $0 = true }
      await look.value
      #expect(gate.state.license?.id == "renewed" && gate.licenses.held.count == 2)
    }
  }

  // MARK: Reminders

  @Test(arguments: TestDatabase.available)
  func adminsAreRemindedOnceEachTimeAndTheLatestAfterADowntime(_ database: TestDatabase) async throws {
    try await with(database, license: try Self.token(issued: -300, ends: 31)) { fixture async throws in
      var told: [Int] = []
      // Days: before the first reminder, past it, again, past the second, away until past the third, past the end.
      for days in [0, 1, 1, 23, 5, 0, 1, 40] {
        fixture.advance(.seconds(days * 86_400))
        // As after each start of the process.
        try await LicenseController(
          source: LicenseSource(
            license: .text(try Self.token(issued: -300, ends: 31)), vendorKey: .text(Self.vendor.publicKey.pem),
            read: { _ in nil }), store: LicenseStore(database: fixture.database), gate: fixture.parts.license,
          notices: fixture.parts.notices, now: { fixture.now },
          logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        ).pass()
        told.append(try await fixture.told().count)
      }
      #expect(told == [0, 1, 1, 2, 3, 3, 4, 4])
      let notices = try await fixture.told().map { try $0.decoded(as: AdminNotice.self) }
      #expect(notices.map(\.fact) == ["l-1/30", "l-1/7", "l-1/1", "l-1"])
      #expect(notices.map(\.kind) == [.licenseExpiring, .licenseExpiring, .licenseExpiring, .licenseExpired])
      #expect(notices.allSatisfy { $0.time == Self.start + .seconds(31 * 86_400) && $0.detail?.isEmpty == false })
    }
  }

  @Test func whoWasAwayAllTheTimeIsToldOfTheEndAlone() async throws {
    try await with(license: try Self.token(issued: -300, ends: -2)) { fixture async throws in
      try await controller(fixture).pass()
      #expect(try await fixture.notices() == ["licenseExpired"])
    }
  }

  @Test func whatIsPutRightIsToldAgainWhenItComesAgain() async throws {
    try await with(license: try Self.token(organization: "other")) { fixture async throws in
      try await controller(fixture).pass()
      #expect(try await fixture.notices() == ["licenseBlocked"])
      #expect(try await installer(fixture).takeRenewed(try Self.token("l-2", ends: 60)))
      try await controller(fixture).pass()
      #expect(try await fixture.notices() == [])
    }
  }

  // MARK: Endpoints

  private func send(
    _ fixture: BackendFixture, _ method: HTTPRequest.Method, _ path: String, _ body: JSONValue? = nil,
    role: Role = .admin
  ) async throws -> (status: Int, json: JSONValue) {
    var service = ServiceConfiguration()
    service.plainErrorPaths = PathPatterns(["/api/*", "/internal/*"])
    let front = ServiceFront(
      configuration: service, authenticator: OneRole(role: role), policy: BackendAccess.policy, isReady: { true },
      addRoutes: { fixture.parts.addRoutes(to: $0) })
    var head = HTTPRequest(method: method, scheme: "http", authority: "localhost", path: path)
    head.headerFields[.authorization] = "Bearer token"
    if body != nil { head.headerFields[.contentType] = "application/json" }
    let request = Request(head: head, body: RequestBody(buffer: ByteBuffer(bytes: body?.serialized() ?? [])))
    let context = ServiceContext(
      source: ApplicationRequestContextSource(channel: NIOAsyncTestingChannel(), logger: Logger(label: "test")))
    let response = try await front.respond(to: request, context: context)
    let collector = BodyCollector()
    try await response.body.write(collector)
    return (response.status.code, (try? JSONValue(parsing: collector.bytes.withLock { $0 })) ?? .null)
  }

  private struct OneRole: Authenticator {
    var role: Role

    func identity(forToken token: String, mayLookUp: @Sendable () throws -> Void) async throws -> Identity? {
      Identity(name: "somebody", role: role)
    }
  }

  private final class BodyCollector: ResponseBodyWriter, Sendable {
    let bytes = Mutex<[UInt8]>([])

    func write(_ buffer: ByteBuffer) async throws { bytes.withLock { $0 += buffer.readableBytesView } }
    func finish(_ trailingHeaders: HTTPFields?) async throws {}
  }

  /// What the licence is, and the answer of `GET /internal/license/status` (spec §14.3) without the token.
  @Test(
    arguments: [
      (nil, ["valid": true, "configured": false, "state": "NotConfigured", "expiresAt": .null]),
      (
        try? token(ends: -1),
        // Without a message: Agents of earlier versions would take it as that of a forged one.
        [
          "valid": false, "state": "Expired", "expiresAt": "2027-01-14T08:00:00Z", "licenseId": "l-1",
          "organization": "customer-x",
        ]
      ),
      (
        try? token(ends: 1),
        [
          "valid": true, "state": "Valid", "expiresAt": "2027-01-16T08:00:00Z", "licenseId": "l-1",
          "organization": "customer-x",
          "message": "the licence is valid until 2027-01-16T08:00:00Z",
        ]
      ),
      (
        "no token",
        [
          "valid": false, "state": "Invalid", "expiresAt": .null,
          "message":
            "the licence is not a token of the form PAYLOAD.SIGNATURE in base64url: copy it whole, as the vendor sent it",
        ]
      ),
    ] as [(String?, JSONValue)])
  func agentsAreToldHowItStands(license: String?, expected: JSONValue) async throws {
    try await with(license: license) { fixture async throws in
      var answer = try await send(fixture, .get, "/internal/license/status", role: .agent)
      #expect(answer.status == 200)
      #expect(answer.json["token"]?.string == (expected["licenseId"] == nil ? nil : license))
      #expect(answer.json["installation"]?.string == fixture.parts.license.licenses.holder.installation)
      (answer.json["token"], answer.json["installation"]) = (nil, nil)
      #expect(answer.json == expected)
    }
  }

  @Test func adminsSeeTheLicenceAndInstallOne() async throws {
    try await with(license: try Self.token(ends: -1)) { fixture async throws in
      let path = "/api/admin/license"
      var answer = try await send(fixture, .get, path)
      #expect(answer.json["state"] == "Expired" && answer.json["license"]?["id"] == "l-1")
      #expect(!answer.json.text.contains(try Self.token(ends: -1)), "tokens are not shown")
      let token = try Self.token("l-2", issued: 0)
      answer = try await send(fixture, .put, path, ["license": .string(token)])
      #expect(answer.status == 200 && answer.json["state"] == "Valid", "\(answer.json.text)")
      #expect(answer.json["licenses"]?.array?.count == 2)
      answer = try await send(fixture, .put, path, ["license": .string(token)])
      #expect(answer.status == 409 && answer.json["error"]?.string?.contains("in force already") == true)
      for (body, status) in [
        (["license": .string(try Self.token("l-3", organization: "other"))], 422), (["license": "x"], 422), ([:], 400),
        (["license": 1], 400), (["license": .string(String(repeating: "x", count: 20_000))], 413),
      ] as [(JSONValue, Int)] {
        #expect(try await send(fixture, .put, path, body).status == status)
      }
      #expect(fixture.parts.license.state.license?.id == "l-2")
      #expect(try await send(fixture, .put, path, ["license": .string(token)], role: .viewer).status == 403)
      #expect(try await send(fixture, .put, path, ["license": .string(token)], role: .agent).status == 403)
      #expect(try await send(fixture, .delete, "/internal/license/status").status == 405)
      #expect(try await send(fixture, .get, "/internal/license/status", role: .viewer).status == 403)
    }
  }
}
