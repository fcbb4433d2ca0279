import Cryptography
import Database
import FleetProtocol
import FoundationEssentials
import HTTPTransport
import Logging
import ObjectStorage
import Reconciliation
import ResourceModel
import ResourceStorage
import Synchronization
import TestSupport
import WireFormats

@testable import Accounts
@testable import Backend

/// The customer's server without its HTTP front and its loops: a test takes each step itself, at the time that it says.
final class BackendFixture: Sendable {
  static let start = Timestamp(seconds: 1_800_000_000)
  static let organization = "customer-x"

  let database: any Database
  let store: SQLResourceStore
  let parts: BackendParts
  /// The bucket's folder.
  let bucketFolder: String
  private let clock: WallClock
  private let folder: TemporaryFolder
  /// Its file is there as long as this is.
  private let instance: TestDatabase.Instance
  private let configuration: BackendConfiguration

  /// The time of day, which the test moves.
  private final class WallClock: Sendable {
    private let moment = Mutex(BackendFixture.start)
    func now() -> Timestamp { moment.withLock { $0 } }
    func advance(_ duration: Duration) { moment.withLock { $0 = $0 + duration } }
  }

  private init(
    _ instance: TestDatabase.Instance, environment: [String: String], bucket: (any Bucket)?
  ) async throws {
    self.instance = instance
    database = try await openDatabase(instance.url)
    let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    try await Migrator(BackendMigrations.all, logger: logger) { "2026-01-01T00:00:00Z" }.migrate(database)
    let clock = WallClock()
    store = SQLResourceStore(
      database: database, kinds: BackendKinds.stored, options: BackendServer.storeOptions { clock.now() },
      logger: logger)
    folder = try TemporaryFolder()
    bucketFolder = "\(folder.path)/bucket"
    try FileManager.default.createDirectory(atPath: bucketFolder, withIntermediateDirectories: true)
    let configuration = try BackendConfiguration(environment: environment, dataFolder: folder.path)
    for folder in configuration.embeddedFolders {
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    }
    self.configuration = configuration
    parts = Self.parts(database, store, configuration, bucket, clock)
    self.clock = clock
    try await parts.prepare()
  }

