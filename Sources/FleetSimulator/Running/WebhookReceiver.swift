import NIOCore
import NIOHTTP1
import NIOPosix

/// The webhook endpoints of all customers, behind one port.
struct WebhookReceiver {
  /// A webhook as it came.
  struct Delivery: Sendable {
    /// Nil where the path is not a customer's.
    var customer: Int?
    var id: String?
    var signature: String?
    var body: [UInt8]
  }

  private let group: MultiThreadedEventLoopGroup
  private let channel: any Channel

  var port: Int { channel.localAddress?.port ?? 0 }

  /// - Parameter receive: called on the threads of the connections; must not wait.
  static func start(
    host: String, port: Int, receive: @escaping @Sendable (Delivery) -> SimulatedFleet.WebhookReply
  ) async throws -> WebhookReceiver {
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    do {
      let channel = try await ServerBootstrap(group: group)
        .serverChannelOption(.backlog, value: 4096)
        .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
        .childChannelInitializer { channel in
          channel.eventLoop.makeCompletedFuture {
            try channel.pipeline.syncOperations.configureHTTPServerPipeline()
            try channel.pipeline.syncOperations.addHandler(WebhookHandler(receive: receive))
          }
        }
        .bind(host: host, port: port).get()
      return WebhookReceiver(group: group, channel: channel)
    } catch {
      try? await group.shutdownGracefully()
      throw SimulationError(
        "cannot receive webhooks on \(host):\(port): \(error)",
        hint: "Choose another address with --listen; it is written into the organizations.")
    }
  }

  func stop() async {
    try? await channel.close()
    try? await group.shutdownGracefully()
  }
}

/// One connection: reads a webhook, and answers as its customer would.
private final class WebhookHandler: ChannelInboundHandler {
  typealias InboundIn = HTTPServerRequestPart
  typealias OutboundOut = HTTPServerResponsePart

  private static let maximumBodyBytes = 1 << 20

  private let receive: @Sendable (WebhookReceiver.Delivery) -> SimulatedFleet.WebhookReply
  private var head: HTTPRequestHead?
  private var body: [UInt8] = []

  init(receive: @escaping @Sendable (WebhookReceiver.Delivery) -> SimulatedFleet.WebhookReply) {
    self.receive = receive
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch unwrapInboundIn(data) {
    case .head(let head):
      self.head = head
      body = []
    case .body(let buffer):
      guard body.count + buffer.readableBytes <= Self.maximumBodyBytes else {
        context.close(promise: nil)
        return
      }
      body.append(contentsOf: buffer.readableBytesView)
    case .end:
      guard let head else { return }
      self.head = nil
      let reply = receive(
        .init(
          customer: head.method == .POST ? Self.customer(head.uri) : nil,
          id: head.headers.first(name: "X-Webhook-Id"), signature: head.headers.first(name: "X-Webhook-Signature"),
          body: body))
      body = []
      answer(reply, head, context)
    }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

  /// `/customers/42/api/deployment/webhook`.
  private static func customer(_ path: String) -> Int? {
    let parts = path.split(separator: "/")
    guard parts.count == 5, parts[0] == "customers", parts[2...].elementsEqual(["api", "deployment", "webhook"]) else {
      return nil
    }
    return Int(parts[1])
  }

  private func answer(
    _ reply: SimulatedFleet.WebhookReply, _ head: HTTPRequestHead, _ context: ChannelHandlerContext
  ) {
    switch reply {
    case .none: context.close(promise: nil)
    case .status(let status, 0): write(status, head.isKeepAlive, context)
    case .status(let status, let delay):
      let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
      let keepsAlive = head.isKeepAlive
      context.eventLoop.scheduleTask(in: .milliseconds(delay)) {
        let (handler, context) = bound.value
        if context.channel.isActive { handler.write(status, keepsAlive, context) }
      }
    }
  }

  private func write(_ status: Int, _ keepsAlive: Bool, _ context: ChannelHandlerContext) {
    let text = status == 200 ? #"{"received":true}"# : #"{"error":"refused"}"#
    var headers = HTTPHeaders([("Content-Type", "application/json"), ("Content-Length", String(text.utf8.count))])
    if !keepsAlive { headers.add(name: "Connection", value: "close") }
    let head = HTTPResponseHead(version: .http1_1, status: .init(statusCode: status), headers: headers)
    context.write(wrapOutboundOut(.head(head)), promise: nil)
    context.write(wrapOutboundOut(.body(.byteBuffer(context.channel.allocator.buffer(string: text)))), promise: nil)
    let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
    context.writeAndFlush(wrapOutboundOut(.end(nil))).whenComplete { _ in
      if !keepsAlive { bound.value.close(promise: nil) }
    }
  }
}
