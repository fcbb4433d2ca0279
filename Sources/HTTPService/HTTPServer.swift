import Hummingbird
public import Logging
import NIOCore
import ProgramConfiguration
public import ServiceLifecycle
import UnixSignals

/// A program that serves until it is asked to stop: its listener, and what works beside it.
public struct HTTPServer: Sendable {
  public var front: ServiceFront
  public var limits: ConnectionLimits
  public var address: ListenAddress
  /// Nil for plain HTTP, as behind an ingress that speaks TLS.
  public var credentials: TLSCredentials?
  /// From the wish to end until requests that still are answered are cut off.
  public var shutdownTimeout: Duration
  /// What runs beside the listener; ended after it.
  public var services: [any Service]
  public var logger: Logger
  /// Called with the URL once the server accepts connections.
  public var announce: @Sendable (_ url: String) -> Void

  public init(
    front: ServiceFront, limits: ConnectionLimits, address: ListenAddress, credentials: TLSCredentials? = nil,
    shutdownTimeout: Duration = .seconds(10), services: [any Service] = [], logger: Logger,
    announce: @escaping @Sendable (_ url: String) -> Void
  ) {
    self.front = front
    self.limits = limits
    self.address = address
    self.credentials = credentials
    self.shutdownTimeout = shutdownTimeout
    self.services = services
    self.logger = logger
    self.announce = announce
  }

  /// Serves until SIGTERM or SIGINT, then lets running requests finish.
  /// - Throws: `ConfigurationError` where the address cannot be listened on; what a service throws.
  public func run() async throws {
    let (address, announce, isSecure) = (address, announce, credentials != nil)
    let listener = Application(
      responder: front, server: .limited(limits, credentials: credentials),
      configuration: ApplicationConfiguration(address: .hostname(address.host, port: address.port)),
      onServerRunning: { channel in
        announce(address.url(port: channel.localAddress?.port ?? address.port, isSecure: isSecure))
      },
      logger: logger)
    let all: [any Service] = services + (credentials.map { [$0] } ?? []) + [listener]
    var group = ServiceGroupConfiguration(
      services: all.map { ServiceGroupConfiguration.ServiceConfiguration(service: $0) },
      gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
    // One client that reads slowly must not keep the process, and with it the lock of an embedded database.
    group.maximumGracefulShutdownDuration = shutdownTimeout
    do {
      try await ServiceGroup(configuration: group).run()
    } catch let error as IOError {
      throw address.refusal(errnoCode: error.errnoCode) ?? error
    } catch is SocketAddressError.UnknownHost {
      throw address.unknownHost
    }
  }
}
