import Cryptography
import Database
import DeploymentKinds
import FoundationEssentials
import Glibc
import Hummingbird
import Logging
import NIOCore
import Observability
import ResourceModel
import ResourceServer
import ResourceStorage
import ServiceLifecycle
import UnixSignals
import WireFormats

/// The one place where the Backend's parts meet.
struct BackendServer {
  let configuration: BackendConfiguration
  let apiConfiguration: ResourceAPI.Configuration
  let connections: ConnectionLimits
  let address: ListenAddress
  /// From the wish to end until requests that still are answered are cut off.
  let shutdownTimeout: Duration
  let logger: Logger
  /// Called with the URL once the server accepts connections.
  let announce: @Sendable (_ url: String) -> Void

  /// Serves until the process is told to end, then lets running requests finish.
  func run() async throws {
    let metrics = MetricsRegistry()
    metrics.install()
    let location = try databaseLocation(configuration.databaseURL)
    logger.info(
      "Opening the database",
      metadata: ["database": "\(location)", "namedBy": "\(configuration.databaseSource)"])
    let database = try await openDatabase(configuration.databaseURL, isServer: true, logger: logger)
    let now = SystemTime().now
    try await Migrator(BackendMigrations.all, logger: logger, now: { now().description }).migrate(database)
    let store = SQLResourceStore(
      database: database, kinds: BackendMigrations.kinds, options: StoreOptions(now: now), logger: logger)
    try await store.start()
    let makeID: @Sendable () -> String = { UUID().uuidString.lowercased() }
    let api = ResourceAPI(
      registry: ResourceRegistry(AllKinds.definitions), store: store, configuration: apiConfiguration, now: now,
      makeUID: makeID, renderMetrics: { metrics.render() })
    try await api.makeNamespaces(try await store.occupiedNamespaces())
    let license = LicenseSource(
      license: configuration.license, vendorKey: configuration.vendorKey, read: Self.readSmallFile)
    if let problem = license.state().problem(at: now()) {
      logger.warning("No release is deployed until the licence is put right", metadata: ["error": "\(problem)"])
    }
    let responder = ResourceResponder(
      api: api, authenticator: TokenAuthenticator(tokens: TokenStore(database: database), now: now),
      endpoints: InternalEndpoints(
        settings: SettingStore(database: database, makeID: makeID), license: license, now: now))
    let (address, announce) = (address, announce)
    let server = Application(
      responder: responder, server: .limited(connections),
      configuration: ApplicationConfiguration(address: .hostname(address.host, port: address.port)),
      onServerRunning: { channel in announce(address.url(port: channel.localAddress?.port ?? address.port)) },
      logger: logger)
    var group = ServiceGroupConfiguration(
      services: [
        ServiceGroupConfiguration.ServiceConfiguration(
          service: EventRetention(store: store, logger: logger)),
        ServiceGroupConfiguration.ServiceConfiguration(service: server),
      ], gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
    // One client that reads slowly must not keep the process, and with it the lock of an embedded database.
    group.maximumGracefulShutdownDuration = shutdownTimeout
    let services = ServiceGroup(configuration: group)
    let close = {
      store.close()
      await database.close()
    }
    do {
      try await services.run()
    } catch {
      await close()
      switch error {
      case let error as IOError: throw address.refusal(errnoCode: error.errnoCode) ?? error
      case is SocketAddressError.UnknownHost: throw address.unknownHost
      default: throw error
      }
    }
    await close()
  }

  private static func readSmallFile(_ path: String) -> String? {
    guard let data = FileManager.default.contents(atPath: path), data.count <= 64 << 10 else { return nil }
    return String(validating: data, as: UTF8.self)
  }
}