  private static func parts(
    _ database: any Database, _ store: SQLResourceStore, _ configuration: BackendConfiguration,
    _ bucket: (any Bucket)?, _ clock: WallClock
  ) -> BackendParts {
    let http = HTTPClient(userAgent: "test")
    guard let box = AES256GCM(key: [UInt8](repeating: 7, count: AES256GCM.keyByteCount)) else { fatalError("a key") }
    return BackendParts(
      database: database, store: store, configuration: configuration, http: http,
      bucket: bucket ?? makeBucket(configuration.bucket, http: http), box: box,
      passwords: PasswordWork(cost: .trivial),
      license: LicenseSource(license: configuration.license, vendorKey: configuration.vendorKey, read: { _ in nil }),
      now: { clock.now() }, makeID: { randomReconcileID() },
      logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
  }

  /// What another process over the same tables, folders and clock has: begun anew, knowing nothing but what is kept.
  func withAnotherProcess<Value>(
    database: (any Database)? = nil, bucket: (any Bucket)? = nil, _ body: (BackendParts) async throws -> Value
  ) async throws -> Value {
    let parts = Self.parts(database ?? self.database, store, configuration, bucket, clock)
    let outcome: Result<Value, any Error>
    do { outcome = .success(try await body(parts)) } catch { outcome = .failure(error) }
    await parts.shutdown()
    return try outcome.get()
  }

  var now: Timestamp { clock.now() }
  func advance(_ duration: Duration) { clock.advance(duration) }

  /// - Parameters:
  ///   - environment: added to that of a customer of the vendor `http://127.0.0.1:1`, which nobody serves.
  ///   - bucket: instead of a folder.
  static func with(
    _ kind: TestDatabase, environment: [String: String] = [:], bucket: (any Bucket)? = nil,
    _ body: (BackendFixture) async throws -> Void
  ) async throws {
    let standard = [
      "WRKTALK_GCC_ENDPOINT": "http://127.0.0.1:1", "WRKTALK_ORGANIZATION_NAME": organization,
      "WRKTALK_GCC_API_KEY": "key", "WRKTALK_WEBHOOK_SECRET": "secret",
    ]
    let fixture = try await BackendFixture(
      try await kind.create(), environment: standard.merging(environment) { $1 }, bucket: bucket)
    do {
      try await body(fixture)
    } catch {
      await fixture.close()
      throw error
    }
    await fixture.close()
  }

  private func close() async {
    store.close()
    await parts.shutdown()
    await database.close()
  }

  // MARK: What there is

  static func offer(
    _ version: String, isForced: Bool = false, settings: [ReleaseOffer.Setting] = []
  ) -> ReleaseOffer {
    ReleaseOffer(
      releaseID: "rel-\(version)", version: version, chartSha256: String(repeating: "a", count: 64),
      composeSha256: String(repeating: "b", count: 64),
      imageTags: ReleaseOffer.ImageTags(
        backend: "sha-abc", media: "sha-def", controlTower: "sha-ghi", agent: "sha-jkl"),
      newNonEssentialEnvs: settings, isForced: isForced, releaseNotes: "Bug fixes")
  }

  /// A release that lies in the bucket, verified, as the row says.
  /// - Returns: the deployment's id.
  @discardableResult
  func addDownloaded(_ offer: ReleaseOffer) async throws -> String {
    let id = randomReconcileID()
    let path = parts.configuration.deployment.artifactPath(version: offer.version)
    let deadline = offer.isForced ? now + .seconds(86_400) : nil
    let now = now
    try await database.transaction(.write) { connection in
      let dialect = connection.dialect
      try connection.execute(
        """
        INSERT INTO scheduled_deployment (
          id, "gccReleaseId", "releaseName", version, "releaseData", "isForced", "forceDeadline", "chartBucketPath",
          "chartDownloaded", "artifactSha256", "receivedAt")
        VALUES ($1, $2, $3, $4, \(dialect.json("$5")), \(dialect.boolean(offer.isForced)),
          \(dialect.time("$6")), $7, \(dialect.boolean(true)), $8, \(dialect.time("$9")))
        """,
        [
          .text(id), .text(offer.releaseID), .text("v\(offer.version)"), .text(offer.version), .text(offer.json.text),
          SQLValue(deadline?.columnText), .text(path), SQLValue(offer.chartSha256), now.column,
        ])
    }
    return id
  }

  // MARK: What there is to see

  func query(_ sql: String, _ parameters: [SQLValue] = []) async throws -> [SQLRow] {
    try await database.transaction(.read) { try $0.query(sql, parameters) }
  }

  func deployment(_ id: String) async throws -> ScheduledDeployment? {
    try await database.transaction(.write) { try ScheduledDeployment.find(id: id, in: $0) }
  }

  /// Kinds of what admins were told and is not over, each once, sorted.
  func notices() async throws -> [String] {
    try await query("SELECT kind FROM admin_notice WHERE \"resolvedAt\" IS NULL ORDER BY kind, id")
      .compactMap { $0[0].text }
  }

  /// All that admins were told, also what is over, in its order.
  func told() async throws -> [JSONValue] {
    try await query("SELECT notice FROM admin_notice ORDER BY \"createdAt\", id")
      .compactMap { $0[0].text.flatMap { try? JSONValue(parsing: Array($0.utf8)) } }
  }

  /// Bodies of messages that wait to be sent, in their order.
  func outbox(_ topic: String) async throws -> [JSONValue] {
    try await query("SELECT payload FROM outbox WHERE topic = $1 ORDER BY sequence", [.text(topic)])
      .compactMap { $0[0].text.flatMap { try? JSONValue(parsing: Array($0.utf8)) } }
  }
}
