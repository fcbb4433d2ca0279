import Access
import Cryptography
import Database
import FleetKinds
import FleetProtocol
import HTTPService
import HTTPTransport
import Hummingbird
import Logging
import ObjectStorage
import OfferPlanning
import Outbox
import Reconciliation
import ResourceModel
import ResourceStorage
import TestSupport
import Testing
import WireFormats

@testable import Backend
@testable import ControlCenter

/// The customer's server against the vendor's own: what one says the other understands.
@Suite(.timeLimit(.minutes(2))) struct VendorContractTests {
  /// The vendor's server, served on a port, with one organization and its key.
  private struct Vendor: Sendable {
    let store: SQLResourceStore
    let parts: ControlCenterParts
    let server: BackendTestServer
    let key: String

    func json(_ definition: ResourceDefinition, _ name: String) async throws -> JSONValue {
      try await store.get(definition, ObjectKey(namespace: "", name: name))?.value() ?? .null
    }

    func target(_ version: String) async throws -> DeploymentTarget {
      try await json(
        DeploymentTargetKind.definition,
        DeploymentTargetKind.name(organization: BackendFixture.organization, release: version)
      ).decoded(as: DeploymentTarget.self)
    }

    func pendingReports() async throws -> Int64? {
      try await parts.database.transaction(.read) { connection in
        try connection.query("SELECT \"pendingReports\" FROM organizational_service").first?[0].integer
      }
    }

    func currentVersion() async throws -> String? {
      try await json(OrganizationKind.definition, BackendFixture.organization)["status"]?["currentVersion"]?.string
    }

    /// As CI does it (spec §5.1).
    func publish(_ version: String, chart: [UInt8]) async throws {
      let boundary = "boundary"
      var form: [UInt8] = []
      func field(_ name: String, _ value: [UInt8]) {
        form += Array("--\(boundary)\r\nContent-Disposition: form-data; name=\"\(name)\"\r\n\r\n".utf8) + value
        form += Array("\r\n".utf8)
      }
      field("file", chart)
      field("type", Array("helm".utf8))
      field("version", Array(version.utf8))
      form += Array("--\(boundary)--\r\n".utf8)
      try await send("/api/internal/artifacts", form, type: "multipart/form-data; boundary=\(boundary)")
      let release: JSONValue = [
        "version": .string(version), "imageTags": ["backend": "sha-abc"], "isForced": true,
        "isMigrationRequired": false, "releaseNotes": "Bug fixes",
      ]
      try await send("/api/internal/releases", release.serialized())
      try await send("/api/internal/releases/\(version)/publish", [])
    }

    private func send(_ path: String, _ body: [UInt8], type: String = "application/json") async throws {
      let answer = try await server.post(
        path, body, headers: [("Authorization", "Bearer ci-token"), ("Content-Type", type)])
      #expect((200..<300).contains(answer.status), "\(path): \(answer.json)")
    }
  }

  private func withVendor(_ body: @escaping @Sendable (Vendor) async throws -> Void) async throws {
    let instance = try await TestDatabase.sqlite.create()
    let database = try await openDatabase(instance.url)
    let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    let now: @Sendable () -> Timestamp = { BackendFixture.start }
    try await Migrator(ControlCenterProgram.migrations, logger: logger) { "2026-01-01T00:00:00Z" }.migrate(database)
    let store = SQLResourceStore(
      database: database, kinds: ControlCenterKinds.stored, options: StoreOptions(now: now), logger: logger)
    let folder = try TemporaryFolder()
    try folder.write("", to: "bucket/.keep")
    let configuration = try ControlCenterConfiguration(
      environment: ["GCC_WEBHOOK_ALLOWED_ADDRESSES": "*"], dataFolder: folder.path, isEmbedded: true)
    for path in configuration.embeddedFolders {
      try folder.write("", to: "\(path.dropFirst(folder.path.count + 1))/.keep")
    }
    guard let box = AES256GCM(key: [UInt8](0..<32)) else { preconditionFailure("32 bytes are a key") }
    let parts = ControlCenterParts(
      database: database, store: store, box: box, configuration: configuration, dataFolder: folder.path, now: now,
      makeID: { randomReconcileID() }, logger: logger)
    try await parts.prepare()
    var metadata = ObjectMeta(name: BackendFixture.organization)
    (metadata.uid, metadata.generation, metadata.creationTimestamp) = (randomReconcileID(), 1, now())
    _ = try await store.write(
      OrganizationKind.definition,
      .create(object: try JSONValue(encoding: Organization(metadata: metadata, spec: OrganizationSpec()))))
    let key = try await OrganizationKeys(database: database, makeID: { randomReconcileID() }, now: now)
      .create(for: BackendFixture.organization).key
    try await parts.keys.load()
    let following = Task { try await parts.offers.run() }
    while !parts.offers.isLoaded { await Task.yield() }
    let authenticator = FleetAuthenticator(
      keys: parts.keys, tokens: TokenAuthenticator(tokens: TokenStore(database: database), now: now),
      ciToken: SHA256.digest(of: "ci-token"))
    var service = ServiceConfiguration()
    service.plainErrorPaths = PathPatterns(["/api/*"])
    try await BackendTestServer.run(
      service: service, authenticator: authenticator, policy: ControlCenterAccess.policy,
      addRoutes: { parts.addRoutes(to: $0) },
      { server in try await body(Vendor(store: store, parts: parts, server: server, key: key)) })
    following.cancel()
    _ = await following.result
    store.close()
    await parts.shutdown()
    await database.close()
  }

  @Test func aReleaseComesFromCIIntoTheBucketAndWhatBecomesOfItGoesBack() async throws {
    try await withVendor { vendor in
      let environment = [
        "WRKTALK_GCC_ENDPOINT": "http://127.0.0.1:\(vendor.server.port)", "WRKTALK_GCC_API_KEY": vendor.key,
        "WRKTALK_WEBHOOK_SECRET": "a-secret-of-webhooks",
      ]
      try await BackendFixture.with(.sqlite, environment: environment) { fixture in
        let archive = try TestArchive.chart("2.3.0")
        // Nothing is offered yet.
        try await fixture.pollVendor()
        #expect(try await fixture.onlyRelease() == nil)
        _ = try await fixture.parts.intake.heartbeats?.pass()
        let known = try await vendor.json(OrganizationKind.definition, BackendFixture.organization)["status"]
        #expect(known?["reportedStatus"] == "unknown")
        #expect(try await vendor.pendingReports() == 0)

        try await BackendTestServer.run(
          service: BackendParts.adapted(ServiceConfiguration()), addRoutes: { fixture.parts.addRoutes(to: $0) },
          { backend in try await deliver(archive, from: vendor, to: fixture, at: backend.port) })
        let row = try #require(await fixture.onlyRelease())
        #expect(row.isForced && row.releaseName == "v2.3.0" && row.offer?.releaseNotes == "Bug fixes")
        try await fixture.fetchArtifacts()
        let chart = SHA256.digest(of: archive).hexadecimal
        #expect(try await fixture.onlyRelease()?.artifactSha256 == chart)
        let object = try await fixture.parts.bucket.get("artifacts/helm/wrktalk-2.3.0.tgz", maximumBytes: 1 << 20)
        #expect(SHA256.digest(of: object).hexadecimal == chart)

        let agent = WatchingAgent(fixture)
        try await withSender(fixture) {
          _ = try await fixture.schedule(row.id)
          try await sent(fixture)
          #expect(try await vendor.target("2.3.0").status?.phase == .scheduled)
          try await agent.deploy()
          try await fixture.pass()
          try await sent(fixture)
        }
        #expect(try await vendor.target("2.3.0").status?.phase == .success)
        #expect(try await vendor.currentVersion() == "2.3.0")
        #expect(
          try await fixture.query("SELECT \"reportedToGcc\" FROM scheduled_deployment").first?[0].boolean == true)
        // What was deployed is not offered any more.
        fixture.advance(.seconds(600))
        try await fixture.pollVendor()
        #expect(try await fixture.onlyRelease()?.status == .success)
      }
    }
  }

  /// One attempt after the other, each by another hand: the vendor knows what runs.
  @Test func whatRunsIsKnownToTheVendorWhateverWasTriedBefore() async throws {
    try await withVendor { vendor in
      let environment = [
        "WRKTALK_GCC_ENDPOINT": "http://127.0.0.1:\(vendor.server.port)", "WRKTALK_GCC_API_KEY": vendor.key,
      ]
      try await BackendFixture.with(.sqlite, environment: environment) { fixture in
        let agent = WatchingAgent(fixture)
        try await fixture.run("2.2.0", by: agent)
        try await vendor.publish("2.3.0", chart: try TestArchive.chart("2.3.0"))
        while vendor.parts.offers.offer(for: BackendFixture.organization) == nil {
          _ = try await vendor.parts.rollouts.pass()
        }
        fixture.advance(.seconds(600))
        try await fixture.pollVendor()
        try await fixture.fetchArtifacts()
        func phase() async throws -> TargetPhase? { try await vendor.target("2.3.0").status?.phase }
        let id = try #require(
          try await fixture.query("SELECT id FROM scheduled_deployment WHERE version = '2.3.0'").first?[0].text)
        try await withSender(fixture) {
          // It fails, and the Agent returns to what ran.
          _ = try await fixture.schedule(id)
          _ = try await agent.begin()
          try await agent.fail("HelmUpgradeFailed", "timed out waiting for media")
          try await agent.restore()
          try await fixture.pass()
          try await sent(fixture)
          #expect(try await phase() == .rolledBack)
          #expect(try await vendor.currentVersion() == "2.2.0")
          // Somebody mends the cause and has the Agent try it again.
          fixture.advance(.seconds(60))
          try await agent.edit { $0["spec"]?["interval"] = "2m" }
          try await agent.deploy()
          try await fixture.pass()
          try await sent(fixture)
          #expect(try await phase() == .success)
          #expect(try await vendor.currentVersion() == "2.3.0")
          // Back, and forward again.
          for (version, expected) in [("2.2.0", TargetPhase.rolledBack), ("2.3.0", .success)] {
            fixture.advance(.seconds(60))
            _ = try await fixture.rollBack(.version(version))
            try await agent.deploy()
            try await fixture.pass()
            try await sent(fixture)
            #expect(try await phase() == expected, "\(version)")
            #expect(try await vendor.currentVersion() == version)
          }
        }
      }
    }
  }

  /// CI publishes, the rollout offers, the webhook wakes the poll long before its time.
  private func deliver(_ archive: [UInt8], from vendor: Vendor, to fixture: BackendFixture, at port: Int) async throws {
    _ = try await vendor.parts.secrets.set("a-secret-of-webhooks", for: BackendFixture.organization)
    try await vendor.parts.database.transaction(.write) { connection in
      _ = try connection.execute(
        "UPDATE organizational_service SET \"webhookEndpoint\" = $1",
        [.text("http://127.0.0.1:\(port)\(WebhookEndpoint.path)")])
    }
    try await vendor.publish("2.3.0", chart: archive)
    let sending = Task { await vendor.parts.outbox.run() }
    while vendor.parts.offers.offer(for: BackendFixture.organization) == nil {
      _ = try await vendor.parts.rollouts.pass()
    }
    fixture.advance(.seconds(10))
    while try await fixture.onlyRelease() == nil { try await fixture.pollVendor() }
    while try await vendor.target("2.3.0").status?.phase != .notified { await Task.yield() }
    vendor.parts.outbox.stop()
    await sending.value
  }

  /// Until the vendor has all reports.
  private func sent(_ fixture: BackendFixture) async throws {
    while try await fixture.messageCount(VendorReports.topic) > 0 { await Task.yield() }
  }

  private func withSender(_ fixture: BackendFixture, _ body: () async throws -> Void) async throws {
    let sending = Task { await fixture.parts.outbox.run() }
    let outcome: Result<Void, any Error>
    do { outcome = .success(try await body()) } catch { outcome = .failure(error) }
    fixture.parts.outbox.stop()
    await sending.value
    try outcome.get()
  }
}
