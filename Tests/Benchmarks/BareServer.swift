import FleetProtocol
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import ServiceLifecycle

/// The least that takes webhooks on the Backend's stack: a route that checks the signature, without a front, a database or a log.
enum BareServer {
  /// Serves on a free port of loopback for as long as `body` runs.
  static func run(secret: String, _ body: @escaping @Sendable (_ port: Int) async throws -> Void) async throws {
    let router = Router()
    router.post("/webhook") { request, _ -> Response in
      let signature = HTTPField.Name(WebhookSignature.header).flatMap { request.headers[$0] } ?? ""
      let bytes = Array(buffer: try await request.body.collect(upTo: 64 << 10))
      let isRight = WebhookSignature.isValid(signature, of: bytes, secret: secret)
      return Response(
        status: isRight ? .ok : .unauthorized, headers: [.contentType: "application/json"],
        body: ResponseBody(byteBuffer: ByteBuffer(string: #"{"received": true}"#)))
    }
    let (ports, announce) = AsyncStream<Int>.makeStream()
    let logger = Logger(label: "bench") { _ in SwiftLogNoOpLogHandler() }
    let application = Application(
      router: router, configuration: ApplicationConfiguration(address: .hostname("127.0.0.1", port: 0)),
      onServerRunning: { channel in announce.yield(channel.localAddress?.port ?? 0) }, logger: logger)
    let group = ServiceGroup(services: [application], logger: logger)
    try await withThrowingTaskGroup(of: Void.self) { tasks in
      tasks.addTask { try await group.run() }
      for await port in ports {
        try await body(port)
        break
      }
      await group.triggerGracefulShutdown()
      try await tasks.waitForAll()
    }
  }
}
