import Access
import FoundationEssentials
import HTTPTransport
import Hummingbird
import Logging
import NIOCore
import ResourceModel
import ServiceLifecycle
import Synchronization
import WireFormats

@testable import HTTPService

/// Routes of the control center on a free port of this machine, for as long as a test's body runs.
struct ControlCenterTestServer: Sendable {
  /// Everything for `admin`, what the paths say for `ci` and `customer`.
  static let policy = AccessPolicy([
    .admin,
    RoleDefinition(
      Role(rawValue: "ci"), summary: "makes releases", rules: { _ in [] },
      paths: [PathRule(verbs: ["get", "head", "post", "put", "delete"], paths: ["/api/internal/*"])]),
    RoleDefinition(
      Role(rawValue: "customer"), summary: "one organization", rules: { _ in [] },
      paths: [
        PathRule(verbs: ["get", "head"], paths: ["/api/artifacts/*", "/api/v1/*"]),
        PathRule(verbs: ["post"], paths: ["/api/v1/*"]),
      ]),
  ])

  let port: Int
  let http: HTTPClient

  /// - Parameter authenticator: by default every role's name is a token, and `customer-of-NAME` one that is bound.
  static func run(
    service: ServiceConfiguration = ServiceConfiguration(), connections: ConnectionLimits = ConnectionLimits(),
    credentials: TLSCredentials? = nil, authenticator: any Authenticator = RoleTokens(),
    sessions: SessionRule? = nil, policy: AccessPolicy = policy,
    logger: Logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }),
    addRoutes: (Router<ServiceContext>) -> Void, _ body: @Sendable (ControlCenterTestServer) async throws -> Void
  ) async throws {
    var service = service
    service.plainErrorPaths = PathPatterns(["/api/*"])
    let front = ServiceFront(
      configuration: service, authenticator: authenticator, sessions: sessions, policy: policy, isReady: { true },
      addRoutes: addRoutes)
    let (ports, announce) = AsyncStream<Int>.makeStream()
    let application = Application(
      responder: front, server: .limited(connections, credentials: credentials),
      configuration: ApplicationConfiguration(address: .hostname("127.0.0.1", port: 0)),
      onServerRunning: { channel in announce.yield(channel.localAddress?.port ?? 0) }, logger: logger)
    let group = ServiceGroup(services: [application], logger: logger)
    // What the body throws is thrown once the server has ended by itself: it must not be cancelled in the midst of a connection.
    var outcome: Result<Void, any Error> = .success(())
    try await withThrowingTaskGroup(of: Void.self) { tasks in
      tasks.addTask { try await group.run() }
      for await port in ports {
        let server = ControlCenterTestServer(port: port, http: HTTPClient(userAgent: "test"))
        do { outcome = .success(try await body(server)) } catch { outcome = .failure(error) }
        await group.triggerGracefulShutdown()
        await server.http.shutdown()
        break
      }
      try await tasks.waitForAll()
    }
    try outcome.get()
  }

  func send(
    _ method: String, _ path: String, _ body: JSONValue? = nil, token: String? = "ci",
    headers: [(name: String, value: String)] = []
  ) async throws -> Answer {
    try await send(
      method, path, bytes: body?.serialized(), contentType: body == nil ? nil : "application/json", token: token,
      headers: headers)
  }

  func send(
    _ method: String, _ path: String, bytes: [UInt8]?, contentType: String?, token: String? = "ci",
    headers: [(name: String, value: String)] = []
  ) async throws -> Answer {
    var headers = headers
    if let token { headers.append(("Authorization", "Bearer \(token)")) }
    if let contentType { headers.append(("Content-Type", contentType)) }
    let response = try await http.send(
      HTTPTransport.HTTPRequest(
        method: method, url: "http://127.0.0.1:\(port)\(path)", headers: headers,
        body: bytes.map { .bytes($0) } ?? .none,
        // A machine that has much else to do answers late.
        timeout: .seconds(240), connectTimeout: .seconds(120)))
    return Answer(response)
  }

  struct Answer: Sendable {
    var status: Int
    var headers: HTTPHeaders
    var body: [UInt8]

    init(_ response: HTTPTransport.HTTPResponse) {
      status = response.status
      headers = response.headers
      body = response.body
    }

    var json: JSONValue { (try? JSONValue(parsing: body)) ?? .null }
    /// What an error says.
    var error: String { json["error"]?.string ?? "" }
  }
}

/// Every role's name is a token, and `customer-of-NAME` one that is bound to that organization.
struct RoleTokens: Authenticator {
  var policy = ControlCenterTestServer.policy

  func identity(forToken token: String, mayLookUp: @Sendable () throws -> Void) async throws -> Identity? {
    if token.hasPrefix("customer-of-") {
      return Identity(
        name: token, role: Role(rawValue: "customer"), tenant: String(token.dropFirst("customer-of-".count)))
    }
    return policy.definition(Role(rawValue: token)).map { Identity(name: "the-\(token)", role: $0.role) }
  }
}
