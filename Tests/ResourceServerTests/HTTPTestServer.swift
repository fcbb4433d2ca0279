import DeploymentKinds
import FoundationEssentials
import HTTPTransport
import Hummingbird
import Logging
import NIOCore
import ResourceModel
import ResourceStorage
import ServiceLifecycle
import Synchronization
import WireFormats

@testable import Access
@testable import Backend
@testable import HTTPService
@testable import ResourceServer

/// The API over a store in memory, on a free port of this machine, for as long as a test's body runs.
struct HTTPTestServer: Sendable {
  static let collection = "/apis/deploy.wrktalk.com/v1/namespaces/wrktalk/desireddeployments"
  static let now = Timestamp(seconds: 1_800_000_000)

  let port: Int
  let store: MemoryResourceStore
  let api: ResourceAPI
  let http: HTTPClient

  static func run(
    configuration: ResourceAPI.Configuration = ResourceAPI.Configuration(),
    service: ServiceConfiguration = ServiceConfiguration(), credentials: TLSCredentials? = nil,
    connections: ConnectionLimits = ConnectionLimits(), tokens: FixedTokens = FixedTokens(),
    logger: Logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }),
    _ body: @Sendable (HTTPTestServer) async throws -> Void
  ) async throws {
    let store = MemoryResourceStore()
    let numbers = Mutex(0)
    let api = ResourceAPI(
      registry: ResourceRegistry(BackendKinds.definitions), store: store, policy: BackendAccess.policy,
      configuration: configuration, now: { now },
      makeUID: {
        numbers.withLock { number in
          number += 1
          return "uid-\(number)"
        }
      })
    var service = service
    service.tokenHeaders = BackendAccess.tokenHeaders
    let front = ServiceFront(
      configuration: service, authenticator: tokens, policy: BackendAccess.policy, isReady: { await api.isReady() },
      renderMetrics: { "some_metric 1\n" }, labels: { api.labels($0) }, addRoutes: { api.addRoutes(to: $0) })
    let (ports, announce) = AsyncStream<Int>.makeStream()
    let application = Application(
      responder: front, server: .limited(connections, credentials: credentials),
      configuration: ApplicationConfiguration(address: .hostname("127.0.0.1", port: 0)),
      onServerRunning: { channel in announce.yield(channel.localAddress?.port ?? 0) },
      logger: logger)
    let group = ServiceGroup(services: [application], logger: application.logger)
    try await withThrowingTaskGroup(of: Void.self) { tasks in
      tasks.addTask { try await group.run() }
      for await port in ports {
        let server = HTTPTestServer(port: port, store: store, api: api, http: HTTPClient(userAgent: "test"))
        do {
          try await body(server)
        } catch {
          await group.triggerGracefulShutdown()
          await server.http.shutdown()
          throw error
        }
        await group.triggerGracefulShutdown()
        await server.http.shutdown()
        break
      }
      try await tasks.waitForAll()
    }
  }

  func request(
    _ method: String, _ path: String, _ body: JSONValue? = nil, token: String? = "admin", contentType: String? = nil,
    accept: String? = nil, acceptEncoding: String? = nil
  ) -> HTTPTransport.HTTPRequest {
    var headers: [(name: String, value: String)] = []
    if let token { headers.append(("Authorization", "Bearer \(token)")) }
    if let type = contentType ?? (body == nil ? nil : "application/json") { headers.append(("Content-Type", type)) }
    if let accept { headers.append(("Accept", accept)) }
    if let acceptEncoding { headers.append(("Accept-Encoding", acceptEncoding)) }
    return HTTPTransport.HTTPRequest(
      method: method, url: "http://127.0.0.1:\(port)\(path)", headers: headers,
      body: body.map { .bytes($0.serialized()) } ?? .none)
  }

  func send(
    _ method: String, _ path: String, _ body: JSONValue? = nil, token: String? = "admin", contentType: String? = nil,
    accept: String? = nil
  ) async throws -> Answer {
    let response = try await http.send(
      request(method, path, body, token: token, contentType: contentType, accept: accept))
    return Answer(response)
  }

  /// Creates the deployment `name` and returns it.
  @discardableResult
  func create(_ name: String = "wrktalk", _ change: (inout JSONValue) -> Void = { _ in }) async throws -> JSONValue {
    var object = Self.deployment(name)
    change(&object)
    return try await send("POST", Self.collection, object).json
  }

  /// Stores so many deployments, each of about so many bytes.
  func fill(count: Int, bytes: Int) async throws {
    for number in 0..<count {
      var object = Self.deployment("d\(number)")
      object["metadata"]?["namespace"] = "wrktalk"
      object["metadata"]?["annotations"] = ["long": .string(String(repeating: "x", count: bytes))]
      _ = try await store.write(DesiredDeploymentKind.definition, .create(object: object))
    }
  }

  static func deployment(_ name: String) -> JSONValue {
    [
      "apiVersion": "deploy.wrktalk.com/v1", "kind": "DesiredDeployment", "metadata": ["name": .string(name)],
      "spec": [
        "version": "1.0.0", "runtime": "Compose",
        "artifact": ["path": "artifacts/a.tgz", "sha256": .string(String(repeating: "a", count: 64))],
        "compose": ["projectName": "wrktalk"],
      ],
    ]
  }

  /// A request whose answer goes on, its lines read one by one.
  func watch(_ path: String, accept: String? = nil) async throws -> WatchLines {
    var request = request("GET", path, accept: accept)
    request.timeout = nil
    let response = try await http.stream(request)
    return WatchLines(status: response.status, body: response.body)
  }

  struct Answer {
    var status: Int
    var headers: HTTPHeaders
    var json: JSONValue
    var text: String

    init(_ response: HTTPTransport.HTTPResponse) {
      status = response.status
      headers = response.headers
      json = (try? JSONValue(parsing: response.body)) ?? .null
      text = String(decoding: response.body, as: UTF8.self)
    }

    var message: String { json["message"]?.string ?? "" }
  }
}

