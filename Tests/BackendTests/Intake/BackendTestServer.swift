import Access
import HTTPTransport
import Hummingbird
import Logging
import NIOCore
import ResourceModel
import ServiceLifecycle
import WireFormats

@testable import Backend
@testable import HTTPService

/// Routes on a free port of this machine, behind the front that programs have, for as long as a test's body
/// runs.
struct BackendTestServer: Sendable {
  let port: Int
  let http: HTTPClient

  static func run(
    service: ServiceConfiguration, connections: ConnectionLimits = ConnectionLimits(),
    authenticator: any Authenticator = Nobody(), policy: AccessPolicy = BackendAccess.policy,
    addRoutes: (Router<ServiceContext>) -> Void, _ body: @Sendable (BackendTestServer) async throws -> Void
  ) async throws {
    let front = ServiceFront(
      configuration: service, authenticator: authenticator, policy: policy, isReady: { true },
      addRoutes: addRoutes)
    let (ports, announce) = AsyncStream<Int>.makeStream()
    let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    let application = Application(
      responder: front, server: .limited(connections, credentials: nil),
      configuration: ApplicationConfiguration(address: .hostname("127.0.0.1", port: 0)),
      onServerRunning: { channel in announce.yield(channel.localAddress?.port ?? 0) }, logger: logger)
    let group = ServiceGroup(services: [application], logger: logger)
    // What the body throws is thrown once the server has ended by itself: it must not be cancelled in the midst of a connection.
    var outcome: Result<Void, any Error> = .success(())
    try await withThrowingTaskGroup(of: Void.self) { tasks in
      tasks.addTask { try await group.run() }
      for await port in ports {
        let server = BackendTestServer(
          port: port, http: HTTPClient(userAgent: "test", limits: ClientConnectionLimits(total: 300, perHost: 300)))
        do { outcome = .success(try await body(server)) } catch { outcome = .failure(error) }
        await group.triggerGracefulShutdown()
        await server.http.shutdown()
        break
      }
      try await tasks.waitForAll()
    }
    try outcome.get()
  }

  /// Knows no token.
  struct Nobody: Authenticator {
    func identity(forToken token: String, mayLookUp: @Sendable () throws -> Void) async throws -> Identity? { nil }
  }

  func post(
    _ path: String, _ body: [UInt8], headers: [(name: String, value: String)] = []
  ) async throws -> (status: Int, json: JSONValue) {
    let response = try await http.send(
      HTTPTransport.HTTPRequest(
        method: "POST", url: "http://127.0.0.1:\(port)\(path)", headers: headers, body: .bytes(body),
        // Of a thousand at once the last is answered late where the machine has much else to do.
        timeout: .seconds(240), connectTimeout: .seconds(120)))
    return (response.status, (try? JSONValue(parsing: response.body)) ?? .null)
  }
}
