import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import NIOEmbedded
import ResourceModel
import Testing
import WireFormats

@testable import Access
@testable import HTTPService

/// The front with a few routes, asked without a socket.
@Suite struct ServiceFrontTests {
  /// Every token is that of a viewer.
  private struct Viewers: Authenticator {
    func identity(forToken token: String, mayLookUp: @Sendable () throws -> Void) async throws -> Identity? {
      token == "valid" ? Identity(name: "somebody", role: .viewer) : nil
    }
  }

  private func send(
    _ method: HTTPRequest.Method, _ path: String, token: String? = nil, body: RequestBody? = nil,
    _ configure: (inout ServiceConfiguration) -> Void = { _ in }
  ) async throws -> (status: Int, body: String, headers: HTTPFields) {
    var configuration = ServiceConfiguration()
    configuration.openPaths = PathPatterns(["/open", "/assets/*"])
    configuration.plainErrorPaths = PathPatterns(["/plain/*"])
    configure(&configuration)
    let front = ServiceFront(
      configuration: configuration, authenticator: Viewers(), policy: AccessPolicy([.admin, .viewer]),
      isReady: { true }, addRoutes: { Self.addRoutes(to: $0) })
    var head = HTTPRequest(method: method, scheme: "http", authority: "localhost", path: path)
    if let token { head.headerFields[.authorization] = "Bearer \(token)" }
    let context = ServiceContext(
      source: ApplicationRequestContextSource(
        channel: NIOAsyncTestingChannel(), logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }))
    let response = try await front.respond(
      to: Request(head: head, body: body ?? RequestBody(buffer: ByteBuffer())), context: context)
    let text = Collected()
    try await response.body.write(text)
    return (response.status.code, await text.text.value, response.headers)
  }

  private static func addRoutes(to router: Router<ServiceContext>) {
    for path in ["/open", "/closed", "/assets/a.css", "/openly"] as [RouterPath] {
      router.endpoint(
        path,
        [
          .get: { _, context in .json(["caller": .string(context.caller?.identity.name ?? "nobody")]) },
          .post: { _, context in .json(["caller": .string(try context.requireCaller().identity.name)]) },
        ])
    }
    for path in ["/plain/conflict", "/conflict"] as [RouterPath] {
      router.endpoint(path, [.get: { _, _ in throw StatusError(.conflict, "Deployment already in progress") }])
    }
    for path in ["/hurried", "/unhurried"] as [RouterPath] {
      router.endpoint(
        path,
        [
          .post: { request, _ in
            let bytes = try await JSONBody.read(request, maximumBytes: 10)
            return .text("\(bytes.count)")
          }
        ])
    }
  }

  private actor Text {
    var value = ""
    func append(_ more: String) { value += more }
  }

  private struct Collected: ResponseBodyWriter {
    let text = Text()

    mutating func write(_ buffer: ByteBuffer) async throws { await text.append(String(buffer: buffer)) }
    consuming func finish(_ trailingHeaders: HTTPFields?) async throws {}
  }

  @Test(
    arguments: [
      ("/open", nil, 200, "nobody"), ("/assets/a.css", nil, 200, "nobody"), ("/open", "valid", 200, "nobody"),
      ("/closed", nil, 401, ""), ("/closed", "wrong", 401, ""), ("/closed", "valid", 200, "somebody"),
      // What only begins like an open path is none.
      ("/openly", nil, 401, ""), ("/openly", "valid", 200, "somebody"), ("/nothing", nil, 401, ""),
      ("/nothing", "valid", 404, ""),
    ] as [(String, String?, Int, String)])
  func onlyOpenPathsNeedNoToken(path: String, token: String?, status: Int, caller: String) async throws {
    let answer = try await send(.get, path, token: token)
    #expect(answer.status == status)
    if status == 200 { #expect(answer.body == "{\"caller\":\"\(caller)\"}") }
  }

  @Test func anOpenPathKnowsNobody() async throws {
    #expect(try await send(.post, "/open").status == 401)
    #expect(try await send(.post, "/open", token: "valid").status == 401)
    #expect(try await send(.post, "/closed", token: "valid").status == 200)
  }

  @Test func otherMethodsAreNamedAndHeadIsAnsweredWithoutABody() async throws {
    let refused = try await send(.delete, "/closed", token: "valid")
    #expect(refused.status == 405)
    #expect(refused.headers[.allow] == "GET, HEAD, POST")
    let head = try await send(.head, "/closed", token: "valid")
    #expect(head.status == 200 && head.body.isEmpty)
  }

  @Test func failuresHaveTheFormOfTheirPath() async throws {
    let plain = try await send(.get, "/plain/conflict", token: "valid")
    #expect(plain.status == 409)
    #expect(plain.body == "{\"error\":\"Deployment already in progress\"}")
    let status = try await send(.get, "/conflict", token: "valid")
    #expect(status.status == 409)
    #expect(status.body.contains("\"kind\":\"Status\""))
  }

  @Test func aSlowBodyIsWaitedForWhereItsPathTakesItsTime() async throws {
    func answer(_ path: String, sends: Bool) async throws -> Int {
      let (body, source) = RequestBody.makeStream()
      let sender = Task {
        // Where nothing is to be sent, not before the answer has come.
        try? await Task.sleep(for: sends ? .milliseconds(30) : .seconds(3600))
        await source.yield(ByteBuffer(string: "late"))
        source.finish()
      }
      defer { sender.cancel() }
      return try await send(.post, path, token: "valid", body: body) { configuration in
        configuration.requestTimeout = .milliseconds(1)
        configuration.unhurriedPaths = PathPatterns(["/unhurried"])
      }.status
    }
    #expect(try await answer("/hurried", sends: false) == 504)
    #expect(try await answer("/unhurried", sends: true) == 200)
  }

  @Test func openPathsHaveARateOfTheirOwn() async throws {
    #expect(
      try await send(.get, "/open") { $0.openRequests = ServiceConfiguration.Allowance(rate: 0.001, burst: 0.5) }.status
        == 429)
  }

  @Test func metricsAreForThosePolicyNames() async throws {
    #expect(try await send(.get, "/metrics").status == 401)
    #expect(try await send(.get, "/metrics", token: "valid").status == 200)
    #expect(try await send(.get, "/metrics") { $0.areMetricsOpen = true }.status == 200)
  }
}