/// The events of a watch.
struct WatchLines {
  var status: Int
  private var iterator: HTTPBodySequence.AsyncIterator
  private var buffer: [UInt8] = []

  init(status: Int, body: HTTPBodySequence) {
    self.status = status
    iterator = body.makeAsyncIterator()
  }

  /// Nil at the end of the watch.
  mutating func next() async throws -> JSONValue? {
    while true {
      if let end = buffer.firstIndex(of: UInt8(ascii: "\n")) {
        let line = Array(buffer[..<end])
        buffer.removeSubrange(...end)
        return try JSONValue(parsing: line)
      }
      guard let chunk = try await iterator.next() else { return nil }
      buffer.append(contentsOf: chunk)
    }
  }

  /// `ADDED wrktalk`
  mutating func nextSummary() async throws -> String? {
    try await next().map { event in
      "\(event["type"]?.string ?? "?") \(event["object"]?["metadata"]?["name"]?.string ?? "-")"
    }
  }
}

/// Every role's name is a token, until it is revoked, and `agent-of-shop` one that is bound to a namespace. Nothing is remembered: each request is a lookup.
final class FixedTokens: Authenticator {
  private let revoked = Mutex<Set<String>>([])
  private let lookups = Mutex(0)

  var lookupCount: Int { lookups.withLock { $0 } }

  func revoke(_ token: String) { _ = revoked.withLock { $0.insert(token) } }

  func identity(forToken token: String, mayLookUp: @Sendable () throws -> Void) async throws -> Identity? {
    if token == "agent-of-shop" {
      return Identity(name: token, role: .agent, tenant: "shop", bindings: ["lease": "shop-agent"])
    }
    let role = BackendAccess.policy.definition(Role(rawValue: token))?.role
    if role == nil {
      try mayLookUp()
      lookups.withLock { $0 += 1 }
    }
    if revoked.withLock({ $0.contains(token) }) { return nil }
    return role.map { Identity(name: "the-\($0.rawValue)", role: $0) }
  }
}
