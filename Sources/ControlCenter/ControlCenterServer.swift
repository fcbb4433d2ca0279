import Access
import Accounts
import Audit
import CoreKinds
import Cryptography
import CurlTransfers
import Database
import FleetKinds
import FoundationEssentials
import HTTPService
import HTTPTransport
import KeyFiles
import Logging
import Mail
import ObjectStorage
import Observability
import Outbox
import Pages
import ProgramConfiguration
import ReleaseManifest
import ResourceModel
import ResourceServer
import ResourceStorage
import ServerPrograms
import ServiceLifecycle
import Timing
import WireFormats

/// The one place where the parts of the vendor's server meet.
struct ControlCenterServer {
  let server: ServerConfiguration
  let configuration: ControlCenterConfiguration
  let dataFolder: String
  let environment: [String: String]
  let options: ServiceOptions
  /// Whether the secrets of webhooks that its key does not open are forgotten, instead of none being served.
  var forgetsWebhookSecrets = false
  let logger: Logger

  /// How long Events are kept since they last happened, and how many.
  static let eventRetention = RetirementRule(age: .seconds(7 * 86_400), keptPerNamespace: 4_000, kept: 16_000)

  /// Serves until the process is asked to stop, then lets running requests finish.
  func run() async throws {
    let metrics = MetricsRegistry()
    metrics.install()
    ControlCenterConfiguration.variables.warn(of: environment, logger)
    let credentials = try options.credentials(environment: environment, logger: logger)
    if !configuration.isBucketEmbedded { try configuration.bucket.checkFolder(prefix: "GCC_") }
    let location = try databaseLocation(server.databaseURL)
    logger.info(
      "Opening the database", metadata: ["database": "\(location)", "namedBy": "\(server.databaseSource)"])
    let database = try await openDatabase(server.databaseURL, isServer: true, logger: logger)
    let now = SystemTime.now
    try await Migrator(ControlCenterProgram.migrations, logger: logger, now: { now().description }).migrate(database)
    let store = SQLResourceStore(
      database: database, kinds: ControlCenterKinds.stored, options: Self.storeOptions(now), logger: logger)
    try await store.start()
    let box = try await box(database)
    let parts = ControlCenterParts(
      database: database, store: store, box: box, configuration: configuration, dataFolder: try absoluteDataFolder(),
      trustRoot: try trustRoot(), licenseKey: try licenseKey(),
      maximumDownloads: max(16, options.connections.maximumConnections / 8), now: now,
      makeID: { UUID().uuidString.lowercased() }, logger: logger)
    logger.info("Keeping artifacts", metadata: ["bucket": "\(parts.bucketName)"])
    try await parts.prepare(forgettingSecrets: forgetsWebhookSecrets)
    try await parts.keys.load()
    let front = try await front(parts, metrics)
    let close = {
      store.close()
      await parts.shutdown()
      await database.close()
    }
    do {
      let retention = Retention(of: Event.definition, Self.eventRetention, in: store, logger: logger)
      try await options.serve(
        front, beside: [retention] + parts.services, credentials: credentials,
        name: ControlCenterProgram.commandName, logger: logger)
    } catch {
      await close()
      throw error
    }
    await close()
  }

  /// The key that seals the secrets of webhooks. A new one is made only where there is nothing that another has sealed.
  private func box(_ database: any Database) async throws -> AES256GCM {
    var key = try configuration.secretKey ?? SecretKey.presentInDataFolder(dataFolder)
    if key == nil, !forgetsWebhookSecrets, try await WebhookSecrets.areSealed(in: database) {
      throw ConfigurationError(
        "is missing, and there are secrets of webhooks that were sealed with it: put it back; if it is lost, start once with "
          + "--forget-webhook-secrets, and give each customer a new secret (wrktalkctl org webhook-secret)",
        setting: "\(dataFolder)/secret.key")
    }
    key = try key ?? SecretKey.inDataFolder(dataFolder)
    guard let box = key.flatMap({ AES256GCM(key: $0) }) else {
      preconditionFailure("keys are checked where they are read")
    }
    return box
  }

