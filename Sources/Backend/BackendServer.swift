import Access
import CoreKinds
import Database
import DeploymentKinds
import FoundationEssentials
import HTTPService
import Logging
import Observability
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
  let environment: [String: String]
  let options: ServiceOptions
  let logger: Logger

  /// How long Events are kept since their last write, which is when they last happened, and how many.
  static let eventRetention = RetirementRule(age: .seconds(24 * 3600), keptPerNamespace: 4_000, kept: 16_000)

  /// Serves until the process is asked to stop, then lets running requests finish.
  func run() async throws {
    let metrics = MetricsRegistry()
    metrics.install()
    let credentials = try options.credentials(environment: environment, logger: logger)
    let location = try databaseLocation(server.databaseURL)
    logger.info(
      "Opening the database", metadata: ["database": "\(location)", "namedBy": "\(server.databaseSource)"])
    let database = try await openDatabase(server.databaseURL, isServer: true, logger: logger)
    let now = SystemTime.now
    try await Migrator(BackendMigrations.all, logger: logger, now: { now().description }).migrate(database)
    let store = SQLResourceStore(
      database: database, kinds: BackendKinds.stored, options: StoreOptions(now: now), logger: logger)
    try await store.start()
    let front = try await front(database, store, metrics, now)
    let close = {
      store.close()
      await database.close()
    }
    do {
      try await options.serve(
        front, beside: [Retention(of: Event.definition, Self.eventRetention, in: store, logger: logger)],
        credentials: credentials, name: BackendProgram.commandName, logger: logger)
    } catch {
      await close()
      throw error
    }
    await close()
  }

  private func front(
    _ database: any Database, _ store: SQLResourceStore, _ metrics: MetricsRegistry,
    _ now: @escaping @Sendable () -> Timestamp
  ) async throws -> ServiceFront {
    let makeID: @Sendable () -> String = { UUID().uuidString.lowercased() }
    var limits = ResourceAPI.Configuration()
    limits.maximumWatchers = options.connections.maximumConnections * 3 / 4
    let api = ResourceAPI(
      registry: ResourceRegistry(BackendKinds.definitions), store: store, policy: BackendAccess.policy,
      configuration: limits, now: now, makeUID: makeID)
    try await api.makeNamespaces(try await store.occupiedNamespaces())
    let license = LicenseSource(
      license: configuration.license, vendorKey: configuration.vendorKey, read: Self.readSmallFile)
    if let problem = license.state().problem(at: now()) {
      logger.warning("No release is deployed until the licence is put right", metadata: ["error": "\(problem)"])
    }
    let agentEndpoints = InternalEndpoints(
      settings: SettingStore(database: database, makeID: makeID), license: license, now: now)
    var service = options.service
    service.tokenHeaders = BackendAccess.tokenHeaders
    return ServiceFront(
      configuration: service, authenticator: TokenAuthenticator(tokens: TokenStore(database: database), now: now),
      policy: BackendAccess.policy, isReady: { await api.isReady() }, renderMetrics: { metrics.render() },
      labels: { api.labels($0) },
      addRoutes: { router in
        api.addRoutes(to: router)
        agentEndpoints.addRoutes(to: router)
      })
  }

  private static func readSmallFile(_ path: String) -> String? {
    guard let data = FileManager.default.contents(atPath: path), data.count <= 64 << 10 else { return nil }
    return String(validating: data, as: UTF8.self)
  }
}
