import Access
import HTTPService
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import NIOEmbedded
import ResourceModel
import Synchronization
import WireFormats

@testable import Backend

/// Requests as the server answers them, without a connection.
struct BackendCalls: Sendable {
  struct Answer: Sendable {
    var status: Int
    var json: JSONValue

    var error: String { json["error"]?.string ?? "" }
  }

  private static let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
  private let front: ServiceFront

  init(_ fixture: BackendFixture) {
    var configuration = ServiceConfiguration()
    configuration.tokenHeaders = BackendAccess.tokenHeaders
    configuration.plainErrorPaths = PathPatterns(["/api/admin/*", "/internal/*"])
    front = ServiceFront(
      configuration: configuration, authenticator: Names(), policy: BackendAccess.policy, isReady: { true },
      addRoutes: { fixture.parts.addRoutes(to: $0) })
  }

  /// A token is the name of its owner: `admin`, `viewer`, or an Agent's that begins with `agent`, in the namespace after a dash at
  /// the end.
  private struct Names: Authenticator {
    func identity(forToken token: String, mayLookUp: @Sendable () throws -> Void) async throws -> Identity? {
      switch token {
      case "admin": Identity(name: "ada@example.com", role: .admin)
      case "viewer": Identity(name: "vera", role: .viewer)
      case "agent-elsewhere": Identity(name: token, role: .agent, tenant: "elsewhere")
      case _ where token.hasPrefix("agent"): Identity(name: token, role: .agent, tenant: "wrktalk")
      default: nil
      }
    }
  }

  func send(
    _ method: HTTPRequest.Method, _ path: String, _ body: JSONValue? = nil, as token: String = "admin"
  ) async throws -> Answer {
    try await send(method, path, bytes: body?.serialized() ?? [], as: token)
  }

  func send(
    _ method: HTTPRequest.Method, _ path: String, bytes: [UInt8], as token: String
  ) async throws -> Answer {
    var head = HTTPRequest(method: method, scheme: "http", authority: "localhost", path: path)
    if token.hasPrefix("agent"), let name = HTTPField.Name("X-Agent-Secret") {
      head.headerFields[name] = token
    } else {
      head.headerFields[.authorization] = "Bearer \(token)"
    }
    if !bytes.isEmpty { head.headerFields[.contentType] = "application/json" }
    let request = Request(head: head, body: RequestBody(buffer: ByteBuffer(bytes: bytes)))
    let context = ServiceContext(
      source: ApplicationRequestContextSource(channel: NIOAsyncTestingChannel(), logger: Self.logger))
    let response = try await front.respond(to: request, context: context)
    let collected = Collected()
    try await response.body.write(Collector(collected: collected))
    return Answer(
      status: response.status.code, json: (try? JSONValue(parsing: collected.bytes.withLock { $0 })) ?? .null)
  }

  private final class Collected: Sendable {
    let bytes = Mutex<[UInt8]>([])
  }

  private struct Collector: ResponseBodyWriter {
    let collected: Collected

    mutating func write(_ buffer: ByteBuffer) async throws {
      collected.bytes.withLock { $0.append(contentsOf: buffer.readableBytesView) }
    }

    consuming func finish(_ trailingHeaders: HTTPFields?) async throws {}
  }
}
