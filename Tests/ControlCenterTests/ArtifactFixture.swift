import Access
import Cryptography
import Database
import FoundationEssentials
import HTTPService
import Hummingbird
import Logging
import ObjectStorage
import ReleaseManifest
import ResourceModel
import ResourceStorage
import Synchronization
import TestSupport
import Testing
import WireFormats

@testable import ControlCenter

/// Tables, a bucket and a folder for uploads, and all that serves them.
final class ArtifactFixture: Sendable {
  static let start = Timestamp(seconds: 1_800_000_000)
  static let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })

  let database: any Database
  private let instance: TestDatabase.Instance
  let bucketFolder: TemporaryFolder
  let uploads: TemporaryFolder
  private let time = Mutex(start)
  private let ids = Mutex(0)
  let trustRoot: TrustRoot?
  let maximumFileBytes: Int
  let timeout: Duration
  /// How long the bucket takes to store an object.
  let putDelay: Duration
  /// Whether it stores none.
  let bucketFails = Mutex(false)
  /// How many objects have been asked for, and whether those who ask have to wait.
  let reads = Mutex((count: 0, areHeld: false))

  init(
    _ kind: TestDatabase = .sqlite, trustRoot: TrustRoot? = nil, maximumFileBytes: Int = 256 << 20,
    timeout: Duration = .seconds(60), putDelay: Duration = .zero
  ) async throws {
    instance = try await kind.create()
    database = try await openDatabase(instance.url)
    bucketFolder = try TemporaryFolder()
    uploads = try TemporaryFolder()
    self.trustRoot = trustRoot
    self.maximumFileBytes = maximumFileBytes
    self.timeout = timeout
    self.putDelay = putDelay
    try await Migrator(Self.migrations, logger: Self.logger, now: { "2026-11-24T00:00:00Z" }).migrate(database)
  }

  func close() async { await database.close() }

  /// Another process over the same database and bucket would have the same.
  var bucket: any Bucket {
    SlowBucket(
      bucket: FileBucket(path: bucketFolder.path), delay: putDelay, fails: { self.bucketFails.withLock { $0 } },
      willRead: {
        self.reads.withLock { $0.count += 1 }
        while self.reads.withLock({ $0.areHeld }) { try? await Task.sleep(for: .milliseconds(5)) }
      })
  }
  var manifests: ManifestCheck { ManifestCheck(trustRoot: trustRoot, now: now) }
  var store: ArtifactStore {
    ArtifactStore(
      database: database, bucket: bucket, manifests: manifests, now: now, makeID: makeID, logger: Self.logger)
  }
  var catalog: ReleaseCatalog {
    ReleaseCatalog(
      database: database, bucket: bucket, manifests: manifests, now: now, makeID: makeID, logger: Self.logger)
  }

  var now: @Sendable () -> Timestamp { { self.time.withLock { $0 } } }
  func advance(by duration: Duration) { time.withLock { $0 = $0 + duration } }

  var makeID: @Sendable () -> String {
    {
      self.ids.withLock { id in
        id += 1
        return "id-\(id)"
      }
    }
  }

  var endpoints: ArtifactEndpoints {
    ArtifactEndpoints(
      store: store,
      configuration: .init(folder: uploads.path, maximumFileBytes: maximumFileBytes, timeout: timeout),
      policy: ControlCenterTestServer.policy)
  }

  var service: ServiceConfiguration {
    var service = ServiceConfiguration()
    service.unhurriedPaths = PathPatterns([ArtifactEndpoints.path])
    return service
  }

  func addRoutes(_ router: Router<ServiceContext>) {
    endpoints.addRoutes(to: router)
    ReleaseEndpoints(catalog: catalog, policy: ControlCenterTestServer.policy).addRoutes(to: router)
    ChartEndpoints(
      database: database, bucket: bucket, policy: ControlCenterTestServer.policy,
      limits: .init(total: 3, perCustomer: 2), logger: Self.logger
    ).addRoutes(to: router)
  }

  static func with(
    _ kind: TestDatabase = .sqlite, trustRoot: TrustRoot? = nil, maximumFileBytes: Int = 256 << 20,
    timeout: Duration = .seconds(60), putDelay: Duration = .zero,
    _ body: @Sendable (ArtifactFixture, ControlCenterTestServer) async throws -> Void
  ) async throws {
    let fixture = try await ArtifactFixture(
      kind, trustRoot: trustRoot, maximumFileBytes: maximumFileBytes, timeout: timeout, putDelay: putDelay)
    do {
      try await ControlCenterTestServer.run(service: fixture.service, addRoutes: fixture.addRoutes) { server in
        try await body(fixture, server)
      }
    } catch {
      await fixture.close()
      throw error
    }
    await fixture.close()
  }

  // MARK: What is there

  func rows(_ sql: String) async throws -> [SQLRow] {
    try await database.transaction(.read) { try $0.query(sql) }
  }

  func execute(_ sql: String) async throws {
    try await database.transaction(.write) { connection in _ = try connection.execute(sql) }
  }

  func count(_ table: String) async throws -> Int {
    Int(try await rows("SELECT count(*) FROM \(table)").first?[0].integer ?? -1)
  }

  func objects() async throws -> [String] {
    try await FileBucket(path: bucketFolder.path).list(prefix: "", limit: 1000, continuation: nil).objects.map(\.key)
  }

  /// Nothing stored, nothing left behind.
  func expectNothing(_ location: SourceLocation = #_sourceLocation) async throws {
    #expect(try await count("gcc_artifact") == 0, sourceLocation: location)
    #expect(try await count("artifact_claim") == 0, sourceLocation: location)
    #expect(try await objects() == [], sourceLocation: location)
    #expect(try FileManager.default.contentsOfDirectory(atPath: uploads.path) == [], sourceLocation: location)
  }

  /// Every row's object has the bytes that the row says.
  func expectAgreement(_ location: SourceLocation = #_sourceLocation) async throws {
    for row in try await rows("SELECT \"bucketPath\", sha256, \"sizeBytes\" FROM gcc_artifact") {
      let bytes = try await FileBucket(path: bucketFolder.path).get(row[0].text ?? "", maximumBytes: 1 << 30)
      #expect(SHA256.digest(of: bytes).hexadecimal == row[1].text, sourceLocation: location)
      #expect(bytes.count == row[2].integer.map(Int.init), sourceLocation: location)
    }
  }

  // MARK: Tables

  private static let definition = ResourceDefinition(
    names: ResourceNames(
      group: "deploy.wrktalk.com", version: "v1", kind: "Release", plural: "releases", singular: "release"),
    table: "gcc_release", schema: .any(), isNamespaced: false)

  private static let mapping = ColumnMapping(
    name: "version", timeType: .timestamp(hasTimeZone: false),
    columns: [
      .init(
        "status", .enumeration(type: "ReleaseStatus", words: ["draft": "Draft", "published": "Published"]),
        at: "spec.state"),
      .init("withdrawn", .boolean, at: "spec.withdrawn"), .init("releaseNotes", .text, at: "spec.releaseNotes"),
      .init("newNonEssentialEnvs", .json, at: "spec.newNonEssentialEnvs"),
      .init("publishedAt", .timestamp(hasTimeZone: false), at: "status.publishedAt"),
    ])

  /// What watchers of releases see, in order.
  func changes() async throws -> [String] {
    try await rows("SELECT type, name, object FROM resource_change ORDER BY revision").map { row in
      let object = row[2].text.flatMap { try? JSONValue(parsing: Array($0.utf8)) }
      let isWithdrawn = object?["withdrawn"]
      return [
        row[0].text, row[1].text, object?["status"]?.string,
        isWithdrawn == true || isWithdrawn == 1 ? "withdrawn" : nil,
      ].compactMap(\.self).joined(separator: " ")
    }
  }

  /// As the program's own migrations make them, as far as these tests look.
  private static var migrations: [Migration] {
    SQLResourceStore.migrations(for: [] as [StoredKind]) + ArtifactTables.migrations + [
      Migration(owner: "fixture", version: 1, name: "tables of the specification") { dialect in
        let isPostgreSQL = dialect == .postgresql
        let time = isPostgreSQL ? "timestamp(3)" : "text"
        let json = isPostgreSQL ? "jsonb" : "text"
        let words = ["draft", "published", "deprecated"].map { "'\($0)'" }.joined(separator: ", ")
        let types = isPostgreSQL ? ["CREATE TYPE \"ReleaseStatus\" AS ENUM (\(words))"] : []
        let status = isPostgreSQL ? "\"ReleaseStatus\"" : "text"
        return types + [
          """
          CREATE TABLE gcc_artifact (
            id text PRIMARY KEY, version text NOT NULL, type text NOT NULL, "bucketPath" text NOT NULL,
            sha256 text NOT NULL, "sizeBytes" bigint NOT NULL, "createdAt" \(time) NOT NULL, UNIQUE (version, type))
          """,
          """
          CREATE TABLE gcc_release (
            id text PRIMARY KEY, version text NOT NULL UNIQUE, "releaseNotes" text,
            status \(status) NOT NULL DEFAULT 'draft', "backendImageTag" text NOT NULL, "mediaImageTag" text NOT NULL,
            "controlTowerImageTag" text NOT NULL, "agentImageTag" text NOT NULL, "helmChartSha256" text NOT NULL,
            "composeArtifactSha256" text, "isForced" boolean NOT NULL DEFAULT false,
            "isMigrationRequired" boolean NOT NULL DEFAULT false, "estimatedDowntime" text, "minCurrentVersion" text,
            "newNonEssentialEnvs" \(json), "createdAt" \(time) NOT NULL, "createdBy" text NOT NULL,
            "publishedAt" \(time), withdrawn boolean NOT NULL DEFAULT false, manifest text, "notifiedAt" \(time),
            \(ColumnMapping.addedColumns(dialect).joined(separator: ", ")))
          """,
          """
          CREATE TABLE organizational_service (
            id text PRIMARY KEY, name text NOT NULL UNIQUE, "currentVersion" text)
          """,
          """
          CREATE TABLE gcc_deployment_target (
            id text PRIMARY KEY, "releaseId" text NOT NULL, "organizationName" text NOT NULL, status text NOT NULL,
            "completedAt" \(time))
          """,
          """
          CREATE TABLE gcc_version_history (
            id text PRIMARY KEY, "organizationName" text NOT NULL, "releaseVersion" text NOT NULL,
            "deployedAt" \(time) NOT NULL, status text NOT NULL, "helmRevision" integer, "recordedAt" \(time))
          """,
        ] + JournalTriggers(definition, mapping).statements(dialect)
      }
    ]
  }
}
