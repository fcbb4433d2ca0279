import Access
import Accounts
import Audit
import CoreKinds
import Cryptography
import Database
import DeploymentKinds
import FoundationEssentials
import HTTPService
import HTTPTransport
import Logging
import ObjectStorage
import Observability
import ProgramConfiguration
import ResourceModel
import ResourceServer
import ResourceStorage
import ServerPrograms
import Timing
import WireFormats

/// The one place where the Backend's parts meet.
struct BackendServer {
  let server: ServerConfiguration
  let configuration: BackendConfiguration
  let dataFolder: String
  let environment: [String: String]
  let options: ServiceOptions
  let logger: Logger

  /// How long Events are kept since their last write, which is when they last happened, and how many.
  static let eventRetention = RetirementRule(age: .seconds(24 * 3600), keptPerNamespace: 4_000, kept: 16_000)

  /// What people write of the records is audited as what they do through the other endpoints.
  static func storeOptions(_ now: @escaping @Sendable () -> Timestamp) -> StoreOptions {
    StoreOptions(audit: ObjectAudit(AuditLedger(now: now), of: [DesiredDeploymentKind.names]), now: now)
  }

  /// Serves until the process is asked to stop, then lets running requests finish.
  func run() async throws {
    let metrics = MetricsRegistry()
    metrics.install()
    BackendConfiguration.variables.warn(of: environment, logger)
    let credentials = try options.credentials(environment: environment, logger: logger)
    try makeFolders()
    try TrustRootSource(path: configuration.trustRootFile).check()
    try licenseSource.checkKeys()
    let location = try databaseLocation(server.databaseURL)
    logger.info(
      "Opening the database", metadata: ["database": "\(location)", "namedBy": "\(server.databaseSource)"])
    let database = try await openDatabase(server.databaseURL, isServer: true, logger: logger)
    let now = SystemTime.now
    try await Migrator(BackendMigrations.all, logger: logger, now: { now().description }).migrate(database)
    let store = SQLResourceStore(
      database: database, kinds: BackendKinds.stored, options: Self.storeOptions(now), logger: logger)
    try await store.start()
    let parts = try parts(database, store, now)
    logger.info(
      "Taking releases",
      metadata: [
        "vendor": "\(configuration.vendor?.endpoint ?? "none: from objects alone")", "bucket": "\(parts.bucket.name)",
      ])
    try await parts.prepare()
    let front = try await front(parts, metrics)
    let close = {
      store.close()
      await parts.shutdown()
      await database.close()
    }
    do {
      try await options.serve(
        front,
        beside: [Retention(of: Event.definition, Self.eventRetention, in: store, logger: logger)] + parts.services,
        credentials: credentials, name: BackendProgram.commandName, logger: logger)
    } catch {
      await close()
      throw error
    }
    await close()
  }

  private func makeFolders() throws {
    if !configuration.isBucketEmbedded { try configuration.bucket.checkFolder(prefix: "WRKTALK_") }
    // Who has no vendor to fetch from needs no disk.
    for folder in configuration.vendor == nil ? [] : configuration.embeddedFolders {
      do {
        try FileManager.default.createDirectory(
          atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
      } catch {
        throw ConfigurationError("the folder \(folder) cannot be made: \(fileErrorText(error))")
      }
    }
  }

  private func parts(
    _ database: any Database, _ store: SQLResourceStore, _ now: @escaping @Sendable () -> Timestamp
  ) throws -> BackendParts {
    let http = HTTPClient(userAgent: "wrktalk-backend/\(ProgramVersion.current)")
    return BackendParts(
      database: database, store: store, configuration: configuration, http: http,
      bucket: makeBucket(configuration.bucket, http: http), box: try box(), license: licenseSource,
      now: now, makeID: { UUID().uuidString.lowercased() }, logger: logger)
  }

  private var licenseSource: LicenseSource {
    LicenseSource(license: configuration.license, vendorKey: configuration.vendorKey, read: Self.readSmallFile)
  }

  /// The key that seals secrets: every process over one database needs the same.
  private func box() throws(ConfigurationError) -> AES256GCM {
    if let key = configuration.secretKey, let box = AES256GCM(key: key) { return box }
    if server.databaseSource != .dataFolder {
      logger.warning(
        "The key that seals secrets lies in the data folder; set WRKTALK_SECRET_KEY_FILE where several processes serve one database",
        metadata: ["folder": "\(dataFolder)"])
    }
    do {
      try FileManager.default.createDirectory(
        atPath: dataFolder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    } catch {
      throw ConfigurationError(
        "the data folder \(dataFolder) cannot be made, where the key that seals secrets would lie: set "
          + "WRKTALK_SECRET_KEY_FILE, or another folder with --data-dir")
    }
    guard let box = AES256GCM(key: try SecretKey.inDataFolder(dataFolder)) else {
      preconditionFailure("keys are checked where they are read")
    }
    return box
  }

  private func front(_ parts: BackendParts, _ metrics: MetricsRegistry) async throws -> ServiceFront {
    var limits = ResourceAPI.Configuration()
    limits.maximumWatchers = options.connections.maximumConnections * 3 / 4
    let api = ResourceAPI(
      registry: ResourceRegistry(BackendKinds.definitions), store: parts.store, policy: BackendAccess.policy,
      configuration: limits, now: parts.now, makeUID: parts.makeID)
    try await api.makeNamespaces(try await parts.store.occupiedNamespaces())
    return ServiceFront(
      configuration: BackendParts.adapted(options.service),
      authenticator: TokenAuthenticator(tokens: TokenStore(database: parts.database), now: parts.now),
      sessions: parts.people.sessions, policy: BackendAccess.policy, isReady: { await api.isReady() },
      renderMetrics: { metrics.render() },
      labels: { api.labels($0) },
      addRoutes: { router in
        api.addRoutes(to: router)
        parts.addRoutes(to: router)
      })
  }

  private static func readSmallFile(_ path: String) -> String? {
    guard let data = FileManager.default.contents(atPath: path), data.count <= 64 << 10 else { return nil }
    return String(validating: data, as: UTF8.self)
  }
}