  /// Where uploads lie until they are in the bucket; a database elsewhere does without the folder otherwise.
  private func absoluteDataFolder() throws -> String {
    let path = dataFolder.hasPrefix("/") ? dataFolder : "\(FileManager.default.currentDirectoryPath)/\(dataFolder)"
    for folder in [path] + configuration.embeddedFolders {
      do {
        try FileManager.default.createDirectory(
          atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
      } catch {
        throw ConfigurationError("the folder \(folder) cannot be made: \(fileErrorText(error))")
      }
    }
    return path
  }

  private func trustRoot() throws -> TrustRoot? {
    guard let path = configuration.trustRootFile else { return nil }
    guard let data = FileManager.default.contents(atPath: path), data.count <= 1 << 20 else {
      throw ConfigurationError("\(path) cannot be read", setting: "GCC_TRUST_ROOT_FILE")
    }
    do {
      return try TrustRoot.first(data)
    } catch {
      throw ConfigurationError("\(path) is not a trust root: \(error)", setting: "GCC_TRUST_ROOT_FILE")
    }
  }

  private func licenseKey() throws -> Ed25519.PrivateKey? {
    guard let path = configuration.licenseKeyFile else { return nil }
    do throws(KeyFileError) {
      let key = try PrivateKeyFile.read(path) { () throws(KeyFileError) in
        throw KeyFileError(
          "\(path) is encrypted, and a server cannot be asked for the passphrase: give it a key that is not")
      }
      if PrivateKeyFile.isReadableByOthers(path) {
        logger.warning("Others may read the private key of licences: chmod 600 it", metadata: ["file": "\(path)"])
      }
      return key
    } catch {
      throw ConfigurationError(error.message, setting: "GCC_LICENSE_KEY_FILE")
    }
  }

  /// A release that reaches everyone at once changes as many targets as there are customers; who watches is to keep up.
  static func storeOptions(_ now: @escaping @Sendable () -> Timestamp) -> StoreOptions {
    StoreOptions(
      keptChanges: 200_000, keptBytes: 256 << 20,
      audit: ObjectAudit(AuditLedger(now: now), of: FleetAudit.kinds, acts: FleetAudit.acts), now: now)
  }

  private func front(_ parts: ControlCenterParts, _ metrics: MetricsRegistry) async throws -> ServiceFront {
    var limits = ResourceAPI.Configuration()
    // CI starts and changes rollouts.
    limits.auditsMachines = true
    limits.maximumWatchers = options.connections.maximumConnections / 4
    let api = ResourceAPI(
      registry: ResourceRegistry(ControlCenterKinds.definitions), store: parts.admission,
      policy: ControlCenterAccess.policy, configuration: limits, now: parts.now, makeUID: parts.makeID)
    try await api.makeNamespaces([FleetEvents.namespace] + (try await parts.store.occupiedNamespaces()))
    var service = options.service
    service.plainErrorPaths = PathPatterns(["/api/*"])
    service.openPaths = PathPatterns(AccountService.openPaths + Page.openPaths)
    service.unhurriedPaths = PathPatterns([ArtifactEndpoints.path, "/api/artifacts/*"])
    // Every customer has an allowance of its own.
    service.maximumCallers = 200_000
    // One polls and reports a few times a minute.
    service.requestsByRole = [.customer: .init(rate: 5, burst: 100)]
    let tokens = TokenAuthenticator(tokens: TokenStore(database: parts.database), now: parts.now)
    return ServiceFront(
      configuration: service,
      authenticator: FleetAuthenticator(keys: parts.keys, tokens: tokens, ciToken: configuration.ciToken),
      sessions: parts.people.sessions, policy: ControlCenterAccess.policy,
      isReady: { [offers = parts.offers] in
        guard offers.isLoaded else { return false }
        return await api.isReady()
      },
      renderMetrics: { metrics.render() }, labels: { api.labels($0) },
      addRoutes: { router in
        api.addRoutes(to: router)
        parts.addRoutes(to: router)
      })
  }
}
